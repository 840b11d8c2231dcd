"""Speculative decoding: how many tokens a decode drafts, and how many of them are accepted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slaibench.schedulers.base import Scheduler, SchedulerError
from slaibench.workloads.request import Request

STREAM = 4
"""Of a run's seed; those below are the workload's (``workloads.generate``)."""


@dataclass(frozen=True, slots=True)
class Speculation:
    """A decode drafts some tokens, verifies them all in one batch and keeps those first ones that
    the model would have said itself; the model's own next token comes on top.

    Each drafted token is accepted with the same probability, whatever the others are, until the
    first that is not. Source: Leviathan, Kalman, Matias, "Fast Inference from Transformers via
    Speculative Decoding", arXiv 2211.17192, Sec. 3.1.

    Args:
        draft_tokens: that a decode drafts, at least 1; more than a request still needs too, since
            nobody knows its length.
        acceptance_rate: probability that a drafted token is accepted, in [0, 1].
    """

    draft_tokens: int
    acceptance_rate: float

    @property
    def tokens_per_decode(self) -> int:
        """Most tokens that a decode computes and yields."""
        return 1 + self.draft_tokens

    @property
    def expected_yield(self) -> float:
        """Tokens that a decode yields on average: 1 + A + A^2 + ... (eq. 1 of the source)."""
        return sum(self.acceptance_rate**accepted for accepted in range(self.tokens_per_decode))

    def yields(self, seed: int, request: Request) -> list[int]:
        """Tokens that a decode of a request would yield, by how many it has already: from none to
        one less than all.

        Whether the draft of its n-th output token would be accepted is drawn for each n, from a
        generator of the request's own. So it meets the same luck under every scheduler, and after
        a preemption.

        Args:
            seed: of the run.
        """
        total = request.output_tokens
        stream = np.random.SeedSequence(seed, spawn_key=(STREAM, request.request_id))
        is_rejected = np.random.default_rng(stream).random(total) >= self.acceptance_rate
        places = np.arange(total)
        rejections = np.append(np.flatnonzero(is_rejected), total)
        accepted = rejections[np.searchsorted(rejections, places)] - places
        yields: list[int] = np.minimum(
            np.minimum(accepted, self.draft_tokens) + 1, total - places
        ).tolist()
        return yields

    def check_block(self, block_size: int) -> None:
        """Refuse decodes that could need two KV blocks at once: schedulers count one.

        Raises:
            ValueError: with the most that goes.
        """
        if self.tokens_per_decode > block_size:
            raise ValueError(
                f"{self.draft_tokens} drafted tokens and one more do not fit a KV block of "
                f"{block_size} tokens, and schedulers count one block a decode: draft "
                f"{block_size - 1} or fewer"
            )

    def check_scheduler(self, scheduler: Scheduler) -> None:
        """Refuse a scheduler whose batches could hold no decode.

        Raises:
            SchedulerError: with the budget that does.
        """
        if scheduler.token_budget < self.tokens_per_decode:
            raise SchedulerError(
                f"a token budget of {scheduler.token_budget} holds no decode, which verifies "
                f"{self.draft_tokens} drafted tokens beside its own: give the scheduler "
                f"token_budget={self.tokens_per_decode} or more"
            )


def slots_of(tokens: int, speculation: Speculation | None, longest: int | None) -> int:
    """KV slots that a request needs at most.

    Args:
        tokens: of prompt and output, of which the last is never computed.
        longest: most tokens of any request; None: no limit.
    """
    if speculation is None:
        return tokens - 1
    slots = tokens - 1 + speculation.draft_tokens
    return slots if longest is None else min(slots, longest - 1)
