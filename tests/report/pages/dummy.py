"""A kind of page in one file, of how many requests were due (``test_pages``)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TypedDict

from slaibench.report.captions import Caption
from slaibench.report.command import command_line
from slaibench.report.document import Notes, PageDocument, RunEntry
from slaibench.report.figures.panel import Panel
from slaibench.report.page import Page
from slaibench.report.recordings import OnRun, cells_of, entry, identity, read_again, read_all
from slaibench.report.template import Headline, stem_of
from slaibench.spec import SpecForm, StudySpec
from slaibench.studies.executors import CellResult
from slaibench.studies.targets import Targets

Cells = tuple[StudySpec, list[CellResult]]


class DummyNumbers(TypedDict):
    spec: SpecForm
    due: list[int]
    runs: list[RunEntry]


class DummyDocument(PageDocument, DummyNumbers):
    pass


class DummyPage(Page[Cells, DummyDocument]):
    format = "dummy"
    version = 1
    template = "base"
    required = DummyDocument.__required_keys__
    planned = frozenset({"spec"})

    def numbers(self, subject: Cells, folder: Path) -> DummyNumbers:
        spec, cells = subject
        due = [cell.summary.metrics.counts.due for cell in cells]
        runs = [entry(cell, folder) for cell in cells]
        return {"spec": spec.to_json(), "due": due, "runs": runs}

    def notes(self, subject: Cells) -> Notes:
        return {}

    def panels(self, subject: Cells, doc: DummyDocument) -> dict[str, list[Panel]]:
        from slaibench.report.figures.style import panel  # noqa: PLC0415

        figure, (ax,) = panel()
        ax.plot(doc["due"])
        return {"due": [Panel("due", "Requests due, by run", figure)]}

    def captions(self, doc: DummyDocument) -> dict[str, Caption]:
        return {"due": Caption("Requests due", f"{len(doc['due'])} runs.")}

    def stem(self, doc: DummyDocument) -> str:
        return stem_of(("dummy", identity(cells_of(doc["runs"]))))

    def content(self, doc: DummyDocument) -> Mapping[str, object]:
        schedulers = list(dict.fromkeys(run["scheduler"] for run in doc["runs"]))
        headline = Headline(f"{sum(doc['due'])} requests")
        return {"schedulers": schedulers, "kind": "Dummy", "headline": headline, "tables": ()}

    def rebuild(self, doc: DummyDocument, folder: Path, on_run: OnRun) -> Cells:
        spec = StudySpec.model_validate(doc["spec"])
        summarize = Targets.of(spec).summarizer()
        reads = [partial(read_again, run, folder, summarize) for run in doc["runs"]]
        return spec, read_all(doc["runs"], reads, on_run)

    def command(self, doc: DummyDocument, results: Path) -> str:
        return command_line(["dummy"], doc["spec"], results)


PAGE = DummyPage()
