"""The page of a sweep, of a comparison, or of what was found on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from slaibench.recording.store import RecordingError
from slaibench.report import facts
from slaibench.report.audit_table import audit_table
from slaibench.report.captions import Caption, captions
from slaibench.report.command import command_line, joined, repeated, seeds, with_workload
from slaibench.report.document import Notes
from slaibench.report.files import ReportFiles
from slaibench.report.headline import headline
from slaibench.report.numbers import study_numbers
from slaibench.report.page import Card, Page, profile_notes, system_parts
from slaibench.report.recordings import OnRun, cells_of, identity, read_again, read_all
from slaibench.report.study_document import StudyDocument, StudyNumbers, StudyRun, compared_in
from slaibench.report.subject import Subject, make_subject
from slaibench.report.tables import tables
from slaibench.report.template import stem_of
from slaibench.report.words import sentences
from slaibench.spec import SERVING, StudySpec
from slaibench.spec.study_layout import StudyKind
from slaibench.spec.study_text import study_text
from slaibench.studies.capacity import CapacityResult, capacity_from
from slaibench.studies.executors import CellResult, Summarize
from slaibench.studies.sweep import SweepResult, sweep_result
from slaibench.studies.systems import imported
from slaibench.studies.targets import Targets

if TYPE_CHECKING:
    from slaibench.report.figures.panel import Panel
    from slaibench.studies.compare import CompareResult

LEFT_OPEN = ("kv_blocks", "max_context_tokens", "async_scheduling")
"""What a study may leave to the system under test."""


def write_report(
    sweep: SweepResult,
    folder: Path,
    *,
    comparison: CompareResult | None = None,
    capacities: Sequence[CapacityResult] = (),
    focus_rate: float | None = None,
) -> ReportFiles:
    """Write the report of a sweep, and of what was compared and searched beside it.

    Args:
        sweep: the points.
        folder: made if it is not there.
        comparison: of some of the sweep's schedulers; brings their paired changes and capacities.
        capacities: that were searched; for a scheduler without one, its rates in the sweep count.
        focus_rate: rate that the detailed figures show; None: the largest at which no scheduler
            is saturated.

    Raises:
        ValueError: the parts do not belong together, or ``focus_rate`` was not swept.
        RecordingError: a recording that a figure shows cannot be read.
        ReportError: the page cannot be written.
    """
    searched = {result.scheduler: result for result in capacities}
    compared: tuple[str, ...] = ()
    if comparison is not None:
        _check_same(sweep, comparison)
        compared = comparison.schedulers
        searched.update({result.scheduler: result for result in comparison.capacities})
    subject = make_subject(
        sweep, searched=tuple(searched.values()), compared=compared, focus_rate_rps=focus_rate
    )
    return PAGE.write(subject, folder)


class StudyPage(Page[Subject, StudyDocument]):
    """Latency against load, capacities and, of a comparison, paired changes."""

    format = "slaibench-report"
    version = 2
    template = "study"
    required = StudyDocument.__required_keys__
    planned = frozenset({"spec", "pair", "focus_rate_rps"})
    always_shown = frozenset({"arrivals"})  # whose table is there in any case

    def numbers(self, subject: Subject, folder: Path) -> StudyNumbers:
        return study_numbers(subject, folder)

    def notes(self, subject: Subject) -> Notes:
        return {"profile": profile_notes(subject.sweep.spec)}

    def panels(self, subject: Subject, doc: StudyDocument) -> dict[str, list[Panel]]:
        from slaibench.report.figures.drawing import panels  # noqa: PLC0415  (matplotlib)

        return panels(subject, doc)

    def captions(self, doc: StudyDocument) -> dict[str, Caption]:
        return captions(doc)

    def stem(self, doc: StudyDocument) -> str:
        """As ``sweep-h100-mistral-7b-0123abcd``: of what was planned and of the runs, since studies
        gathered from disk may differ in nothing but their runs."""
        what = "sweep" if doc["pair"] is None else "compare"
        served = doc["served"]
        compared = list(compared_in(doc)) or None
        where = (*system_parts(served["venue"]), served["place"], doc["cell"]["model"])
        runs = sorted(cells_of(doc["runs"]))
        return stem_of((what, *dict.fromkeys(where), identity([doc["spec"], compared, runs])))

    def card(self, doc: StudyDocument) -> Card:
        served = doc["served"]
        return Card(
            "Comparison" if doc["pair"] else "Sweep",
            headline(doc).title,
            tuple(doc["schedulers"]),
            doc["cell"]["model"],
            served["place"],
            (served["venue"],),
        )

    def content(self, doc: StudyDocument) -> Mapping[str, object]:
        return {
            "schedulers": list(doc["schedulers"]),
            "kind": self.card(doc).line,
            "headline": headline(doc),
            "about": about_of(doc),
            "audit": audit_table(doc),
            "tables": tables(doc),
            "facts": facts_of(doc),
            "study_file": study_text(_kind(doc), with_workload(doc)),
        }

    def rebuild(self, doc: StudyDocument, folder: Path, on_run: OnRun) -> Subject:
        return rebuilt(doc, folder, on_run)

    def command(self, doc: StudyDocument, results: Path) -> str:
        spec = with_workload(doc)
        num_requests = spec["num_requests"] or _num_requests(doc)
        fields: dict[str, object] = {**spec, "num_requests": num_requests}
        rates = ["--rates", joined(spec["rates"])]
        if spec["backend"] == imported.BACKEND:
            return imported.AGAIN
        if spec["backend"] == "endpoint":
            words = ["replay", "--label", *spec["schedulers"], *rates]
            fields["backend"] = None
        elif doc["pair"] is not None:
            words = ["compare", *compared_in(doc), *rates]
        else:
            words = ["sweep", *repeated("--scheduler", spec["schedulers"]), *rates]
        return command_line([*words, *seeds(spec["num_seeds"])], fields, results)


PAGE = StudyPage()


def _kind(doc: StudyDocument) -> StudyKind:
    if doc["spec"]["backend"] == "endpoint":
        return StudyKind.REPLAY
    return StudyKind.SWEEP if doc["pair"] is None else StudyKind.COMPARE


def rebuilt(doc: StudyNumbers, folder: Path, on_run: OnRun) -> Subject:
    """A study from its numbers and its recordings; as ``Page.rebuild``."""
    spec = StudySpec.model_validate(doc["spec"])
    targets = Targets.of(spec)
    summarize = targets.summarizer()
    runs = doc["runs"]
    reads = [partial(_read, run, spec, folder, summarize) for run in runs]
    cells = read_all(runs, reads, on_run)
    swept = [cell for cell, run in zip(cells, runs, strict=True) if run["in_sweep"]]
    sweep = sweep_result(spec, targets, doc["about"], doc["workload_note"], swept)
    return make_subject(
        sweep,
        searched=[
            capacity_from(spec, targets, sweep.about, name, [cells[i] for i in capacity["runs"]])
            for name, capacity in doc["capacities"].items()
            if capacity["searched"]
        ],
        compared=compared_in(doc),
        focus_rate_rps=doc["focus_rate_rps"],
        judged=any("verdict" in point for at in doc["points"].values() for point in at.values()),
    )


def _check_same(sweep: SweepResult, comparison: CompareResult) -> None:
    swept = {cell.folder for cell in sweep.cells}
    for cell in comparison.sweep.cells:
        if cell.folder not in swept:
            raise ValueError(
                f"the comparison has the run {cell.folder.name!r}, which the sweep has not; report "
                "the sweep that the comparison made (comparison.sweep)"
            )


def about_of(doc: StudyDocument) -> list[str]:
    """What ran and by whose definitions, a paragraph each."""
    parts = [facts.CONVENTIONS[doc["spec"]["convention"]]]
    if doc["workload_note"]:
        parts.insert(0, f"Workload {doc['cell']['workload']}: {doc['workload_note']}.")
    return [*sentences(doc["about"]), " ".join(parts)]


def facts_of(doc: StudyDocument) -> list[tuple[str, facts.Facts]]:
    """Tables of names and values: what was planned, what ran, by which profile, with what."""
    parts = [
        ("Asked", facts.planned(doc["spec"])),
        ("Every run", facts.every_run(doc)),
        ("What served", facts.served(doc["served"])),
        ("Schedulers and their options", facts.schedulers(doc)),
    ]
    if profile := facts.profile(doc["profile"], doc["made"]["profile"]):
        parts.append(("Profile", profile))
    return [*parts, ("Versions", facts.study_versions(doc, doc["made"]))]


def _read(run: StudyRun, spec: StudySpec, folder: Path, summarize: Summarize) -> CellResult:
    read = read_again(run, folder, summarize)
    for name in (*SERVING, "convention", "max_total_tokens"):
        ran, planned = getattr(read.cell, name), getattr(spec, name)
        left_open = planned is None and name in LEFT_OPEN
        if ran != planned and not left_open:
            raise RecordingError(
                f"{str(read.folder)!r} has {name} {ran}, the report's study has {planned}"
            )
    return read


def _num_requests(doc: StudyDocument) -> int | None:
    """Requests of a cell, where a study that was found on disk does not say; None: the default."""
    spec = StudySpec.model_validate(doc["spec"])
    # A run under overload is at another rate, and has a number of requests of its own.
    due = dict.fromkeys(spec.rates, 0)
    for run in doc["runs"]:
        if run["rate_rps"] in due:
            due[run["rate_rps"]] = max(due[run["rate_rps"]], run["due"])
    # A study that made its runs longer did so by whole lengths.
    if spec.horizon_s is not None or all(due[r] % spec.requests_at(r) == 0 for r in due):
        return None
    return int(max(due.values()))
