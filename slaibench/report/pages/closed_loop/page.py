"""The page of closed loops: its parts, and how they are made again."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from slaibench.report import facts
from slaibench.report.captions import Caption
from slaibench.report.command import command_line, joined, repeated, seeds
from slaibench.report.document import Notes
from slaibench.report.page import Card, Page, profile_notes, system_parts
from slaibench.report.pages.closed_loop.document import (
    ClosedDocument,
    ClosedNumbers,
    closed_numbers,
)
from slaibench.report.pages.closed_loop.findings import headline, latency_words, page_tables
from slaibench.report.recordings import OnRun, cells_of, identity, read_again, read_all
from slaibench.report.template import stem_of
from slaibench.report.words import plural, sentences
from slaibench.spec import SpecForm, StudySpec
from slaibench.spec.study_layout import StudyKind
from slaibench.spec.study_text import study_text
from slaibench.studies.closed_loop import closed_result
from slaibench.studies.closed_result import ClosedResult
from slaibench.studies.targets import Targets

if TYPE_CHECKING:
    from slaibench.report.figures.panel import Panel


class ClosedLoopPage(Page[ClosedResult, ClosedDocument]):
    """Latency and throughput by the number of clients."""

    format = "slaibench-closed-loop"
    version = 1
    template = "closed_loop"
    required = ClosedDocument.__required_keys__
    planned = frozenset({"spec", "reference"})

    def numbers(self, subject: ClosedResult, folder: Path) -> ClosedNumbers:
        return closed_numbers(subject, folder)

    def notes(self, subject: ClosedResult) -> Notes:
        return {"profile": profile_notes(subject.spec)}

    def panels(self, subject: ClosedResult, doc: ClosedDocument) -> dict[str, list[Panel]]:
        from slaibench.report.pages.closed_loop import figures  # noqa: PLC0415  (matplotlib)

        return {"latency": figures.latency(subject), "throughput": figures.throughput(subject)}

    def captions(self, doc: ClosedDocument) -> dict[str, Caption]:
        points = [point for by_clients in doc["points"].values() for point in by_clients.values()]
        counts = sorted(point["ttft_s"]["p50"]["n"] for point in points)
        n = f"n = {counts[0]:,} to {counts[-1]:,} requests a point"
        return {
            "latency": Caption(
                "Latency by the number of clients",
                f"{latency_words(doc)} Each client waits for its answer before it sends again. "
                "Bands and bars: 95 % intervals, of percentiles from how many requests of all "
                f"seeds together exceed a value, of means over seeds; {n}. No mark: n too small, "
                "or an invalid run.",
            ),
            "throughput": Caption(
                "What all clients get, and what one gets",
                "Output tokens a second of all clients together, by their number and against what "
                "one client gets: to the right a user is served faster, upwards the server earns "
                f"more. 95 % t intervals over {plural(doc['spec']['num_seeds'], 'seed')}; one "
                "seed has none.",
            ),
        }

    def stem(self, doc: ClosedDocument) -> str:
        """As ``closed-loop-h100-mistral-7b-0123abcd``."""
        where = dict.fromkeys((*system_parts(doc["venue"]), doc["place"], doc["model"]))
        planned = [doc["spec"], doc["reference"], sorted(cells_of(doc["runs"]))]
        return stem_of(("closed-loop", *where, identity(planned)))

    def card(self, doc: ClosedDocument) -> Card:
        return Card(
            "Closed loop",
            headline(doc).title,
            tuple(doc["schedulers"]),
            doc["model"],
            doc["place"],
            (doc["venue"],),
        )

    def content(self, doc: ClosedDocument) -> Mapping[str, object]:
        about = sentences(doc["about"])
        if doc["workload_note"]:
            about.append(f"Workload {doc['workload']}: {doc['workload_note']}.")
        parts = [
            ("Asked", facts.planned(doc["spec"])),
            ("What served", facts.served(doc["served"])),
        ]
        if profile := facts.profile(doc["profile"], doc["made"].get("profile", {})):
            parts.append(("Profile", profile))
        versions = [("recorded by slaibench", doc["recorded_by"]), *facts.versions(doc["made"])]
        return {
            "schedulers": doc["schedulers"],
            "kind": self.card(doc).line,
            "headline": headline(doc),
            "about": about,
            "tables": page_tables(doc),
            "facts": [*parts, ("Versions", versions)],
            "study_file": study_text(_kind(doc), _with_workload(doc)),
        }

    def rebuild(self, doc: ClosedDocument, folder: Path, on_run: OnRun) -> ClosedResult:
        spec = StudySpec.model_validate(doc["spec"])
        summarize = Targets.of(spec).summarizer()
        reads = [partial(read_again, run, folder, summarize) for run in doc["runs"]]
        cells = read_all(doc["runs"], reads, on_run)
        compares = doc["reference"] is not None
        return closed_result(spec, doc["about"], doc["workload_note"], cells, compares=compares)

    def command(self, doc: ClosedDocument, results: Path) -> str:
        spec = _with_workload(doc)
        clients = ["--concurrency", joined(doc["spec"].get("concurrency") or ())]
        if spec["backend"] == "endpoint":
            words = ["replay", "--label", *spec["schedulers"], *clients]
            fields: dict[str, object] = {**spec, "backend": None}
        elif doc["reference"] is not None:
            words, fields = ["compare", *spec["schedulers"], *clients], {**spec}
        else:
            schedulers = repeated("--scheduler", spec["schedulers"])
            words, fields = ["sweep", *schedulers, *clients], {**spec}
        return command_line([*words, *seeds(spec["num_seeds"])], fields, results)


PAGE = ClosedLoopPage()


def _kind(doc: ClosedDocument) -> StudyKind:
    if doc["spec"]["backend"] == "endpoint":
        return StudyKind.REPLAY
    return StudyKind.SWEEP if doc["reference"] is None else StudyKind.COMPARE


def _with_workload(doc: ClosedDocument) -> SpecForm:
    """The specification with the workload that ran: a default one depends on what is at hand."""
    return {**doc["spec"], "workload": doc["spec"]["workload"] or doc["workload"]}
