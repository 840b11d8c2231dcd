"""The outcome of a judgement: a verdict a metric and load, and what to do with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slaibench.measure.regression import POWER, ChangeVerdict
from slaibench.spec import StudySpec
from slaibench.studies.estimate import Estimate, finite
from slaibench.studies.executors import CellResult
from slaibench.studies.frames import ends_of, frame_of
from slaibench.studies.judge.artefact import ArtefactRow
from slaibench.studies.judge.confirmation import Confirmation
from slaibench.studies.judge.design import Design
from slaibench.studies.judge.forms import JudgeForm, VerdictRowForm
from slaibench.studies.regression.result import Row, Verdicts
from slaibench.studies.shown import Shown

if TYPE_CHECKING:
    import pandas as pd

CODE_TIME = (
    "what the schedulers' own code takes is not in virtual time: it is measured by "
    "--clock real, or on the device"
)


@dataclass(frozen=True, repr=False)
class JudgeResult(Verdicts, Shown):
    """A scheduler judged against another.

    Args:
        spec: what was run, both in one mode: the reference first.
        asynchronous: that mode.
        rows: by rate and metric; ``before`` is the reference.
        synchronous: the one that cannot be run ahead, while the other is as it is; None: their
            mode is the same anyway.
        as_given: what of their difference is then the mode's.
        confirmation: what would confirm it on a device; None: nothing to confirm, or too much.
        about: the system under test, in a line.
        versions: of what decides times.
    """

    spec: StudySpec
    candidate: str
    reference: str
    asynchronous: bool
    design: Design
    rows: tuple[Row, ...]
    synchronous: str | None
    as_given: tuple[ArtefactRow, ...]
    confirmation: Confirmation | None
    about: str
    workload_note: str
    versions: Mapping[str, str]
    warnings: tuple[str, ...]
    cells: tuple[CellResult, ...]

    @property
    def identical(self) -> bool:
        """Whether every token of every pair came at the same time."""
        return all(row.verdict is ChangeVerdict.IDENTICAL for row in self.rows)

    @property
    def invalid(self) -> tuple[str, ...]:
        """Why runs are no measurement, each reason once."""
        reasons = (cell.summary.invalid for cell in self.cells)
        return tuple(dict.fromkeys(reason for reason in reasons if reason is not None))

    @property
    def simulated(self) -> bool:
        """Whether times are computed, not measured."""
        return self.cells[0].cell.gpu is not None

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know besides."""
        return (CODE_TIME,) if self.simulated else ()

    def folders(self) -> list[Path]:
        """Where the recordings lie."""
        return [cell.folder for cell in self.cells]

    @property
    def verdict(self) -> str:
        """Of the whole: ``better``, ``worse``, ``mixed`` where some metric is either, else what is
        said of the rest."""
        counts = self.counts
        if counts[ChangeVerdict.BETTER] and counts[ChangeVerdict.WORSE]:
            return "mixed"
        order = (ChangeVerdict.BETTER, ChangeVerdict.WORSE, ChangeVerdict.UNKNOWN)
        return next((it.value for it in order if counts[it]), self._unmoved)

    @property
    def _unmoved(self) -> str:
        return (ChangeVerdict.IDENTICAL if self.identical else ChangeVerdict.SAME).value

    def to_json(self) -> JudgeForm:
        counts = self.counts
        return {
            "candidate": self.candidate,
            "reference": self.reference,
            "asynchronous": self.asynchronous,
            "synchronous_only": self.synchronous,
            "verdict": self.verdict,
            "counts": {it.value: counts[it] for it in ChangeVerdict},
            "margin": self.design.margin,
            "error": self.design.error,
            "power": POWER,
            "comparisons": self.design.comparisons,
            "rows": [_form(row) for row in self.rows],
            "as_given": [row.to_json() for row in self.as_given],
            "confirmation": None if self.confirmation is None else self.confirmation.to_json(),
            "about": self.about,
            "workload": self.workload_note,
            "versions": dict(self.versions),
            "invalid": list(self.invalid),
            "notes": list(self.notes),
            "warnings": list(self.warnings),
            "spec": self.spec.to_json(),
        }

    def frame(self) -> pd.DataFrame:
        """One row a metric and rate; ``reference`` and ``candidate`` are their values."""
        rows = []
        for row in self.rows:
            form: dict[str, Any] = dict(_form(row))
            del form["interval"]
            ends = ends_of("change", Estimate(row.change, row.low, row.high, form["pairs"]))
            rows.append({**form, **ends})
        frame = frame_of(rows)
        return frame.astype(dict.fromkeys(("reference", "candidate", "mde"), float))

    @property
    def in_words(self) -> str:
        counts = self.counts
        parts = [f"{counts[it]} {it.value}" for it in ChangeVerdict if counts[it]]
        return f"{self.candidate} {self.verdict} against {self.reference} ({', '.join(parts)})"


def _form(row: Row) -> VerdictRowForm:
    return {
        "rate_rps": row.rate_rps,
        "metric": row.metric,
        "verdict": row.verdict.value,
        "reference": finite(row.before),
        "candidate": finite(row.after),
        "change": finite(row.change),
        "interval": None if row.low is None else [finite(row.low), finite(row.high)],
        "mde": finite(row.mde),
        "pairs": min(row.replicates),
        "reason": row.reason or None,
    }
