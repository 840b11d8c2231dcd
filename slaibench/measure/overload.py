"""Saturated throughput: the work that a scheduler does while more arrives than it can serve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slaibench.measure.intervals import t_interval
from slaibench.measure.work import Prices, worth_of_decodes, worth_of_prompts
from slaibench.recording.record import FloatArray, Recording, RequestTable

FULL_FROM = 0.35
"""Share of the arrival window after which the engine is full. Arrivals exceed what any scheduler
serves by a tenth at least, and most by more."""
BATCHES = 8
"""Parts of the rest whose throughputs give the interval."""


@dataclass(frozen=True, slots=True)
class SaturatedThroughput:
    """Requests a second of the workload's own mix, by the work that was done.

    Args:
        rate_rps: the estimate.
        low, high: its 95 % interval.
    """

    rate_rps: float
    low: float
    high: float


def throughput_under_overload(recording: Recording) -> SaturatedThroughput | None:
    """Of a run that was made to measure it (``overload`` in its specification); else None.

    Work counts at the prices of the capacity bound: a scheduler that takes short requests first
    finishes more of them than it could of all, and is not flattered. A prompt counts when its
    prefill ends, a decode when its batch does.
    """
    overload = recording.run["spec"].get("overload")
    if overload is None:
        return None
    prices = Prices(**{name: value for name, value in overload.items() if name != "bound_rps"})
    requests = recording.requests
    edges = float(requests.due_s[-1]) * np.linspace(FULL_FROM, 1.0, BATCHES + 1)
    worth_s = worth_over(requests, int(recording.run["block_size"]), prices, edges)
    rates = overload["bound_rps"] * worth_s / np.diff(edges)
    interval = t_interval(rates.tolist())
    return SaturatedThroughput(
        interval.estimate, interval.low or 0.0, interval.high or interval.estimate
    )


def worth_over(
    requests: RequestTable, block_size: int, prices: Prices, edges: FloatArray
) -> FloatArray:
    """Seconds that the work that ended between successive ``edges`` is worth."""
    times, counts = requests.token_times_s, requests.num_tokens
    number = np.arange(len(times)) - np.repeat(requests.token_offsets[:-1], counts)
    context = np.repeat(requests.prompt_tokens, counts) + number
    worth_s = np.zeros(len(times))
    decoded = number > 0
    worth_s[decoded] = worth_of_decodes(context[decoded], block_size, prices)
    worth_s[~decoded] = worth_of_prompts(requests.prompt_tokens[counts > 0], prices)
    return np.histogram(times, bins=edges, weights=worth_s)[0]
