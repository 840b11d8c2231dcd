"""Capacity: the largest rate at which all SLOs hold, from replicated cells at several rates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from slaibench.measure.intervals import LEVEL, Interval, t_quantile
from slaibench.recording.record import FloatArray, IntArray

Shape = Literal["smooth", "cliff"]
RESAMPLES = 400
CLIFF_LOG_JUMP = math.log(4)
"""Across a bracket where the metric grows more than fourfold, no interpolation is defensible."""
_FLOOR = -50.0


@dataclass(frozen=True, slots=True)
class SloCurve:
    """How far one SLO is from its bound, over rates and seeds.

    Args:
        slo: the SLO's text.
        tier: whose requests; None: all.
        log_ratio: log(metric / bound), shape (rates, seeds). NaN: this cell was not run. ``inf``:
            it was, and was saturated, or its metric could not be told (neither counts as met).
    """

    slo: str
    tier: str | None
    log_ratio: FloatArray


@dataclass(frozen=True, slots=True)
class Cells:
    """What was measured of one scheduler.

    Args:
        rates_rps: ascending, shape (rates,).
        seeds: one a column; the same seed is the same random numbers at every rate.
        curves: one for each SLO and tier.

    Raises:
        ValueError: shapes or order do not fit.
    """

    rates_rps: FloatArray
    seeds: tuple[int, ...]
    curves: tuple[SloCurve, ...]

    def __post_init__(self) -> None:
        if not len(self.rates_rps) or not self.curves:
            raise ValueError("capacity needs at least one rate and one SLO")
        if (np.diff(self.rates_rps) <= 0).any() or self.rates_rps[0] <= 0:
            raise ValueError(f"rates must be positive and ascending, not {self.rates_rps.tolist()}")
        shape = (len(self.rates_rps), len(self.seeds))
        for curve in self.curves:
            if curve.log_ratio.shape != shape:
                raise ValueError(
                    f"SLO {curve.slo!r} has values of shape {curve.log_ratio.shape}, "
                    f"not (rates, seeds) = {shape}"
                )


@dataclass(frozen=True, slots=True)
class Capacity:
    """The answer.

    Args:
        rate_rps: the largest rate at which all SLOs hold; None when even the lowest rate failed.
        ci95: its 95 % interval; for a cliff the bracket; None when it cannot be told.
        bracket: (largest measured rate below the boundary, smallest above it); None: not found.
        binding, binding_tier: the SLO (and tier) that fails first; None when none failed.
        shape: ``smooth`` (interpolated between measured rates), ``cliff`` (the metric jumps across
            the bracket: the answer is its lower end), None when there is no boundary.
        replicates: seeds.
        note: what a reader must know besides.
    """

    rate_rps: float | None
    ci95: tuple[float, float] | None
    bracket: tuple[float | None, float | None]
    binding: str | None
    binding_tier: str | None
    shape: Shape | None
    replicates: int
    note: str


@dataclass(frozen=True, slots=True)
class _Boundary:
    rate: float | None
    low: float | None
    high: float | None
    shape: Shape | None
    closeness: float
    """Fitted log ratio at the bracket's lower end: breaks ties for the binding SLO."""
    curve: SloCurve


def capacity(cells: Cells, rng: np.random.Generator, *, resamples: int = RESAMPLES) -> Capacity:
    """The largest fractional rate at which all SLOs hold.

    Per SLO: replicates are reduced to one ``level`` a rate, a non-decreasing curve is fitted over
    the rates below the first infinite level (isotonic regression, weighted by replicates), and its
    last zero is found on the monotone cubic through the fitted points (PCHIP: Fritsch and Carlson,
    SIAM J. Numer. Anal. 17, 1980). The least over SLOs and tiers is the capacity.

    The interval: seeds are drawn with replacement, the same for all rates and SLOs (they share
    random numbers), and the standard deviation of the logarithm of the resampled capacities is
    widened by sqrt(R / (R - 1)) and Student's t with R - 1 degrees of freedom. With few seeds the
    percentiles of a bootstrap are too narrow. It is cut at the measured rates.
    """
    seeds = tuple(range(len(cells.seeds)))
    found = _boundary(cells, seeds)
    note: list[str] = []
    ci95: tuple[float, float] | None = None
    if found.rate is None:
        note.append(f"the lowest rate measured, {cells.rates_rps[0]:g}, already fails")
    elif found.shape is None:
        note.append("no rate failed: the capacity is at least this; measure higher rates")
    elif found.shape == "cliff":
        ci95 = (found.rate, found.high or found.rate)
        note.append("the boundary is a cliff inside the bracket; the answer is its lower end")
    elif len(seeds) < 2:
        note.append("one seed: no interval")
    else:
        draws = rng.integers(0, len(seeds), size=(resamples, len(seeds)))
        half = _half_width(_drawn_log_rates(cells, draws), len(seeds))
        ends = np.clip(found.rate * np.exp([-half, half]), cells.rates_rps[0], cells.rates_rps[-1])
        ci95 = (min(float(ends[0]), found.rate), max(float(ends[1]), found.rate))
        if ci95[1] >= cells.rates_rps[-1] or ci95[0] <= cells.rates_rps[0]:
            note.append("the interval is cut at the measured rates")
    failed = found.high is not None
    return Capacity(
        rate_rps=found.rate,
        ci95=ci95,
        bracket=(found.low, found.high),
        binding=found.curve.slo if failed else None,
        binding_tier=found.curve.tier if failed else None,
        shape=found.shape,
        replicates=len(seeds),
        note="; ".join(note),
    )


def capacity_ratio(
    a: Cells, b: Cells, rng: np.random.Generator, *, resamples: int = RESAMPLES
) -> Interval:
    """Capacity of ``b`` over that of ``a``, with its 95 % interval over their common seeds.

    Seeds are drawn jointly: what a seed does to both cancels. Where a boundary is a cliff, the
    interval is that of the brackets, the largest ratio they allow to the smallest.

    Raises:
        ValueError: no seed in common.
    """
    common = [seed for seed in a.seeds if seed in b.seeds]
    if not common:
        raise ValueError(f"no common seed: {a.seeds} and {b.seeds}; run both with the same seeds")
    a, b = _restricted(a, common), _restricted(b, common)
    seeds = tuple(range(len(common)))
    before, after = _boundary(a, seeds), _boundary(b, seeds)
    n = len(common)
    if before.rate is None or after.rate is None:
        note = "a scheduler failed at its lowest rate"
        return Interval(math.nan, None, None, LEVEL, n, "none", note)
    ratio = after.rate / before.rate
    if before.shape is None or after.shape is None:
        note = "a scheduler failed at no rate: its capacity is only a lower bound"
        return Interval(ratio, None, None, LEVEL, n, "none", note)
    if "cliff" in (before.shape, after.shape):
        low = after.rate / (before.high or before.rate)
        high = (after.high or after.rate) / before.rate
        return Interval(ratio, low, high, LEVEL, n, "bracket", "from the brackets: a cliff")
    if n < 2:
        return Interval(ratio, None, None, LEVEL, n, "none", "one seed")
    draws = rng.integers(0, n, size=(resamples, n))
    half = _half_width(_drawn_log_rates(b, draws) - _drawn_log_rates(a, draws), n)
    note = f"seeds drawn jointly, t over {n} seeds"
    low, high = ratio * math.exp(-half), ratio * math.exp(half)
    return Interval(ratio, low, high, LEVEL, n, "seed-bootstrap", note)


def _restricted(cells: Cells, seeds: Sequence[int]) -> Cells:
    columns = [cells.seeds.index(seed) for seed in seeds]
    curves = tuple(SloCurve(c.slo, c.tier, c.log_ratio[:, columns]) for c in cells.curves)
    return Cells(cells.rates_rps, tuple(seeds), curves)


def _half_width(log_draws: FloatArray, num_seeds: int) -> float:
    widen = math.sqrt(num_seeds / (num_seeds - 1))
    return t_quantile(num_seeds - 1, LEVEL) * widen * float(log_draws.std())


def _drawn_log_rates(cells: Cells, draws: IntArray) -> FloatArray:
    """Log capacity for each draw of seeds, shape (draws, seeds); one that fails or holds
    everywhere counts as the lowest or highest rate."""
    known: dict[tuple[int, ...], float] = {}
    out = np.empty(len(draws))
    for row, draw in enumerate(map(tuple, np.sort(draws, axis=1).tolist())):
        if draw not in known:
            rate = _boundary(cells, draw).rate
            known[draw] = math.log(float(cells.rates_rps[0]) if rate is None else rate)
        out[row] = known[draw]
    return out


def _boundary(cells: Cells, columns: Sequence[int]) -> _Boundary:
    """The least boundary over the SLOs, with these seeds (a seed may come several times)."""
    found = [_curve_boundary(cells.rates_rps, curve, columns) for curve in cells.curves]
    return min(
        found,
        key=lambda b: (-math.inf if b.rate is None else b.rate, b.shape is None, -b.closeness),
    )


def _curve_boundary(rates: FloatArray, curve: SloCurve, columns: Sequence[int]) -> _Boundary:
    from scipy.interpolate import PchipInterpolator  # noqa: PLC0415
    from scipy.optimize import brentq, isotonic_regression  # noqa: PLC0415

    replicates = [_replicates(row, columns) for row in curve.log_ratio]
    run = np.array([len(values) > 0 for values in replicates])
    rates, replicates = rates[run], [values for values in replicates if len(values)]
    # Differences beyond the twelfth decimal mean nothing, and overflow PCHIP's harmonic means;
    # upwards, so that what fails by less still fails.
    levels = np.ceil(np.array([level(values) for values in replicates]) * 1e12) / 1e12
    unbounded = np.flatnonzero(np.isinf(levels))
    end = int(unbounded[0]) if len(unbounded) else len(rates)
    weights = [len(values) for values in replicates[:end]]
    fitted = isotonic_regression(levels[:end], weights=weights).x if end else np.empty(0)
    # The last rate of a pooled block is at most the block's mean, and the first of the next block
    # at least its own: so the two ends of the bracket also pass and fail by their own replicates.
    good = int(np.count_nonzero(fitted <= 0))
    above = float(rates[good]) if good < len(rates) else None
    if good == 0:
        return _Boundary(None, None, above, None, math.inf, curve)
    low, closeness = float(rates[good - 1]), float(fitted[good - 1])
    if above is None:
        return _Boundary(low, low, None, None, closeness, curve)
    if good == end or fitted[good] - fitted[good - 1] > CLIFF_LOG_JUMP:
        return _Boundary(low, low, above, "cliff", closeness, curve)
    smooth = PchipInterpolator(rates[:end], fitted)
    if not smooth(low) < 0 < smooth(above):  # an end on the bound itself, or within rounding of it
        return _Boundary(low, low, above, "smooth", closeness, curve)
    tolerance = 1e-9 * above
    root = float(brentq(lambda rate: float(smooth(rate)), low, above, xtol=tolerance))
    # On the side that holds, whatever side of the root the solver stopped at.
    return _Boundary(max(low, root - 2 * tolerance), low, above, "smooth", closeness, curve)


def _replicates(row: FloatArray, columns: Sequence[int]) -> FloatArray:
    """A rate's values for the drawn seeds; all it has when none of them was run there (rates far
    from the boundary have fewer seeds, and a draw must not lose them)."""
    drawn = row[list(columns)]
    kept = drawn[~np.isnan(drawn)]
    return np.asarray(kept if len(kept) else row[~np.isnan(row)], dtype=np.float64)


def level(log_ratios: FloatArray) -> float:
    """One SLO's log ratio at one rate, over its replicates; at most 0 where it holds.

    Their mean; but where some are ``inf`` (saturated, or not told), their upper median, so that
    one unlucky seed in three does not fail a rate, and half of them do.
    """
    ordered = np.sort(np.maximum(log_ratios, _FLOOR))
    return float(ordered[len(ordered) // 2] if np.isinf(ordered[-1]) else ordered.mean())
