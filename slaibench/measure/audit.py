"""Arrival audit: was the load what was declared, and was it sent when it was due?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from slaibench.recording.record import FloatArray

PROCESSES = ("poisson", "poisson-truncated", "gamma", "constant", "burst", "trace")
TRUNCATION_MEANS = 3.0
LAG_BUDGET_S = 0.005
LAG_SHARE_OF_TTFT = 0.01
P_TOO_SMALL = 0.001
"""A sound generator falls below this once in a thousand runs."""
COUNTS_A_WINDOW = 20


@dataclass(frozen=True, slots=True)
class ArrivalAudit:
    """What arrived, against what was declared.

    Args:
        process: the declared process, e.g. ``gamma``.
        declared_rps: the declared (nominal) rate; None for a trace or burst.
        num_requests: arrivals.
        measured_rps: (n - 1) / (last due - first due); None with fewer than two instants.
        expected_rps: the rate the process has in truth; differs from the declared one when gaps
            are cut.
        gap_cv, expected_gap_cv: coefficient of variation of the gaps.
        dispersion: variance over mean of the counts in windows of about 20 arrivals (1 for a
            Poisson process); None with fewer than 10 windows.
        ks_statistic, ks_p: Kolmogorov-Smirnov against the declared gaps; None where that makes no
            sense.
        process_ok: whether the gaps agree with the declaration; None: not tested.
        process_note: why.
        lag_p50_s, lag_p99_s, lag_max_s: sent minus due; None where nothing was sent.
        lag_budget_s: what the P99 may be.
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
    ks_statistic: float | None
    ks_p: float | None
    process_ok: bool | None
    process_note: str
    lag_p50_s: float | None
    lag_p99_s: float | None
    lag_max_s: float | None
    lag_budget_s: float
    valid: bool
    reason: str


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
        lag_budget_s: what send lag P99 may be at most.

    Raises:
        ValueError: an unknown process, or one that needs a rate without it.
    """
    if process not in PROCESSES:
        raise ValueError(f"unknown arrival process {process!r}; known: {', '.join(PROCESSES)}")
    needs_rate = process not in ("burst", "trace")
    if needs_rate and not (rate_rps is not None and rate_rps > 0):
        raise ValueError(f"process {process!r} needs a positive rate_rps, not {rate_rps}")
    gaps = np.diff(due_s)
    span = float(due_s[-1] - due_s[0]) if len(due_s) else 0.0
    mean_share, expected_cv = _gap_moments(process, cv)
    ks_statistic, ks_p, ok, note = _test(gaps, process, rate_rps if needs_rate else None, cv)
    lag = (sent_s - due_s)[~np.isnan(sent_s)]
    budget = lag_budget_s
    if median_ttft_s is not None and math.isfinite(median_ttft_s):
        budget = min(budget, LAG_SHARE_OF_TTFT * median_ttft_s)
    valid, reason = _lag_verdict(lag, budget)
    return ArrivalAudit(
        process=process,
        declared_rps=rate_rps,
        num_requests=len(due_s),
        measured_rps=len(gaps) / span if span > 0 else None,
        expected_rps=rate_rps / mean_share if needs_rate and rate_rps else None,
        gap_cv=float(gaps.std() / gaps.mean()) if span > 0 else None,
        expected_gap_cv=expected_cv,
        dispersion=index_of_dispersion(due_s),
        ks_statistic=ks_statistic,
        ks_p=ks_p,
        process_ok=ok,
        process_note=note,
        lag_p50_s=float(np.median(lag)) if len(lag) else None,
        lag_p99_s=float(np.quantile(lag, 0.99)) if len(lag) else None,
        lag_max_s=float(lag.max()) if len(lag) else None,
        lag_budget_s=budget,
        valid=valid,
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


def _gap_moments(process: str, cv: float) -> tuple[float, float | None]:
    """Mean gap over the declared one, and coefficient of variation, of a process's gaps."""
    if process == "poisson-truncated":
        # min(E, c), E a unit exponential: E[X] = 1 - exp(-c), E[X^2] = 2 (1 - (1 + c) exp(-c))
        c = TRUNCATION_MEANS
        mean = 1 - math.exp(-c)
        return mean, math.sqrt(2 * (1 - (1 + c) * math.exp(-c)) - mean**2) / mean
    expected = {"poisson": 1.0, "gamma": cv, "constant": 0.0}
    return 1.0, expected.get(process)


def _test(
    gaps: FloatArray, process: str, rate_rps: float | None, cv: float
) -> tuple[float | None, float | None, bool | None, str]:
    """(KS statistic, p, whether the gaps agree, why)."""
    if process == "trace":
        return None, None, None, "recorded timestamps: no distribution to test"
    if process == "burst":
        same = bool((gaps == 0).all())
        return None, None, same, "all due at once" if same else "not all due at once"
    assert rate_rps is not None
    if process == "constant":
        worst = float(np.abs(gaps * rate_rps - 1).max()) if len(gaps) else 0.0
        return None, None, worst < 1e-6, f"gaps are off by at most {worst:.1e} of their length"
    if len(gaps) < 2:
        return None, None, None, "too few gaps to test"
    statistic, p = _kolmogorov_smirnov(gaps * rate_rps, process, cv)
    verdict = "agree" if p >= P_TOO_SMALL else "disagree"
    return statistic, p, p >= P_TOO_SMALL, f"gaps {verdict} with {process}: KS p {p:.2g}"


def _kolmogorov_smirnov(unit_gaps: FloatArray, process: str, cv: float) -> tuple[float, float]:
    """KS statistic and p of gaps in units of the declared mean.

    ``poisson-truncated`` has an atom at three means, where KS does not hold: the share of gaps at
    the cut is tested as a binomial, the others against the exponential conditioned on being
    shorter, and the two p-values are joined by Bonferroni.
    """
    from scipy import stats  # noqa: PLC0415

    if process == "poisson":
        result = stats.ks_1samp(unit_gaps, stats.expon.cdf)
        return float(result.statistic), float(result.pvalue)
    if process == "gamma":
        result = stats.ks_1samp(unit_gaps, stats.gamma(cv**-2, scale=cv**2).cdf)
        return float(result.statistic), float(result.pvalue)
    atom = math.exp(-TRUNCATION_MEANS)
    at_cut = unit_gaps >= TRUNCATION_MEANS * (1 - 1e-9)
    share_p = stats.binomtest(int(at_cut.sum()), len(unit_gaps), atom).pvalue
    if at_cut.all() or float(unit_gaps.max()) > TRUNCATION_MEANS * (1 + 1e-6):
        return 1.0, 0.0
    shorter = stats.truncexpon(TRUNCATION_MEANS)
    result = stats.ks_1samp(unit_gaps[~at_cut], shorter.cdf)
    return float(result.statistic), min(1.0, 2 * min(float(share_p), float(result.pvalue)))


def _lag_verdict(lag: FloatArray, budget: float) -> tuple[bool, str]:
    if not len(lag):
        return True, ""
    if float(lag.min()) < -1e-6:
        return False, f"a request was sent {-float(lag.min()):.3g} s before it was due"
    p99 = float(np.quantile(lag, 0.99))
    if p99 > budget:
        return False, (
            f"send lag P99 {p99 * 1e3:.2f} ms is over its budget of {budget * 1e3:.2f} ms: "
            "the load generator, not the engine, set the pace; use a lower rate or a faster client"
        )
    return True, ""
