"""Two schedulers as given, one of which cannot decide ahead: what of their difference is the mode.

An engine runs such a class in its asynchronous loop all the same, where it loses time that its rule
does not. With B / A as given, and B / A with both run synchronously, which is the scheduler's own,
the factor between them is the mode's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slaibench.studies.judge.forms import ArtefactRowForm
from slaibench.studies.regression.judge import Sides
from slaibench.studies.regression.metrics import words


@dataclass(frozen=True, slots=True)
class ArtefactRow:
    """One metric at one load.

    Args:
        change: with both as given.
        scheduler: of it, what is the scheduler's: the change with both run synchronously.
        mode: the rest.
    """

    rate_rps: float
    metric: str
    change: float
    mode: float
    scheduler: float

    @property
    def words(self) -> str:
        """What a table calls the metric."""
        return words(self.metric)

    def to_json(self) -> ArtefactRowForm:
        return {
            "rate_rps": self.rate_rps,
            "metric": self.metric,
            "change": self.change,
            "mode": self.mode,
            "scheduler": self.scheduler,
        }


def rows(
    given: Sequence[Sides], same: Sequence[Sides], metrics: Sequence[str]
) -> tuple[ArtefactRow, ...]:
    """A row a metric and load, where every run has a positive value.

    Args:
        given: both sides as they are; ``same``: both in one mode; at the same loads.
    """
    out = []
    for as_given, alike in zip(given, same, strict=True):
        for name in alike.new[0].values:
            if name.partition("@")[0] not in metrics:
                continue
            whole, own = _log_ratio(as_given, name), _log_ratio(alike, name)
            if whole is None or own is None:
                continue
            out.append(
                ArtefactRow(
                    alike.rate_rps,
                    name,
                    math.expm1(whole),
                    math.expm1(whole - own),
                    math.expm1(own),
                )
            )
    return tuple(out)


def _log_ratio(sides: Sides, name: str) -> float | None:
    """Mean over pairs of the logarithm of candidate / reference; None: a value has none."""
    logs = []
    for side in (sides.old, sides.new):
        values = [run.values[name].value for run in side]
        if not all(value is not None and 0 < value < math.inf for value in values):
            return None
        logs.append(float(np.log(np.array(values, dtype=np.float64)).mean()))
    return logs[1] - logs[0]
