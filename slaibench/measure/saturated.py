"""Throughput of a saturated run: the work done at given prices, whatever requests it belongs to.

Of a run whose requests were all due at once while requests still wait (``saturated``), and of one
in which more arrives than any scheduler serves (``throughput_under_overload``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slaibench.measure.intervals import t_interval
from slaibench.measure.steady import left_s
from slaibench.measure.warmup import time_to_fill
from slaibench.measure.work import Prices, worth_of_decodes, worth_of_prompts
from slaibench.recording.record import FloatArray, IntArray, Recording, RequestTable
from slaibench.recording.sessions import is_half_open

LEAST_SHARE = 0.3
"""Of the run that the window must hold: with less, the backlog was too small to tell."""
FULL_FROM = 0.35
"""Share of the arrival window after which the engine is full. Arrivals exceed what any scheduler
serves by a tenth at least, and most by more."""
BATCHES = 8
"""Parts of the rest whose throughputs give the interval."""


@dataclass(frozen=True, slots=True)
class Saturated:
    """What an engine did from when it was full until nobody waited.

    Args:
        share: seconds of work, at the prices, a second: of the bound that the prices are of.
        num_requests: that finished in the window.
        tokens_per_batch: mean over the window's batches.
        preemptions: in the window.
    """

    share: float
    num_requests: int
    tokens_per_batch: float
    preemptions: int


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


def backlog_window(recording: Recording) -> tuple[float, float] | None:
    """From twice a request's stay (as ``steady.time_to_fill``, of the first 50 that were taken in)
    to when the last waiting request was taken in; None: too short, or no batches on record.

    Stays count from when a request was first scheduled, since all were due at once.
    """
    requests, steps = recording.requests, recording.steps
    taken_s = requests.first_scheduled_s
    if not len(steps) or np.isnan(taken_s).all():
        return None
    order = np.argsort(taken_s, kind="stable")
    order = order[~np.isnan(taken_s[order])]
    stop_s = float(recording.run["end_s"])
    fill_s = time_to_fill(taken_s[order], left_s(requests)[order], stop_s)
    drained_s = stop_s if len(order) < len(requests) else float(taken_s[order[-1]])
    starts = steps.end_s[steps.end_s >= fill_s]
    ends = steps.end_s[steps.end_s <= drained_s]
    if not len(starts) or not len(ends) or ends[-1] - starts[0] < LEAST_SHARE * stop_s:
        return None
    return float(starts[0]), float(ends[-1])


def saturated(recording: Recording, prices: Prices) -> Saturated | None:
    """Throughput of a run whose requests were all due at once; None: its window is too short.

    A prompt counts if its whole prefill lies in the window, a decode if its batch does; what a
    preemption makes an engine do again does not count. So the share of a bound's prices cannot
    exceed 1 for whatever scheduler: no batch is worth more than its time.
    """
    window = backlog_window(recording)
    if window is None:
        return None
    start, end = window
    requests, steps = recording.requests, recording.steps
    worth_s = worth_between(requests, int(recording.run["block_size"]), prices, start, end)
    inside = (steps.end_s > start) & (steps.end_s <= end)
    done_s = left_s(requests)
    num = int(np.count_nonzero((done_s > start) & (done_s <= end) & requests.finished))
    tokens = steps.prefill_tokens[inside] + steps.decodes[inside]
    return Saturated(
        share=worth_s / (end - start),
        num_requests=num,
        tokens_per_batch=float(tokens.mean()),
        preemptions=int(steps.preemptions[inside].sum()),
    )


def throughput_under_overload(recording: Recording) -> SaturatedThroughput | None:
    """Of a run that was made to measure it (``overload`` in its specification); else None, and of
    half-open sessions as well: turns that wait for an engine do not keep it full.

    Work counts at the prices of the capacity bound: a scheduler that takes short requests first
    finishes more of them than it could of all, and is not flattered. A prompt counts when its
    prefill ends, a decode when its batch does.
    """
    overload = recording.run["spec"].get("overload")
    if overload is None or is_half_open(recording.run):
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


def worth_between(
    requests: RequestTable, block_size: int, prices: Prices, start_s: float, end_s: float
) -> float:
    """Seconds that the work done between two ends of batches is worth."""
    whole = (requests.first_scheduled_s >= start_s) & (requests.first_token_s <= end_s)
    prompts = worth_of_prompts(requests.prompt_tokens[whole], prices)
    number, context = _tokens(requests)
    times = requests.token_times_s
    decoded = (number > 0) & (times > start_s) & (times <= end_s)
    return float(prompts.sum() + worth_of_decodes(context[decoded], block_size, prices).sum())


def worth_over(
    requests: RequestTable, block_size: int, prices: Prices, edges: FloatArray
) -> FloatArray:
    """Seconds that the work that ended between successive ``edges`` is worth."""
    number, context = _tokens(requests)
    worth_s = np.zeros(len(number))
    decoded = number > 0
    worth_s[decoded] = worth_of_decodes(context[decoded], block_size, prices)
    worth_s[~decoded] = worth_of_prompts(requests.prompt_tokens[requests.num_tokens > 0], prices)
    return np.histogram(requests.token_times_s, bins=edges, weights=worth_s)[0]


def _tokens(requests: RequestTable) -> tuple[IntArray, IntArray]:
    """Of every token received: its place in its request, from 0, and the KV tokens read for it."""
    counts = requests.num_tokens
    number = np.arange(len(requests.token_times_s)) - np.repeat(requests.token_offsets[:-1], counts)
    return number, np.repeat(requests.prompt_tokens, counts) + number
