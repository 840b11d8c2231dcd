"""The outcome of a regression run: a verdict a metric, rate and scheduler."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slaibench.measure.regression import FAMILY_ERROR, POWER, ChangeVerdict
from slaibench.spec import StudySpec
from slaibench.studies.estimate import Estimate, finite
from slaibench.studies.frames import ends_of, frame_of
from slaibench.studies.regression.forms import RegressForm, RowForm
from slaibench.studies.regression.metrics import words
from slaibench.studies.shown import Shown

if TYPE_CHECKING:
    import pandas as pd

SATURATED = "saturated"
"""The metric that says whether a scheduler's runs at a rate have a steady state."""


@dataclass(frozen=True, slots=True)
class Row:
    """One metric of one scheduler at one rate.

    Args:
        metric: a name of ``regress.metrics.METRICS`` (``tbt_p99_s@paying``), or ``SATURATED``.
        before, after: geometric means over replicates, or shares of saturated ones; ``inf``: among
            requests that were still waiting; None: none.
        change: after / before - 1.
        low, high: ends of its interval, by the rule that judged it (90 % in a regression).
        p_worse: of the test for worse, before the correction; None: no test could be made.
        mde: the change that would have been called worse with 80 % probability.
        needed: replicates with which twice the margin would have been; None: not known, or more
            than 10,000.
        sd: of the logarithm of a pair's ratio (of a replicate's, where they are not paired).
        noise: relative spread of a run against its repetition (A/A), where that was measured.
        replicates: on each side.
        paired: by seed.
        reason: why it is unknown, or what else the verdict rests on; may be empty.
    """

    scheduler: str
    rate_rps: float
    metric: str
    verdict: ChangeVerdict
    before: float | None
    after: float | None
    replicates: tuple[int, int]
    paired: bool
    reason: str = ""
    change: float | None = None
    low: float | None = None
    high: float | None = None
    p_worse: float | None = None
    mde: float | None = None
    needed: int | None = None
    sd: float | None = None
    noise: float | None = None

    @property
    def words(self) -> str:
        """What a table calls the metric."""
        return SATURATED if self.metric == SATURATED else words(self.metric)

    def to_json(self) -> RowForm:
        return {
            "scheduler": self.scheduler,
            "rate_rps": self.rate_rps,
            "metric": self.metric,
            "verdict": self.verdict.value,
            "before": finite(self.before),
            "after": finite(self.after),
            "change": finite(self.change),
            "ci90": None if self.low is None else [finite(self.low), finite(self.high)],
            "p_worse": finite(self.p_worse),
            "mde": finite(self.mde),
            "replicates_needed": self.needed,
            "replicates": list(self.replicates),
            "paired": self.paired,
            "noise": finite(self.noise),
            "reason": self.reason or None,
        }


class Verdicts:
    """How often, and where, each verdict was given."""

    rows: tuple[Row, ...]

    @property
    def counts(self) -> Counter[ChangeVerdict]:
        return Counter(row.verdict for row in self.rows)

    def of(self, verdict: ChangeVerdict) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.verdict is verdict)


@dataclass(frozen=True, repr=False)
class RegressResult(Verdicts, Shown):
    """A regression run.

    Args:
        name: the baseline's.
        spec: what was run.
        about: the system under test, in a line.
        against: what it is compared with, in words.
        margin: largest relative change that does not matter.
        rows: by scheduler, rate and metric.
        num_cells, num_identical: runs, and those in which every token came at the same time.
        invalid: why runs of this side are no measurement, each reason once.
        notes: what a reader must know besides.
    """

    name: str
    spec: StudySpec
    about: str
    against: str
    margin: float
    rows: tuple[Row, ...]
    num_cells: int
    num_identical: int
    invalid: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def worse(self) -> tuple[Row, ...]:
        return self.of(ChangeVerdict.WORSE)

    @property
    def verdict(self) -> ChangeVerdict:
        """Of the whole: worse before better before what is unknown; identical if all is."""
        if not self.rows:
            return ChangeVerdict.UNKNOWN
        counts = self.counts
        order = (
            ChangeVerdict.WORSE,
            ChangeVerdict.BETTER,
            ChangeVerdict.UNKNOWN,
            ChangeVerdict.SAME,
        )
        return next((verdict for verdict in order if counts[verdict]), ChangeVerdict.IDENTICAL)

    def to_json(self) -> RegressForm:
        counts = self.counts
        return {
            "baseline": self.name,
            "verdict": self.verdict.value,
            "counts": {verdict.value: counts[verdict] for verdict in ChangeVerdict},
            "against": self.against,
            "about": self.about,
            "margin": self.margin,
            "family_error": FAMILY_ERROR,
            "power": POWER,
            "cells": {"run": self.num_cells, "identical": self.num_identical},
            "rows": [row.to_json() for row in self.rows],
            "invalid": list(self.invalid),
            "notes": list(self.notes),
            "spec": self.spec.to_json(),
        }

    def frame(self) -> pd.DataFrame:
        """One row a metric, rate and scheduler."""
        rows = []
        for row in self.rows:
            form: dict[str, Any] = dict(row.to_json())
            del form["ci90"], form["replicates"]
            before, after = row.replicates
            ends = ends_of("change", Estimate(row.change, row.low, row.high, 0))
            sides = {"replicates_before": before, "replicates_after": after}
            spec = self.spec
            where = {"model": spec.model, "gpu": spec.gpu, "backend": spec.backend}
            rows.append({"scheduler": row.scheduler, **where, **form, **ends, **sides})
        numbers = ("before", "after", "p_worse", "mde", "replicates_needed", "noise")
        frame = frame_of(rows)
        return frame.astype({name: float for name in numbers if name in frame})

    @property
    def in_words(self) -> str:
        counts = self.counts
        parts = [f"{counts[it]} {it.value}" for it in ChangeVerdict if counts[it]]
        return f"{self.name} {self.verdict.value} against {self.against} ({', '.join(parts)})"


def ratio(log_ratio: float) -> float:
    """A change on the scale of logarithms as a relative one."""
    return math.expm1(log_ratio)
