"""Arrival audit: was the load what was declared, and was it sent when it was due?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from slaibench.measure.arrival_tests import LAG1, GapTest, findings, gap_moments, gap_tests
from slaibench.recording.record import FloatArray

PROCESSES = (
    *("poisson", "poisson-truncated", "gamma", "constant", "burst", "trace", "closed"),
    *("half-open", "sessions"),
)
UNTESTED = {
    "trace": "recorded timestamps: no distribution to test",
    "closed": "closed loop: a request is sent when another one ends",
    "sessions": "sessions: later turns are due at recorded times after the first ones",
    "half-open": "half-open sessions: later turns are due when the ones before have ended",
}
"""Processes whose gaps have no distribution that was declared, and why."""
LAG_BUDGET_S = 0.005
LAG_SHARE_OF_TTFT = 0.01
COUNTS_A_WINDOW = 20
OFF_RATE = 0.01
"""Share by which a recorded process may miss its declared rate without a word."""
MAX_OFF = 1e-6
"""What constant gaps may be off by, as a share of them: rounding."""


@dataclass(frozen=True, slots=True)
class ArrivalAudit:
    """What arrived, against what was declared.

    Args:
        process: the declared process, e.g. ``gamma``.
        declared_rps: the declared (nominal) rate; None for a trace, a burst or a closed loop.
        num_requests: arrivals.
        measured_rps: (n - 1) / (last due - first due); None with fewer than two instants.
        expected_rps: the rate the process has in truth; differs from the declared one when gaps
            are cut.
        gap_cv, expected_gap_cv: coefficient of variation of the gaps.
        dispersion: variance over mean of the counts in windows of about 20 arrivals (1 for a
            Poisson process); None with fewer than 10 windows.
        longest_gap: in declared mean gaps; None without a declared rate.
        lag1: rank correlation of successive gaps; None where gaps are not tested.
        joint_p: the smallest p of all tests of the gaps, as one of their family; None: not tested.
        findings: tests that say the gaps are not as declared, under one error rate for all
            (``arrival_tests``). They never make a run invalid.
        process_ok: whether there is none; None: not tested.
        process_note: why, in words.
        lag_p50_s, lag_p99_s, lag_max_s: sent minus due; None where nothing was sent.
        lag_budget_s: what the P99 may be without a word.
        valid: False marks the whole run invalid.
        reason: why it is invalid; empty when it is valid.
    """

    process: str
    declared_rps: float | None
    num_requests: int
    measured_rps: float | None
    expected_rps: float | None
    gap_cv: float | None
    expected_gap_cv: float | None
    dispersion: float | None
    longest_gap: float | None
    lag1: float | None
    joint_p: float | None
    findings: tuple[GapTest, ...]
    process_ok: bool | None
    process_note: str
    lag_p50_s: float | None
    lag_p99_s: float | None
    lag_max_s: float | None
    lag_budget_s: float
    valid: bool
    reason: str

    @property
    def offered_rps(self) -> float | None:
        """Requests a second that were offered: what a random process has in truth; of recorded
        times (``trace``) and sessions those of the requests that were due. None: all at
        once, or only one."""
        random = self.process not in ("burst", "trace", "half-open", "sessions")
        return self.expected_rps if random else self.measured_rps

    @property
    def off_rate(self) -> float | None:
        """How many times the declared rate recorded times offered; None: it is that rate."""
        if self.process != "trace" or not self.declared_rps or self.measured_rps is None:
            return None
        times = self.measured_rps / self.declared_rps
        return None if abs(times - 1) <= OFF_RATE else times

    @property
    def late(self) -> bool:
        """Whether send lag is more than passes without a word."""
        return self.lag_p99_s is not None and self.lag_p99_s > self.lag_budget_s

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the run must know of its arrivals: nothing, where they are as declared.

        The same at every rate, and under every scheduler: so are the gaps, in declared mean gaps.
        """
        if self.off_rate is not None:
            return (
                f"the requests taken from the trace come at {self.off_rate:.3g} times the rate "
                "that was asked for, which the whole trace has on average",
            )
        if not self.findings:
            return ()
        words = "; ".join(test.words for test in self.findings)
        return (f"arrivals are not as declared ({self.process}): {words}",)


def audit(
    due_s: FloatArray,
    sent_s: FloatArray,
    *,
    process: str,
    rate_rps: float | None = None,
    cv: float = 1.0,
    median_ttft_s: float | None = None,
    lag_budget_s: float = LAG_BUDGET_S,
) -> ArrivalAudit:
    """Audit one run's arrivals.

    Args:
        due_s: intended arrivals in order.
        sent_s: when each was sent; NaN: not sent.
        process: one of ``PROCESSES``.
        rate_rps: declared rate (for ``poisson-truncated`` the nominal one, before the cut).
        cv: coefficient of variation of the gaps, for ``gamma``.
        median_ttft_s: caps the lag budget at 1 % of itself.
        lag_budget_s: what send lag P99 may be without a word.

    Raises:
        ValueError: an unknown process, or one that needs a rate without it.
    """
    if process not in PROCESSES:
        raise ValueError(f"unknown arrival process {process!r}; known: {', '.join(PROCESSES)}")
    needs_rate = process != "burst" and process not in UNTESTED
    if needs_rate and not (rate_rps is not None and rate_rps > 0):
        raise ValueError(f"process {process!r} needs a positive rate_rps, not {rate_rps}")
    gaps = np.diff(due_s)
    span = float(due_s[-1] - due_s[0]) if len(due_s) else 0.0
    unit_gaps = gaps * rate_rps if needs_rate and rate_rps else gaps
    moments = gap_moments(process, cv) if needs_rate else None
    tests, note = _tests(unit_gaps, process, cv)
    unexpected = findings(tests)
    lag = (sent_s - due_s)[~np.isnan(sent_s)]
    budget = lag_budget_s
    if median_ttft_s is not None and math.isfinite(median_ttft_s):
        budget = min(budget, LAG_SHARE_OF_TTFT * median_ttft_s)
    reason = _sent_early(lag)
    p99 = float(np.quantile(lag, 0.99)) if len(lag) else None
    return ArrivalAudit(
        process=process,
        declared_rps=rate_rps,
        num_requests=len(due_s),
        measured_rps=len(gaps) / span if span > 0 else None,
        expected_rps=rate_rps / moments[0] if moments and rate_rps else None,
        gap_cv=float(gaps.std() / gaps.mean()) if span > 0 else None,
        expected_gap_cv=moments[1] if moments else None,
        dispersion=index_of_dispersion(due_s),
        longest_gap=float(unit_gaps.max()) if needs_rate and len(gaps) else None,
        lag1=next((test.value for test in tests if test.statistic == LAG1), None),
        joint_p=min((test.joint_p for test in tests), default=None),
        findings=unexpected,
        process_ok=not unexpected if tests else None,
        process_note=note,
        lag_p50_s=float(np.median(lag)) if len(lag) else None,
        lag_p99_s=p99,
        lag_max_s=float(lag.max()) if len(lag) else None,
        lag_budget_s=budget,
        valid=not reason,
        reason=reason,
    )


def index_of_dispersion(due_s: FloatArray) -> float | None:
    """Variance over mean of the number of arrivals in equal windows of about 20 arrivals each.

    1 for a Poisson process whatever the window; towards cv^2 for independent gaps; 0 for constant
    gaps. None with fewer than 10 windows.
    """
    num_windows = len(due_s) // COUNTS_A_WINDOW
    if num_windows < 10 or due_s[-1] <= due_s[0]:
        return None
    counts, _ = np.histogram(due_s, bins=num_windows, range=(float(due_s[0]), float(due_s[-1])))
    return float(counts.var(ddof=1) / counts.mean())


def _tests(unit_gaps: FloatArray, process: str, cv: float) -> tuple[tuple[GapTest, ...], str]:
    """Tests of the gaps, and the verdict in words.

    Args:
        unit_gaps: in declared mean gaps; seconds for a burst.
    """
    if process in UNTESTED:
        return (), UNTESTED[process]
    if process in ("constant", "burst"):
        tests = _exact(unit_gaps, process)
    else:
        tests = gap_tests(unit_gaps, process, cv)
    if not tests:
        return (), f"too few gaps to test: {len(unit_gaps)}"
    unexpected = findings(tests)
    if unexpected:
        return tests, "; ".join(test.words for test in unexpected)
    return tests, f"gaps agree with {process}"


def _exact(unit_gaps: FloatArray, process: str) -> tuple[GapTest, ...]:
    """The only test of gaps that nothing random decides: none may be off at all."""
    if not len(unit_gaps):
        return ()
    if process == "burst":
        longest = float(unit_gaps.max())
        return (GapTest("longest gap in s", longest, 0.0, float(longest == 0), 1.0),)
    worst = float(unit_gaps[np.abs(unit_gaps - 1).argmax()])
    p = float(abs(worst - 1) < MAX_OFF)
    return (GapTest("gap in declared gaps", worst, 1.0, p, 1.0),)


def _sent_early(lag: FloatArray) -> str:
    """Why the lags cannot be; empty where they can."""
    if not len(lag) or float(lag.min()) >= -1e-6:
        return ""
    return f"a request was sent {-float(lag.min()):.3g} s before it was due"
