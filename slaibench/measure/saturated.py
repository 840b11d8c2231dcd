"""Throughput of a run with a backlog: the work done while requests still wait, at given prices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slaibench.measure.steady import left_s
from slaibench.measure.warmup import time_to_fill
from slaibench.measure.work import Prices, worth_of_decodes, worth_of_prompts
from slaibench.recording.record import FloatArray, Recording, RequestTable

LEAST_SHARE = 0.3
"""Of the run that the window must hold: with less, the backlog was too small to tell."""


@dataclass(frozen=True, slots=True)
class Saturated:
    """What an engine did from when it was full until nobody waited.

    Args:
        window_s: from when to when; both are ends of batches.
        share: seconds of work, at the prices, a second: of the bound that the prices are of.
        finished_rps: requests that finished in the window, a second: of another mix than all
            requests where the scheduler does not serve in order.
        num_requests: that finished in it.
        tokens_per_batch: mean over the window's batches.
        preemptions: in it.
    """

    window_s: tuple[float, float]
    share: float
    finished_rps: float
    num_requests: int
    tokens_per_batch: float
    preemptions: int


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
        window_s=window,
        share=worth_s / (end - start),
        finished_rps=num / (end - start),
        num_requests=num,
        tokens_per_batch=float(tokens.mean()),
        preemptions=int(steps.preemptions[inside].sum()),
    )


def worth_between(
    requests: RequestTable, block_size: int, prices: Prices, start_s: float, end_s: float
) -> float:
    """Seconds that the work done between two ends of batches is worth."""
    whole = (requests.first_scheduled_s >= start_s) & (requests.first_token_s <= end_s)
    prompts = worth_of_prompts(requests.prompt_tokens[whole], prices)
    times: FloatArray = requests.token_times_s
    counts = requests.num_tokens
    number = np.arange(len(times)) - np.repeat(requests.token_offsets[:-1], counts)
    decoded = (number > 0) & (times > start_s) & (times <= end_s)
    context = np.repeat(requests.prompt_tokens, counts)[decoded] + number[decoded]
    return float(prompts.sum() + worth_of_decodes(context, block_size, prices).sum())
