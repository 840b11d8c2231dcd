"""The time of a step that only decodes, under the engine's own scheduler and under ours."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np

from slaibench.backends.base import Backend, RunSettings
from slaibench.studies import scheduler_info
from slaibench.workloads.request import Request

PROMPT_TOKENS = 64
REPEATS = 2
TRIES = 2
"""Times as many runs for them, where the machine has other things to do."""
PATIENT_S = 1e6
"""A TBT that nobody misses, so that no decode is urgent and none is withheld for another."""


def decode_cost(
    backend: Backend, schedulers: Sequence[str], actives: Sequence[int], output_tokens: int
) -> list[dict[str, Any]]:
    """Cycle of a step, from its start to the start of the next, and the part after its end.

    All requests decode together: the same batch under every scheduler. Runs are repeated
    ``REPEATS`` times, those of a scheduler one after the other, since the engine's own has a server
    to itself; the first of each is not counted, nor is one in which the requests came too far apart
    to decode together for long, which is made up for by another (``TRIES``).

    Returns:
        For each number of active requests and scheduler: the median of all its steps, the medians
        of its repeats (``spread``), and of what lies between two steps; milliseconds, None where no
        repeat counts.
    """
    rows = []
    for active in actives:
        cycles: dict[str, list[float]] = {text: [] for text in schedulers}
        between: dict[str, list[float]] = {text: [] for text in schedulers}
        for text in schedulers:
            for repeat in range(TRIES * REPEATS + 1):
                if len(cycles[text]) == REPEATS:
                    break
                medians = _run(backend, text, active, repeat, output_tokens)
                if repeat and medians is not None:
                    cycles[text].append(medians[0])
                    between[text].append(medians[1])
        rows += [
            {
                "active": active,
                "scheduler": text,
                "cycle_ms": _median_ms(cycles[text]),
                "spread_ms": [1e3 * cycle_s for cycle_s in sorted(cycles[text])],
                "between_ms": _median_ms(between[text]),
            }
            for text in schedulers
        ]
    return rows


def _median_ms(times_s: Sequence[float]) -> float | None:
    return 1e3 * statistics.median(times_s) if times_s else None


def _run(
    backend: Backend, text: str, active: int, repeat: int, output_tokens: int
) -> tuple[float, float] | None:
    """Median cycle and gap, seconds; None: too few steps in which all decode."""
    requests = [
        Request(number, 0.0, PROMPT_TOKENS, output_tokens, "free", PATIENT_S)
        for number in range(active)
    ]
    settings = RunSettings(scheduler=text, seed=repeat)
    steps = backend.run(requests, scheduler_info.build(text), settings).steps
    full = np.flatnonzero((steps.decodes == active) & (steps.prefill_tokens == 0))
    full = full[(full + 1 < len(steps)) & np.isin(full + 1, full)]
    if len(full) < output_tokens // 4:
        return None
    cycle = steps.start_s[full + 1] - steps.start_s[full]
    gap = steps.start_s[full + 1] - steps.end_s[full]
    return float(np.median(cycle)), float(np.median(gap))
