"""A share of requests over replicates and its 95 % interval, where neighbours are not independent.

The dual of ``quantile_interval``: there the shares are given and thresholds are looked for, here
the threshold is each request's own target. Draws as many as the requests are worth leave a range of
probabilities (Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the
case of the binomial", Biometrika 26, 1934).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from slaibench.measure.dependence import effective_size, long_run_variance
from slaibench.measure.intervals import LEVEL, Interval
from slaibench.measure.quantile_interval import LEAST_SIZE, MEDIAN_BURSTS, residuals
from slaibench.recording.record import FloatArray

RARE = 0.2
"""The bursts of a side with a smaller share of the requests are not known well from itself alone
(benchmarks.coverage.shares)."""


def share_interval(
    runs: Sequence[FloatArray], waits: Sequence[FloatArray] = (), *, level: float = LEVEL
) -> Interval:
    """The share of all runs' requests together, and the probabilities that they do not exclude.

    Args:
        runs: one a run, by due time: 1 for a request that is one, 0 for another.
        waits: a latency of about the same requests, one sample a run. Where few requests are on one
            side, how they come in bursts is known best from that latency's median, as of a tail.
        level: nominal coverage.

    Returns:
        An interval over n requests; ends are None where they are worth fewer than ``LEAST_SIZE``
        independent ones. Its ``note`` says how many they are worth.
    """
    n = sum(len(run) for run in runs)
    if not n:
        return Interval(math.nan, None, None, level, 0, "none", "no values")
    share = sum(float(run.sum()) for run in runs) / n
    size = share_size(runs, waits, level=level)
    if size < LEAST_SIZE:
        note = f"worth {size:.0f} independent requests, {LEAST_SIZE} needed: run longer"
        return Interval(share, None, None, level, n, "none", note)
    from scipy.special import betaincinv  # noqa: PLC0415

    tail, met = (1 - level) / 2, share * size
    low = float(betaincinv(met, size - met + 1, tail)) if met > 0 else 0.0
    high = float(betaincinv(met + 1, size - met, 1 - tail)) if met < size else 1.0
    note = f"a share of {size:.0f} independent requests"
    return Interval(share, low, high, level, n, "binomial", note)


def share_size(
    runs: Sequence[FloatArray], waits: Sequence[FloatArray] = (), *, level: float = LEVEL
) -> float:
    """How many independent requests the runs are worth for their share; 0 without one."""
    n = sum(len(run) for run in runs)
    if not n:
        return 0.0
    share = sum(float(run.sum()) for run in runs) / n
    parts = [long_run_variance([run - share for run in runs])]
    present = [wait for wait in waits if len(wait)]
    if present and min(share, 1 - share) < RARE:
        median = float(np.quantile(np.concatenate(present), 0.5, method="inverted_cdf"))
        part = long_run_variance([residuals(wait, median, 0.5) for wait in present])
        parts.append(replace(part, inflation=MEDIAN_BURSTS * part.inflation))
    return effective_size(n, *parts, level=level)
