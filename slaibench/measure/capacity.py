"""Capacity: the largest rate at which all SLOs hold, from replicated cells at several rates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from slaibench.measure.intervals import LEVEL, Interval
from slaibench.recording.record import FloatArray

Shape = Literal["smooth", "cliff"]
CLIFF_LOG_JUMP = math.log(4)
"""Across a bracket where the metric grows more than fourfold, no interpolation is defensible."""
LONGER = "needs longer runs"
_FLOOR = -50.0


@dataclass(frozen=True, slots=True)
class SloLevel:
    """How far one SLO is from its bound at one rate: log(metric / bound), over the replicates.

    Args:
        value: the estimate; at most 0 where the SLO holds. ``inf``: it fails whatever the metric.
        low, high: the ends of its 95 % interval; ``-inf`` and ``inf`` where the runs exclude
            nothing on that side, so a short run is a wide interval.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class SloCurve:
    """One SLO over the rates.

    Args:
        slo: the SLO's text.
        tier: whose requests; None: all.
        levels: one a rate.
    """

    slo: str
    tier: str | None
    levels: tuple[SloLevel, ...]


@dataclass(frozen=True, slots=True)
class Cells:
    """What was measured of one scheduler.

    Args:
        rates_rps: ascending, shape (rates,).
        curves: one for each SLO and tier.
        replicates: seeds at the rates about the boundary.

    Raises:
        ValueError: shapes or order do not fit.
    """

    rates_rps: FloatArray
    curves: tuple[SloCurve, ...]
    replicates: int

    def __post_init__(self) -> None:
        if not len(self.rates_rps) or not self.curves:
            raise ValueError("capacity needs at least one rate and one SLO")
        if (np.diff(self.rates_rps) <= 0).any() or self.rates_rps[0] <= 0:
            raise ValueError(f"rates must be positive and ascending, not {self.rates_rps.tolist()}")
        for curve in self.curves:
            if len(curve.levels) != len(self.rates_rps):
                raise ValueError(
                    f"SLO {curve.slo!r} has {len(curve.levels)} levels for "
                    f"{len(self.rates_rps)} rates"
                )

    def without(self, slos: Sequence[str]) -> Cells:
        """The same with some SLOs left out."""
        return replace(self, curves=tuple(c for c in self.curves if c.slo not in slos))


@dataclass(frozen=True, slots=True)
class Capacity:
    """The capacity of one scheduler.

    Args:
        rate_rps: the largest rate at which all SLOs hold; None when even the lowest rate failed.
        ci95: its 95 % interval; from 0 where no rate is known to hold. None: no boundary was found,
            or the capacity was refused.
        bracket: (largest measured rate below the boundary, smallest above it); None: not found.
        binding, binding_tier: the SLO (and tier) that fails first; None when none failed.
        shape: ``smooth`` (interpolated between measured rates), ``cliff`` (the metric jumps across
            the bracket: the capacity is its lower end), None when there is no boundary.
        replicates: seeds.
        note: what a reader must know besides.
        sure_rps: the largest rate of which the runs exclude that an SLO fails; None: there is none.
    """

    rate_rps: float | None
    ci95: tuple[float, float] | None
    bracket: tuple[float | None, float | None]
    binding: str | None
    binding_tier: str | None
    shape: Shape | None
    replicates: int
    note: str
    sure_rps: float | None = None


@dataclass(frozen=True, slots=True)
class _Boundary:
    rate: float | None
    low: float | None
    high: float | None
    shape: Shape | None
    closeness: float
    """Fitted log ratio at the bracket's lower end: breaks ties for the binding SLO."""
    curve: SloCurve


def capacity(cells: Cells) -> Capacity:
    """The largest fractional rate at which all SLOs hold.

    Per SLO: a non-decreasing curve is fitted to the estimates over the rates below the first
    infinite one (isotonic regression), and its last zero is found on the monotone cubic through the
    fitted points (PCHIP: Fritsch and Carlson, SIAM J. Numer. Anal. 17, 1980). The least over SLOs
    and tiers is the capacity.

    The interval is of the rates at which the runs do not exclude that an SLO is just met: it begins
    where an upper end of an SLO's own interval crosses the bound, and ends where a lower end does,
    each curve fitted and crossed in the same way (calibration by inversion; Fieller, "Some problems
    in interval estimation", J. R. Stat. Soc. B 16, 1954). So what one rate is not sure of makes the
    interval longer, and moves no estimate.
    """
    boundary = _least(_boundaries(cells, "value"))
    note: list[str] = []
    ci95: tuple[float, float] | None = None
    sure = _least(_boundaries(cells, "high"))
    if boundary.rate is None:
        note.append(f"the lowest rate measured, {cells.rates_rps[0]:g}, already fails")
    elif boundary.shape is None:
        if sure.rate == boundary.rate:
            note.append("no rate failed: the capacity is at least this; measure higher rates")
        else:
            who = "none" if sure.rate is None else f"none above {sure.rate:.4g}"
            note.append(f"no rate failed, but {who} is sure to hold: {sure.curve.slo} {LONGER}")
    else:
        low = 0.0 if sure.rate is None else min(sure.rate, boundary.rate)
        # Each SLO excludes what lies beyond its own end: that of a cliff is the failing rate.
        possible = [b.rate if b.shape == "smooth" else b.high for b in _boundaries(cells, "low")]
        excluded = [end for end in possible if end is not None]
        high = min(excluded, default=float(cells.rates_rps[-1]))
        ci95 = (low, max(high, boundary.rate))
        if boundary.shape == "cliff":
            note.append(
                f"the boundary is a cliff between {boundary.low:.4g} and {boundary.high:.4g}, and "
                "the answer its lower end"
            )
        if low == 0.0:
            note.append(f"no rate is sure to hold: {sure.curve.slo} {LONGER}")
        elif not excluded:
            note.append("no rate is sure to fail: measure higher rates")
    failed = boundary.high is not None
    return Capacity(
        rate_rps=boundary.rate,
        ci95=ci95,
        bracket=(boundary.low, boundary.high),
        binding=boundary.curve.slo if failed else None,
        binding_tier=boundary.curve.tier if failed else None,
        shape=boundary.shape,
        replicates=cells.replicates,
        note="; ".join(note),
        sure_rps=sure.rate,
    )


def capacity_ratio(a: Capacity, b: Capacity) -> Interval:
    """Capacity of ``b`` over that of ``a``, with its 95 % interval.

    Of the distances of both capacities from the ends of their intervals, on logarithms, the squares
    add up (MOVER: Zou and Donner, "Construction of confidence limits about effect measures",
    Statistics in Medicine 27, 2008). Both sides saw the same requests, which makes what they share
    cancel; it is counted all the same, so the interval is rather too wide than too narrow.
    """
    n = min(a.replicates, b.replicates)
    if a.rate_rps is None or b.rate_rps is None:
        note = "a scheduler has no capacity among the rates measured"
        return Interval(math.nan, None, None, LEVEL, n, "none", note)
    ratio = b.rate_rps / a.rate_rps
    if a.ci95 is None or b.ci95 is None:
        note = "a scheduler failed at no rate: its capacity is only a lower bound"
        return Interval(ratio, None, None, LEVEL, n, "none", note)
    if a.ci95[0] <= 0 or b.ci95[0] <= 0:
        note = "no rate of a scheduler is sure to hold"
        return Interval(ratio, None, None, LEVEL, n, "none", note)
    down_a, up_a = math.log(a.rate_rps / a.ci95[0]), math.log(a.ci95[1] / a.rate_rps)
    down_b, up_b = math.log(b.rate_rps / b.ci95[0]), math.log(b.ci95[1] / b.rate_rps)
    low = ratio * math.exp(-math.hypot(down_b, up_a))
    high = ratio * math.exp(math.hypot(up_b, down_a))
    return Interval(ratio, low, high, LEVEL, n, "mover", "from both intervals")


def _boundaries(cells: Cells, of: Literal["value", "low", "high"]) -> list[_Boundary]:
    """One an SLO and tier, by the estimates or by one end of their intervals."""
    boundaries = []
    for curve in cells.curves:
        informative = [
            (rate, getattr(level, of))
            for rate, level in zip(cells.rates_rps.tolist(), curve.levels, strict=True)
            if not _excludes_nothing(level, of)
        ]
        if of == "low" and not informative:  # it limits nothing
            informative = [(float(cells.rates_rps[-1]), _FLOOR)]
        rates = np.array([rate for rate, _ in informative])
        boundaries.append(_curve_boundary(rates, [value for _, value in informative], curve))
    return boundaries


def _least(boundaries: Sequence[_Boundary]) -> _Boundary:
    return min(
        boundaries,
        key=lambda b: (-math.inf if b.rate is None else b.rate, b.shape is None, -b.closeness),
    )


def _excludes_nothing(level: SloLevel, of: Literal["value", "low", "high"]) -> bool:
    """Whether this end of an SLO's interval is open: such a rate says nothing of it, and other
    rates do, since an SLO that holds at one rate holds at all lower ones."""
    if of == "high":
        return math.isinf(level.high) and math.isfinite(level.value)
    return of == "low" and level.low == -math.inf


def _curve_boundary(rates: FloatArray, values: Sequence[float], curve: SloCurve) -> _Boundary:
    from scipy.interpolate import PchipInterpolator  # noqa: PLC0415
    from scipy.optimize import brentq, isotonic_regression  # noqa: PLC0415

    # Differences beyond the twelfth decimal mean nothing, and overflow PCHIP's harmonic means;
    # upwards, so that what fails by less still fails.
    levels = np.ceil(np.maximum(np.array(values), _FLOOR) * 1e12) / 1e12
    unbounded = np.flatnonzero(np.isinf(levels))
    end = int(unbounded[0]) if len(unbounded) else len(rates)
    fitted = isotonic_regression(levels[:end]).x if end else np.empty(0)
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
