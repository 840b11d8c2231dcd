"""One request of a workload: when it is due and how large it is."""

from __future__ import annotations

from dataclasses import dataclass

from slaibench.workloads.content import BlockKeys, Piece


@dataclass(frozen=True, slots=True)
class Request:
    """A request as the load generator sees it, before anything has run.

    Args:
        request_id: position in the run's arrival order, from 0.
        due_s: intended arrival, seconds after the start of the run. Fixed before the run starts.
        prompt_tokens: tokens in the prompt, at least 1.
        output_tokens: tokens the request will generate, at least 1 (the prefill yields the first).
        tier: name of the service class.
        tbt_slo_s: this request's time-between-tokens objective, seconds.
        pieces: what its prompt is made of; none: tokens that no other request has.
    """

    request_id: int
    due_s: float
    prompt_tokens: int
    output_tokens: int
    tier: str = "free"
    tbt_slo_s: float = 0.5
    pieces: tuple[Piece, ...] = ()

    def block_keys(self, size: int) -> BlockKeys:
        """What its blocks hold, of so many tokens each."""
        own = (Piece(self.request_id, 0, self.prompt_tokens),)
        return BlockKeys(self.pieces or own, size)
