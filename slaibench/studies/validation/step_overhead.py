"""The only number of a profile that an engine run may decide: time between steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from slaibench.recording.record import BoolArray, FloatArray

RESOLUTION_MS = 0.01
"""Steps take milliseconds: finer than this is noise."""


@dataclass(frozen=True, slots=True)
class StepOverheadFit:
    """A step overhead, and what it was fitted to.

    Args:
        num_requests: that it was fitted to.
        bias_before, bias: median relative error of their TPOT at 0 ms and at the fitted value.
    """

    step_overhead_ms: float
    num_requests: int
    bias_before: float
    bias: float

    def to_json(self) -> dict[str, Any]:
        return {
            "step_overhead_ms": self.step_overhead_ms,
            "fitted_to": "every second request, the first among them: median relative TPOT error 0",
            "requests": self.num_requests,
            "tpot_median_bias_at_0_ms": self.bias_before,
            "tpot_median_bias": self.bias,
        }


def every_second(count: int) -> BoolArray:
    """Who is fitted to: every second request by arrival. The others are scored.

    Both halves see every phase of the run (filling, full, draining), so that a phase is not taken
    for an error.
    """
    chosen: BoolArray = np.arange(count) % 2 == 0
    return chosen


def fit_step_overhead(
    tpot_s: FloatArray, members: BoolArray, simulated: Callable[[float], FloatArray]
) -> StepOverheadFit:
    """The step overhead with which the members' TPOT has no bias.

    TPOT, since it is made of steps, where TTFT is made of queues; its median, since a preempted
    request's TPOT is a wait as well. TTFT and end-to-end latency are looked at nowhere here.

    Args:
        tpot_s: observed, a value a request; NaN where there is none.
        members: whom to fit to.
        simulated: TPOT of the same requests with a step overhead in ms.

    Returns:
        0 ms if batches alone take as long as observed, or longer.

    Raises:
        ValueError: no member has a TPOT.
    """
    fitted_to = members & np.isfinite(tpot_s)
    if not fitted_to.any():
        raise ValueError(
            "nothing to fit the step overhead to: no request has two output tokens or more"
        )

    def bias(overhead_ms: float) -> float:
        ratio = simulated(overhead_ms)[fitted_to] / tpot_s[fitted_to] - 1
        return float(np.nanmedian(ratio))

    num_requests, before = int(fitted_to.sum()), bias(0.0)
    if before >= 0:
        return StepOverheadFit(0.0, num_requests, before, before)
    low, high = 0.0, float(np.median(tpot_s[fitted_to])) * 1e3
    while high - low > RESOLUTION_MS:
        middle = (low + high) / 2
        if bias(middle) < 0:
            low = middle
        else:
            high = middle
    overhead_ms = round(high, 3)
    return StepOverheadFit(overhead_ms, num_requests, before, bias(overhead_ms))
