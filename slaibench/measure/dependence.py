"""How much the requests of a run say, given that neighbours share queues and batches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slaibench.recording.record import FloatArray


@dataclass(frozen=True, slots=True)
class LongRunVariance:
    """Variance of the sum of a stationary series, a value.

    Args:
        variance: that of independent values would be; times ``inflation`` it is the long-run one.
        inflation: integrated autocorrelation time: so many values say as much as one independent
            value; at least 1.
        degrees: degrees of freedom that the estimate of ``inflation`` rests on.
    """

    variance: float
    inflation: float
    degrees: float


def long_run_variance(runs: Sequence[FloatArray]) -> LongRunVariance:
    """Long-run variance of series whose mean is 0 in truth.

    Autocovariances are taken over all runs, and added up in pairs of lags until a pair is not
    positive; pairs are kept from growing with the lag (Geyer, "Practical Markov chain Monte Carlo",
    Statistical Science 7, 1992: the initial monotone sequence). The window adapts to the
    correlation, and no block length has to be chosen.

    Args:
        runs: one series a run, in order of time; runs are independent of one another. The mean
            over all is known, so that differences between runs count as variance.

    Raises:
        ValueError: no value at all.
    """
    total = sum(len(run) for run in runs)
    if not total:
        raise ValueError("a long-run variance needs at least one value")
    covariance = _autocovariance(runs, total)
    variance = float(covariance[0])
    if variance <= 0:
        return LongRunVariance(0.0, 1.0, float(total))
    even = len(covariance) // 2 * 2
    pairs = covariance[:even].reshape(-1, 2).sum(axis=1)
    beyond = np.flatnonzero(pairs <= 0)
    window = int(beyond[0]) if len(beyond) else len(pairs)
    if window == 0:  # a negative first correlation: nothing is lost by taking it as none
        return LongRunVariance(variance, 1.0, float(total))
    summed = 2 * float(np.minimum.accumulate(pairs[:window]).sum()) - variance
    # The variance of a variance estimated over a window of lags (Priestley, 1981).
    degrees = max(total / (2 * window), 1.0)
    return LongRunVariance(variance, max(summed / variance, 1.0), degrees)


def _autocovariance(runs: Sequence[FloatArray], total: int) -> FloatArray:
    """Over all runs, by lag, about 0."""
    longest = max(len(run) for run in runs)
    size = 1 << (2 * longest - 1).bit_length()
    power = np.zeros(size // 2 + 1)
    for run in runs:
        spectrum = np.fft.rfft(run, size)
        power += spectrum.real**2 + spectrum.imag**2
    return np.asarray(np.fft.irfft(power, size)[:longest] / total)


def effective_size(n: int, *parts: LongRunVariance, level: float) -> float:
    """Independent values that ``n`` correlated ones are worth, for an interval at ``level``.

    n over the largest inflation, made smaller for its own uncertainty by the squared ratio of
    normal and t quantiles (Korn and Graubard, "Confidence intervals for proportions with small
    expected number of positive counts", Survey Methodology 24, 1998).
    """
    from scipy.special import ndtri, stdtrit  # noqa: PLC0415

    normal = float(ndtri(0.5 + level / 2))
    cost = max(
        part.inflation * (float(stdtrit(part.degrees, 0.5 + level / 2)) / normal) ** 2
        for part in parts
    )
    return n / max(cost, 1.0)


def acceptance(size: float, share: float, level: float) -> tuple[float | None, float | None]:
    """Shares that ``size`` independent draws of probability ``share`` stay within.

    The binomial's two tails, each (1 - level) / 2, by the incomplete beta function, so that
    ``size`` need not be whole.

    Returns:
        (least, most) share; None for an end that so few draws cannot exclude: with
        share 1 %, fewer than 367 draws may well hold none.
    """
    from scipy.optimize import brentq  # noqa: PLC0415
    from scipy.special import betainc  # noqa: PLC0415

    tail = (1 - level) / 2

    def at_most(count: float) -> float:
        return 1.0 if count >= size else float(betainc(size - count, count + 1, 1 - share))

    middle = size * share
    least: float | None = None
    if at_most(0.0) < tail:
        least = float(brentq(lambda count: at_most(count) - tail, 0.0, middle)) / size
    most: float | None = None
    if size > 1 and 1 - at_most(size - 1 - 1e-9) < tail:
        top = float(brentq(lambda count: 1 - at_most(count - 1) - tail, middle, size - 1e-9))
        most = top / size
    return least, most


def needed_size(share: float, level: float) -> int:
    """Independent values below which no interval can leave out that a share was seen by luck."""
    return math.ceil(math.log((1 - level) / 2) / math.log1p(-share))
