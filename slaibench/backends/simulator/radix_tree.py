"""Beginnings of prompts as a tree: what a radix cache looks up, adds and throws away."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from heapq import heappop, heappush

STEP = 1 << 32
"""Between two moments: the nodes of a path are used one after the other within one."""


class Node:
    """Blocks that follow each other, under those of its parent.

    Attributes:
        keys: of its blocks (``content.BlockKeys``); a key says what all blocks before hold, too.
        children: by the key of their first block.
        num_locks: requests that need it, or what lies under it.
        used_at: when it was last used; of two nodes no two are equal.
        is_queued: whether it is in ``RadixTree``'s queue.
    """

    __slots__ = ("children", "is_queued", "keys", "num_locks", "parent", "used_at")

    def __init__(self, parent: Node | None, keys: Sequence[int], used_at: int) -> None:
        self.parent = parent
        self.keys = keys
        self.used_at = used_at
        self.children: dict[int, Node] = {}
        self.num_locks = 0
        self.is_queued = False


class RadixTree:
    """The tree of SGLang 0.5.23. Each beginning is in it once; it is given up leaf by leaf.

    A node ends where prompts part, or where somebody looked no further. To look a prompt up, or to
    add it, is to use the nodes of its path. Whoever is cut in two by that has been used as well.

    Source: ``sglang/srt/mem_cache/unified_cache/unified_tree_core.py`` and ``components/full.py``.

    Attributes:
        evictable: blocks that no request needs.
        locked: blocks that some do.
    """

    def __init__(self) -> None:
        self.root = Node(None, (), 0)
        self.evictable = self.locked = 0
        self._moment = 0
        self._unlocked: list[tuple[int, Node]] = []
        """Leaves that nobody needs, by when they were used last, or before that."""

    def find(self, keys: Sequence[int], most: int) -> tuple[Node, int]:
        """The longest beginning of so many blocks that is there, and how many it has."""
        node, found = self.root, 0
        while found < most:
            child = node.children.get(keys[found])
            if child is None:
                break
            length = _num_alike(child.keys, keys, found, most)
            if length < len(child.keys):
                child = self._cut(child, length)
            node, found = child, found + length
        used_at, it = self._now(), node
        while it.parent is not None:  # whoever holds others lasts no longer than they do
            it.used_at = used_at
            used_at -= 1
            it = it.parent
        return node, found

    def add(self, keys: Sequence[int], count: int) -> tuple[Node, int]:
        """Have a beginning of so many blocks; returns where it ends, and how many were there."""
        node, found = self.root, 0
        while found < count:
            child = node.children.get(keys[found])
            if child is None:
                break
            child.used_at = self._now()
            length = _num_alike(child.keys, keys, found, count)
            if length < len(child.keys):
                child = self._cut(child, length)
            node, found = child, found + length
        if found == count:
            return node, found
        new = node.children[keys[found]] = Node(node, keys[found:count], self._now())
        self.evictable += count - found
        self._offer(new)
        return new, found

    def lock(self, node: Node) -> None:
        """A request needs it, and all above."""
        while node.parent is not None:
            if not node.num_locks:
                self.evictable -= len(node.keys)
                self.locked += len(node.keys)
            node.num_locks += 1
            node = node.parent

    def unlock(self, node: Node) -> None:
        """A request needs it no longer."""
        while node.parent is not None:
            node.num_locks -= 1
            if not node.num_locks:
                self.evictable += len(node.keys)
                self.locked -= len(node.keys)
                self._offer(node)
            node = node.parent

    def evict(self) -> int:
        """Give up the leaf that was used longest ago; returns its blocks, 0: all are needed."""
        queue = self._unlocked
        while queue:
            used_at, node = heappop(queue)
            parent = node.parent
            node.is_queued = False
            if parent is None or node.num_locks or node.children:
                continue
            if node.used_at != used_at:  # since then
                self._offer(node)
                continue
            del parent.children[node.keys[0]]
            self.evictable -= len(node.keys)
            self._offer(parent)
            return len(node.keys)
        return 0

    def _offer(self, node: Node) -> None:
        if not (node.is_queued or node.num_locks or node.children or node.parent is None):
            node.is_queued = True
            heappush(self._unlocked, (node.used_at, node))

    def _cut(self, node: Node, length: int) -> Node:
        """Have a node of its own for its first blocks; returns that."""
        parent = node.parent
        assert parent is not None
        upper = Node(parent, node.keys[:length], self._now())
        upper.num_locks = node.num_locks
        parent.children[upper.keys[0]] = upper
        node.parent, node.keys = upper, node.keys[length:]
        upper.children[node.keys[0]] = node
        node.used_at = self._now()
        return upper

    def _now(self) -> int:
        self._moment += STEP
        return self._moment


def _num_alike(ours: Sequence[int], keys: Sequence[int], start: int, stop: int) -> int:
    """How many of a node's blocks are those of ``keys`` from ``start`` on.

    A key stands for all blocks up to its own, so they are alike up to some place and not after.
    """
    length = min(len(ours), stop - start)
    if ours[length - 1] == keys[start + length - 1]:
        return length
    return bisect_left(range(length), True, key=lambda place: ours[place] != keys[start + place])
