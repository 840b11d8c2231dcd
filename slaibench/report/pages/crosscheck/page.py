"""The page of several backends: what its parts are, and how they are found again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

from slaibench.report.captions import Caption
from slaibench.report.command import command_line, joined, repeated, seeds, with_workload
from slaibench.report.document import Notes
from slaibench.report.facts import CONVENTIONS
from slaibench.report.numbers import study_numbers
from slaibench.report.page import Card, Page, profile_notes, results_in
from slaibench.report.pages import study
from slaibench.report.pages.crosscheck.captions import captions, legend
from slaibench.report.pages.crosscheck.document import (
    BackendRun,
    CrosscheckDocument,
    CrosscheckNumbers,
)
from slaibench.report.pages.crosscheck.findings import headline
from slaibench.report.pages.crosscheck.subject import Crosscheck, reference, runs_of
from slaibench.report.pages.crosscheck.tables import (
    conclusion_grid,
    fact_grids,
    quantity_tables,
    verdict_table,
    warnings,
)
from slaibench.report.recordings import LostRecordings, OnRun, Wrong, cells_of, identity
from slaibench.report.study_document import StudyNumbers
from slaibench.report.subject import Subject
from slaibench.report.template import stem_of
from slaibench.report.words import sentences
from slaibench.spec import SpecForm
from slaibench.spec.study_layout import StudyKind
from slaibench.spec.study_text import study_text
from slaibench.studies.crosscheck.study import matches_of

if TYPE_CHECKING:
    from slaibench.report.figures.panel import Panel


class CrosscheckPage(Page[Crosscheck, CrosscheckDocument]):
    """The study on each backend, and how far the others agree with the first."""

    format = "slaibench-validation"
    version = 2
    template = "validation"
    required = CrosscheckDocument.__required_keys__

    def numbers(self, subject: Crosscheck, folder: Path) -> CrosscheckNumbers:
        studies = zip(subject.between, subject.studies, strict=True)
        return {
            "between": list(subject.between),
            "studies": {name: study_numbers(part, folder) for name, part in studies},
            "matches": [match.to_json() for match in subject.matches],
        }

    def notes(self, subject: Crosscheck) -> Notes:
        studies = zip(subject.between, subject.studies, strict=True)
        return {"profiles": {name: profile_notes(part.sweep.spec) for name, part in studies}}

    def panels(self, subject: Crosscheck, doc: CrosscheckDocument) -> dict[str, list[Panel]]:
        from slaibench.report.pages.crosscheck.figures import panels  # noqa: PLC0415  (matplotlib)

        return panels(subject, doc)

    def captions(self, doc: CrosscheckDocument) -> dict[str, Caption]:
        return captions(doc)

    def runs(self, doc: CrosscheckDocument) -> list[BackendRun]:
        return runs_of(doc)

    def results(self, doc: CrosscheckDocument) -> Mapping[str, object]:
        studies = {
            name: results_in(part, study.PAGE.planned) for name, part in doc["studies"].items()
        }
        return {"studies": studies, "matches": doc["matches"]}

    def stem(self, doc: CrosscheckDocument) -> str:
        """As ``validate-sim-vllm-h100-mistral-7b-0123abcd``."""
        first = reference(doc)
        where = dict.fromkeys((*doc["between"], first["served"]["place"], first["cell"]["model"]))
        planned = [doc["between"], [doc["studies"][name]["spec"] for name in doc["between"]]]
        return stem_of(("validate", *where, identity([*planned, cells_of(runs_of(doc))])))

    def card(self, doc: CrosscheckDocument) -> Card:
        first = reference(doc)
        return Card(
            "Validation",
            headline(doc).title,
            tuple(first["schedulers"]),
            first["cell"]["model"],
            first["served"]["place"],
            tuple(doc["between"]),
        )

    def content(self, doc: CrosscheckDocument) -> Mapping[str, object]:
        first = reference(doc)
        return {
            "schedulers": list(first["schedulers"]),
            "kind": self.card(doc).line,
            "headline": headline(doc),
            "served": [
                (name, " ".join(sentences(doc["studies"][name]["about"])))
                for name in doc["between"]
            ],
            "about": _about(first),
            "warnings": warnings(doc),
            "verdicts": verdict_table(doc),
            "conclusions": conclusion_grid(doc),
            "legend": legend(doc),
            "tables": quantity_tables(doc),
            "facts": fact_grids(doc),
            "study_file": study_text(
                StudyKind.VALIDATE, _common(doc), {"validate.between": ",".join(doc["between"])}
            ),
        }

    def rebuild(self, doc: CrosscheckDocument, folder: Path, on_run: OnRun) -> Crosscheck:
        total, done_before = len(runs_of(doc)), 0
        studies: list[Subject] = []
        wrong: list[Wrong] = []
        absent: list[Path] = []
        for name in doc["between"]:
            part = doc["studies"][name]

            def on_own_run(done: int, _: int, before: int = done_before) -> None:
                on_run(before + done, total)

            try:
                studies.append(study.rebuilt(part, folder, on_own_run))
            except LostRecordings as lost:
                wrong += [(f"studies/{name}/{where}", page, why) for where, page, why in lost.wrong]
                absent += lost.absent
            done_before += len(part["runs"])
        if wrong or absent:
            raise LostRecordings(wrong, absent)
        between = tuple(doc["between"])
        matches = matches_of(between, [part.sweep for part in studies])
        return Crosscheck(between, tuple(studies), matches)

    def command(self, doc: CrosscheckDocument, results: Path) -> str:
        """What only some of the backends take is left out."""
        spec = with_workload(reference(doc))
        schedulers = repeated("--scheduler", spec["schedulers"])
        words = ["validate", "--between", ",".join(doc["between"]), *schedulers]
        words += ["--rates", joined(spec["rates"]), *seeds(spec["num_seeds"])]
        common = {**spec, "backend": None, "device": None, "clock": None}
        return command_line(words, common, results)


PAGE = CrosscheckPage()


def _common(doc: CrosscheckDocument) -> SpecForm:
    """What all backends are asked for: which, ``between`` says; no run is stopped early."""
    own = {"backend": "sim", "device": None, "clock": None, "early_stop": None, "slo": None}
    return cast("SpecForm", {**with_workload(reference(doc)), **own})


def _about(first: StudyNumbers) -> str:
    workload = f"Workload {first['cell']['workload']}"
    note = f"{workload}: {first['workload_note']}." if first["workload_note"] else f"{workload}."
    return f"{note} {CONVENTIONS[first['spec']['convention']]} No run was stopped early."
