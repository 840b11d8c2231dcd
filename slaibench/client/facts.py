"""What a load generator says of itself, for the record of a run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ClientFacts:
    """How the load was made.

    Args:
        processes: client processes.
        reads: network reads that brought tokens.
        reads_of_several: those that brought more than one; each gives one gap and else zeros.
        tokens: tokens read, also those of requests that failed later.
        cpu_us_a_token: CPU time of all processes from start to end, over ``tokens``; None without
            tokens.
        lag_p50_s, lag_p99_s, lag_max_s: sent minus due; None where nothing was sent.
        connections: opened in all, those before the start included.
        counted: requests with tokens, by what these were counted (``slaibench.client.tokens``).
    """

    processes: int
    reads: int
    reads_of_several: int
    tokens: int
    cpu_us_a_token: float | None
    lag_p50_s: float | None
    lag_p99_s: float | None
    lag_max_s: float | None
    connections: int
    counted: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)
