"""What a scheduler decides, an engine step, and what the engine makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class BatchWork(NamedTuple):
    """What a batch that an engine has begun computes; nothing in it changes afterwards.

    Args:
        context_tokens: KV tokens that its decodes read, those that they write among them.
        chunks: (tokens, tokens before them) of each prefill.
        finished_prefills: requests whose prefill ends with it: they get a token of it, as those
            that decode do.
        draft_tokens: that its decodes verify, beside one token each.
        yields: tokens that each of its decodes gives, in their order; empty: one each. Not before
            the batch is done is it all there.
    """

    context_tokens: int
    chunks: Sequence[tuple[int, int]]
    finished_prefills: Sequence[Any]
    draft_tokens: int = 0
    yields: Sequence[int] = ()

    @property
    def pairs(self) -> float:
        """Pairs of a chunk's token and a token before it, of all chunks."""
        pairs: float = sum(tokens * (before + tokens / 2) for tokens, before in self.chunks)
        return pairs


NO_WORK = BatchWork(0, (), ())


@dataclass(slots=True)
class Batch:
    """One engine step.

    Args:
        decodes: requests that each generate one next token, or more of them where drafted ones are
            verified.
        prefills: (request, tokens): prefilling requests, or waiting ones, which this admits.
        preempt: requests that lose their blocks and go back to the waiting queue, before all else.
        wake_s: for an empty batch: when it makes sense to look again even if nothing arrives;
            None: not before the next arrival.
        critical_decodes: how many of ``decodes`` could not wait (for the record only).
        work: what it computes; the engine says so when it begins it.
        is_reported: whether ``batch_done`` was called for it.
    """

    decodes: list[Any] = field(default_factory=list)
    prefills: list[tuple[Any, int]] = field(default_factory=list)
    preempt: list[Any] = field(default_factory=list)
    wake_s: float | None = None
    critical_decodes: int = 0
    work: BatchWork = NO_WORK
    is_reported: bool = False

    def __bool__(self) -> bool:
        return bool(self.decodes or self.prefills)

    @property
    def num_tokens(self) -> int:
        """Tokens of its prompts, and one a decode (``batching.tokens_of`` counts all)."""
        return len(self.decodes) + sum(tokens for _, tokens in self.prefills)
