"""What it takes to see on a real device what virtual time showed: runs, and minutes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from slaibench.measure.regression import Change, ChangeVerdict, replicates_needed
from slaibench.measure.simultaneous import ERROR
from slaibench.studies.judge.forms import CheckForm, ConfirmationForm
from slaibench.studies.regression.result import SATURATED, Row

DEVICE_SPREAD = 0.03
"""Least spread of a pair on a real device, relative: an assumption, since virtual time has no noise
of a machine's."""
START_S = 90.0
"""Of an engine on a GPU, once a side: 88.6 s were measured on an H200 (docs/gpu.md)."""
MOST_PAIRS = 100
"""More of them nobody runs to confirm something."""
MOVED = (ChangeVerdict.BETTER, ChangeVerdict.WORSE)


@dataclass(frozen=True, slots=True)
class Check:
    """One change at one load.

    Args:
        metric: its name in the catalogue.
        change: what virtual time says, relative; None: only that twice the margin be found.
        num_pairs: with which it is found with the power of a minimum detectable effect.
        seconds: of both sides' runs, starts of engines left out.
    """

    metric: str
    rate_rps: float
    change: float | None
    num_pairs: int
    seconds: float

    def to_json(self) -> CheckForm:
        return {
            "metric": self.metric,
            "rate_rps": self.rate_rps,
            "change": self.change,
            "pairs": self.num_pairs,
            "seconds": self.seconds,
        }


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The runs on a real device that would confirm a judgement.

    Args:
        checks: the cheapest change for the better and for the worse; without any, that the metric
            named first has not moved at the highest load.
    """

    checks: tuple[Check, ...]

    @property
    def num_pairs(self) -> int:
        """Seeds that one command runs for all of them."""
        return max(check.num_pairs for check in self.checks)

    @property
    def rates(self) -> tuple[float, ...]:
        return tuple(sorted({check.rate_rps for check in self.checks}))

    @property
    def metrics(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(check.metric.partition("@")[0] for check in self.checks))

    @property
    def minutes(self) -> float:
        """Of the device, with the engine's start for each side."""
        per_rate = {
            check.rate_rps: check.seconds / check.num_pairs * self.num_pairs
            for check in self.checks
        }
        return (sum(per_rate.values()) + 2 * START_S) / 60

    def to_json(self) -> ConfirmationForm:
        return {
            "checks": [check.to_json() for check in self.checks],
            "pairs": self.num_pairs,
            "rates": list(self.rates),
            "metrics": list(self.metrics),
            "minutes": self.minutes,
        }


def confirmation(
    rows: Sequence[Row], margin: float, run_s: Mapping[float, float]
) -> Confirmation | None:
    """The cheapest runs that would confirm what was seen; None: there is nothing to confirm.

    Args:
        rows: judged ones.
        run_s: by rate, how long a run lasts.
    """
    tested = [row for row in rows if row.metric != SATURATED and row.sd is not None]
    checks: list[Check] = []
    for verdict in MOVED:
        moved = [_check(row, margin, run_s) for row in tested if row.verdict is verdict]
        possible = [check for check in moved if check is not None]
        if possible:
            checks.append(min(possible, key=lambda check: (check.seconds, check.rate_rps)))
    if checks:
        return Confirmation(tuple(checks))
    if not tested or any(row.verdict in MOVED for row in tested):
        return None
    top = max(row.rate_rps for row in tested)
    first = next(row for row in tested if row.rate_rps == top)
    still = _check(first, margin, run_s)
    return None if still is None else Confirmation((still,))


def _check(row: Row, margin: float, run_s: Mapping[float, float]) -> Check | None:
    """What one row takes; None: more than ``MOST_PAIRS``."""
    assert row.sd is not None
    assert row.change is not None
    room = math.log1p(margin)
    moved = row.verdict in MOVED
    beyond = abs(math.log1p(row.change)) - room if moved else room
    spread = max(row.sd, DEVICE_SPREAD)
    n = min(row.replicates)
    change = Change(math.log1p(row.change), spread, n, spread / math.sqrt(n), n - 1, paired=True)
    num_pairs = replicates_needed(change, beyond, ERROR / 2)
    if num_pairs is None or num_pairs > MOST_PAIRS:
        return None
    seconds = 2 * num_pairs * run_s[row.rate_rps]
    return Check(row.metric, row.rate_rps, row.change if moved else None, num_pairs, seconds)
