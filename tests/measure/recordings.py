"""Small recordings written down by hand, and large random ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slaibench.recording.record import Recording, RequestTable, StepTable

NAN = float("nan")


@dataclass(frozen=True)
class Row:
    """One request: when due, its token times, how it ended."""

    due_s: float
    tokens_s: Sequence[float] = ()
    outcome: str = "finished"
    tier: str = "free"
    tbt_slo_s: float = 0.5
    prompt_tokens: int = 100
    scheduled_s: float = NAN
    sent_s: float | None = None
    ttft_slo_s: float = math.inf
    tenant: str = ""


def recording(rows: Sequence[Row], end_s: float) -> Recording:
    """A recording of these requests; columns that the tests do not look at are filled in."""
    n = len(rows)
    sizes = [len(row.tokens_s) for row in rows]
    requests = RequestTable(
        request_id=np.arange(n),
        due_s=np.array([row.due_s for row in rows], dtype=float),
        sent_s=np.array([row.due_s if row.sent_s is None else row.sent_s for row in rows]),
        first_scheduled_s=np.array([row.scheduled_s for row in rows], dtype=float),
        prompt_tokens=np.array([row.prompt_tokens for row in rows]),
        output_tokens=np.maximum(sizes, 1),
        tier=np.array([row.tier for row in rows]),
        tbt_slo_s=np.array([row.tbt_slo_s for row in rows], dtype=float),
        outcome=np.array([row.outcome for row in rows]),
        error=np.array(["" for _ in rows]),
        num_preemptions=np.zeros(n, dtype=np.int64),
        token_offsets=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        token_times_s=np.array([t for row in rows for t in row.tokens_s], dtype=float),
        ttft_slo_s=np.array([row.ttft_slo_s for row in rows], dtype=float),
        tenant=np.array([row.tenant for row in rows], dtype=np.str_),
    )
    return Recording({"end_s": end_s}, requests, no_steps())


def no_steps() -> StepTable:
    none, zero = np.empty(0), np.empty(0, dtype=np.int64)
    return StepTable(none, none, zero, zero, zero, zero, zero, zero, zero)


def random_rows(rng: np.random.Generator, n: int, *, rate_rps: float = 1.0) -> list[Row]:
    """Independent requests of all outcomes; times need not be those of a real engine."""
    rows = []
    due = 0.0
    for _ in range(n):
        due += float(rng.exponential(1 / rate_rps))
        outcome = str(
            rng.choice(["finished", "failed", "timed_out", "unfinished"], p=[0.7, 0.1, 0.1, 0.1])
        )
        size = int(rng.integers(1 if outcome == "finished" else 0, 12))
        gaps = rng.choice([0.0, 0.02, 0.05, 0.2], size=size)
        tokens = due + 0.1 + float(rng.exponential(0.3)) + np.cumsum(gaps)
        tier = str(rng.choice(["free", "paying"]))
        rows.append(
            Row(
                due,
                tokens.tolist(),
                outcome,
                tier,
                0.1 if tier == "paying" else 0.5,
                int(rng.integers(1, 3000)),
                due + 0.05 if size else NAN,
            )
        )
    return rows
