"""Whether the load generator's own delay is what a run asserts.

TTFT runs from the due time, so that send lag (sent minus due) is inside it. The rule: **a run is
invalid when its lag could change what is asserted**. What is asserted are the verdicts: each target
met or not, and whether the run was steady. They are taken once more from the same run with the lag
taken off (``without_lag``); where one differs, the run stands for the load generator. Else the lag
is a note with its size.

How much is taken off: every request's own lag, and at least the P99 of all. Under first come, first
served, arrivals that are each up to L late end up to L late: a request pays for the lag of those
before it as well, and P99 is what all but one in a hundred of them had.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from slaibench.measure.metrics import RunMetrics
from slaibench.measure.slo import Slo, evaluate
from slaibench.measure.steady import Steadiness
from slaibench.recording.record import RequestTable

AT_LEAST = 0.99


def without_lag(requests: RequestTable) -> RequestTable:
    """The run as it would have been at best, had every request been sent when it was due.

    Tokens come earlier by the request's lag, or by the P99 of all where that is more, and not
    before the request was due. Requests that were never sent stay as they are.
    """
    lag = np.nan_to_num(requests.sent_s - requests.due_s, nan=0.0)
    sent = ~np.isnan(requests.sent_s)
    if not sent.any():
        return requests
    off = np.where(sent, np.maximum(lag, np.quantile(lag[sent], AT_LEAST)), 0.0)
    sizes = requests.num_tokens
    times = requests.token_times_s - np.repeat(off, sizes)
    times = np.maximum(times, np.repeat(requests.due_s, sizes))
    return replace(requests, sent_s=np.where(sent, requests.due_s, np.nan), token_times_s=times)


def changed_verdicts(
    slos: Sequence[Slo],
    with_lag: tuple[RunMetrics, Steadiness],
    without: tuple[RunMetrics, Steadiness],
) -> list[str]:
    """Verdicts that differ, as they are without the lag: ``ttft_p50<0.5 is met``."""
    verdicts = []
    pairs = zip(evaluate(slos, with_lag[0]), evaluate(slos, without[0]), strict=True)
    for late, prompt in pairs:
        if late.met is not prompt.met:
            verdicts.append(f"{prompt.slo.text} is {'met' if prompt.met else 'not met'}")
    if (with_lag[1] is Steadiness.GROWING) is not (without[1] is Steadiness.GROWING):
        growing = without[1] is Steadiness.GROWING
        verdicts.append("the run is saturated" if growing else "the run is not saturated")
    return list(dict.fromkeys(verdicts))
