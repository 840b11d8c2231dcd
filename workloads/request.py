"""One request of a workload: when it is due and how large it is."""

from __future__ import annotations

from dataclasses import dataclass


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
    """

    request_id: int
    due_s: float
    prompt_tokens: int
    output_tokens: int
    tier: str = "free"
    tbt_slo_s: float = 0.5
