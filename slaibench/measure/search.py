"""Which rates to measure next in a search for the capacity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from slaibench.rates import significant_rate


@dataclass(frozen=True, slots=True)
class Trial:
    """A rate that was measured, whether all SLOs held there, and over how many seeds."""

    rate_rps: float
    passes: bool
    replicates: int


@dataclass(frozen=True, slots=True)
class Proposal:
    """A rate to measure until it has this many seeds."""

    rate_rps: float
    replicates: int


def bracket(trials: Sequence[Trial]) -> tuple[float | None, float | None]:
    """Rates between which the boundary lies: the largest that passes below all that fail, and the
    smallest that fails; None: there is none yet."""
    high = min((trial.rate_rps for trial in trials if not trial.passes), default=None)
    passing = [trial.rate_rps for trial in trials if trial.passes]
    return max((rate for rate in passing if high is None or rate < high), default=None), high


def next_rates(
    trials: Sequence[Trial],
    *,
    start_rps: float,
    resolution: float = 0.05,
    replicates: int = 5,
    parallel: int = 1,
    min_rps: float | None = None,
    max_rps: float | None = None,
) -> tuple[Proposal, ...]:
    """What to measure next; empty when the search is done.

    First the boundary is bracketed by doubling or halving from ``start_rps``, with one seed a
    rate; then the bracket is divided (geometrically) down to about twice the resolution; then its
    ends and middle get all their seeds. The verdict of a rate may change as seeds are added:
    call again with what is then known.

    Args:
        trials: one for each rate measured so far, any order.
        start_rps: the first guess.
        resolution: stop when the bracket's ends are within a factor of 1 + ``resolution``.
        replicates: seeds for the cells around the boundary.
        parallel: rates to propose at a time while dividing the bracket.
        min_rps: give up below (default: a thousandth of the start).
        max_rps: give up above (default: a thousand times the start).

    Raises:
        ValueError: an argument is out of range.
    """
    if start_rps <= 0 or resolution <= 0 or replicates < 1 or parallel < 1:
        raise ValueError(
            "start_rps and resolution must be positive, replicates and parallel at least 1; "
            f"got {start_rps}, {resolution}, {replicates}, {parallel}"
        )
    least = start_rps / 1024 if min_rps is None else min_rps
    most = start_rps * 1024 if max_rps is None else max_rps
    by_rate = {trial.rate_rps: trial for trial in trials}
    low, high = bracket(trials)
    if low is not None and high is not None:
        return _divide(by_rate[low], by_rate[high], resolution, replicates, parallel)
    if low is not None:
        done = low >= most
        return _complete([by_rate[low]], replicates) if done else _one(min(2 * low, most))
    if high is not None:
        return () if high <= least else _one(max(high / 2, least))
    return _one(min(max(start_rps, least), most))


def _divide(
    low: Trial, high: Trial, resolution: float, replicates: int, parallel: int
) -> tuple[Proposal, ...]:
    """Narrow a bracket down; once it is narrow, complete its ends and middle."""
    ratio = high.rate_rps / low.rate_rps
    if ratio > (1 + resolution) ** 2:
        shares = [j / (parallel + 1) for j in range(1, parallel + 1)]
        return tuple(Proposal(_between(low.rate_rps, high.rate_rps, s), 1) for s in shares)
    ends = _complete([low, high], replicates)
    if ratio > 1 + resolution:
        return (*ends, Proposal(_between(low.rate_rps, high.rate_rps, 0.5), replicates))
    return ends


def _one(rate: float) -> tuple[Proposal, ...]:
    return (Proposal(significant_rate(rate), 1),)


def _complete(trials: Sequence[Trial], replicates: int) -> tuple[Proposal, ...]:
    return tuple(Proposal(t.rate_rps, replicates) for t in trials if t.replicates < replicates)


def _between(low: float, high: float, share: float) -> float:
    exact = low * (high / low) ** share
    tidy = significant_rate(exact)
    return tidy if low < tidy < high else exact
