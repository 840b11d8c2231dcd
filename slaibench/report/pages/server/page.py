"""The page of a search on a server: what it carries, and the course of the search."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from slaibench.report import facts
from slaibench.report.captions import Caption
from slaibench.report.command import command_line
from slaibench.report.document import Notes
from slaibench.report.page import Page
from slaibench.report.pages.server.document import ServerDocument, ServerNumbers, server_numbers
from slaibench.report.pages.server.findings import headline, levels_table
from slaibench.report.recordings import OnRun, cells_of, identity, read_again, read_all
from slaibench.report.template import stem_of
from slaibench.report.words import plural, sentences
from slaibench.spec import StudySpec
from slaibench.studies.pace import Ended
from slaibench.studies.paced_result import PacedResult, paced_result
from slaibench.studies.targets import Targets

if TYPE_CHECKING:
    from slaibench.report.figures.panel import Panel

OF_THE_SEARCH = ("spec", "minutes", "spent_s", "ended", "why")
"""What recordings do not hold: what was asked, and how the search went."""


class ServerPage(Page[PacedResult, ServerDocument]):
    """A server's capacity, as far as some minutes tell it."""

    format = "slaibench-server"
    version = 1
    template = "server"
    required = ServerDocument.__required_keys__
    planned = frozenset(OF_THE_SEARCH)
    not_recomputed = "what ended the search, and the time that it took"

    def numbers(self, subject: PacedResult, folder: Path) -> ServerNumbers:
        return server_numbers(subject, folder)

    def notes(self, subject: PacedResult) -> Notes:
        return {}

    def panels(self, subject: PacedResult, doc: ServerDocument) -> dict[str, list[Panel]]:
        from slaibench.report.pages.capacity.figures import search_panels  # noqa: PLC0415
        from slaibench.report.pages.server.figures import course  # noqa: PLC0415  (matplotlib)

        by_rate = sorted(doc["levels"], key=lambda level: level["rate_rps"])
        return {
            "course": course(doc["levels"], doc["rate_rps"], doc["ci95"]),
            "search": search_panels("", by_rate, doc["rate_rps"], doc["ci95"], doc["binding"]),
        }

    def captions(self, doc: ServerDocument) -> dict[str, Caption]:
        long = sum(level["is_long"] for level in doc["levels"])
        runs = plural(len(doc["levels"]) - long, "short run") + " for the boundary"
        runs += f", then {plural(long, 'long run')} about it" if long else ""
        return {
            "course": Caption(
                "The course of the search",
                f"{runs}. Line: the capacity; grey: its 95 % interval, which counts how far so few "
                "requests may be off the rate. A run that did not hold ended at once where "
                "requests queued up.",
            ),
            "search": Caption(
                "Each target's metric in every run",
                "A mark is a run, its colour and shape what it says by itself of all targets "
                "together. Hollow: saturated. Bars: 95 % intervals, where a run is long enough for "
                "one; an arrow: longer than the run. n = 1 run a mark.",
            ),
        }

    def stem(self, doc: ServerDocument) -> str:
        """As ``capacity-http_localhost_8000-mistral-7b-0123abcd``."""
        planned = [doc["spec"], sorted(cells_of(doc["runs"]))]
        return stem_of(("capacity", doc["place"], doc["model"], identity(planned)))

    def content(self, doc: ServerDocument) -> Mapping[str, object]:
        about = sentences(doc["about"])
        if doc["workload_note"]:
            about.append(f"Workload {doc['workload']}: {doc['workload_note']}.")
        return {
            "schedulers": list(dict.fromkeys(run["scheduler"] for run in doc["runs"])),
            "kind": f"Capacity of a server: {doc['model']} at {doc['place']}",
            "headline": headline(doc),
            "about": about,
            "levels": levels_table(doc),
            "not_recomputed": self.not_recomputed,
            "tables": (),
            "study_file": doc["study_file"],
            "facts": [
                ("Asked", facts.planned(doc["spec"])),
                ("What served", facts.served(doc["served"])),
                (
                    "Versions",
                    [
                        ("recorded by slaibench", doc["recorded_by"]),
                        *facts.versions(doc["made"]),
                    ],
                ),
            ],
        }

    def rebuild(self, doc: ServerDocument, folder: Path, on_run: OnRun) -> PacedResult:
        spec = StudySpec.model_validate(doc["spec"])
        targets = Targets.of(spec)
        runs = doc["runs"]
        summarize = targets.summarizer()
        reads = [partial(read_again, run, folder, summarize) for run in runs]
        cells = read_all(runs, reads, on_run)
        long = [cell for cell, run in zip(cells, runs, strict=True) if run["is_long"]]
        ended = Ended(doc["ended"]), doc["why"]
        return paced_result(spec, targets, doc["minutes"], cells, long, ended, doc["spent_s"])

    def command(self, doc: ServerDocument, results: Path) -> str:
        spec = {**doc["spec"], "workload": doc["spec"]["workload"] or doc["workload"]}
        return command_line(["capacity"], {**spec, "backend": None}, results)


PAGE = ServerPage()
