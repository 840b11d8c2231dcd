"""The radix tree against all beginnings that are in it, written out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from slaibench.backends.simulator.radix_tree import Node, RadixTree

Prompt = tuple[int, ...]


def keys_of(prompt: Prompt) -> list[int]:
    """A key a block, which says what all blocks up to it hold."""
    return [hash(prompt[: end + 1]) for end in range(len(prompt))]


def nodes(node: Node) -> Iterator[Node]:
    for child in node.children.values():
        yield child
        yield from nodes(child)


def path(node: Node) -> list[int]:
    """Keys from the root to the end of a node."""
    return [] if node.parent is None else [*path(node.parent), *node.keys]


def longest(kept: set[int], prompt: Prompt) -> int:
    """Blocks of the longest beginning that is there."""
    keys = keys_of(prompt)
    return next((end for end, key in enumerate(keys) if key not in kept), len(keys))


def draw(rng: np.random.Generator) -> Prompt:
    """Of two kinds of blocks, so that prompts part at every place."""
    return tuple(rng.integers(0, 2, size=int(rng.integers(1, 9))).tolist())


@pytest.mark.parametrize("seed", range(20))
def test_it_holds_each_beginning_once_until_it_is_given_up(seed: int) -> None:
    rng = np.random.default_rng(seed)
    tree, kept = RadixTree(), set[int]()
    holders: list[tuple[Node, Prompt]] = []
    num_evicted = 0
    for _ in range(300):
        prompt = draw(rng)
        keys = keys_of(prompt)
        action = rng.integers(0, 5)
        if action == 0:
            node, found = tree.find(keys, len(keys))
            assert found == longest(kept, prompt)
            assert path(node) == keys[:found]
            tree.lock(node)
            holders.append((node, prompt[:found]))
        elif action in (1, 2):
            before = longest(kept, prompt)
            node, found = tree.add(keys, len(keys))
            assert found == before
            assert path(node) == keys
            kept.update(keys)
        elif action == 3 and holders:
            node, _ = holders.pop(int(rng.integers(len(holders))))
            tree.unlock(node)
        else:
            leaves = [it for it in nodes(tree.root) if not it.children and not it.num_locks]
            oldest = min(leaves, key=lambda it: it.used_at, default=None)
            gone = [] if oldest is None else list(oldest.keys)
            assert tree.evict() == len(gone)
            kept.difference_update(gone)
            num_evicted += len(gone)
        in_tree = [key for it in nodes(tree.root) for key in it.keys]
        locked = {key for _, held in holders for key in keys_of(held)}
        assert sorted(in_tree) == sorted(kept)
        assert locked <= kept
        assert (tree.locked, tree.evictable) == (len(locked), len(kept) - len(locked))
    assert num_evicted > 0


def test_a_prompt_of_which_no_block_is_full_is_nowhere() -> None:
    tree = RadixTree()
    assert tree.find((), 0) == (tree.root, 0)
    assert tree.add((), 0) == (tree.root, 0)
    assert tree.evict() == 0


def test_a_beginning_outlasts_what_follows_it() -> None:
    tree = RadixTree()
    tree.add(keys_of((0, 0)), 2)
    tree.add(keys_of((0, 0, 1, 1, 1)), 5)
    assert [tree.evict(), tree.evict(), tree.evict()] == [3, 2, 0]


def test_whatever_was_used_longest_ago_goes_first() -> None:
    tree = RadixTree()
    for first in range(3):
        tree.add(keys_of((first,) * (first + 1)), first + 1)
    tree.find(keys_of((0,)), 1)
    assert [tree.evict() for _ in range(3)] == [2, 3, 1]
