"""The page of a study of capacity bounds: what its parts are, and how they are found again."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from slaibench.recording import store
from slaibench.recording.store import RecordingError
from slaibench.report import facts
from slaibench.report.captions import Caption
from slaibench.report.command import command_line, joined, repeated, seeds
from slaibench.report.document import Notes
from slaibench.report.page import Card, Page, profile_notes, system_parts
from slaibench.report.pages.bound.document import BoundDocument, BoundNumbers, BoundRun
from slaibench.report.pages.bound.findings import headline
from slaibench.report.pages.bound.tables import answer_grids, point_grids
from slaibench.report.recordings import OnRun, cells_of, entry, identity, read_again, read_all
from slaibench.report.template import stem_of
from slaibench.report.words import plural, significant
from slaibench.spec import CODE, CellSpec, SpecForm
from slaibench.spec.study_layout import StudyKind
from slaibench.spec.study_text import study_text
from slaibench.studies.bound.bounds import BACKLOG, BoundPart, bounds_of
from slaibench.studies.bound.result import BoundResult, assemble
from slaibench.studies.bound.spec import BoundSpec
from slaibench.studies.executors import CellResult

if TYPE_CHECKING:
    from slaibench.report.figures.panel import Panel

MAY_DIFFER = frozenset(CODE)
"""Of a cell, what a newer version of the code changes in the same study."""


class BoundPage(Page[BoundResult, BoundDocument]):
    """No scheduler serves more than the bound; how close each comes."""

    format = "slaibench-bound"
    version = 2
    template = "bound"
    required = BoundDocument.__required_keys__
    planned = frozenset({"ask"})

    def numbers(self, subject: BoundResult, folder: Path) -> BoundNumbers:
        first = subject.cells[BACKLOG][0]
        run = store.read_run(first.folder)
        return {
            **subject.to_json(),
            "place": first.cell.place,
            "model": first.cell.model,
            "venue": first.cell.system,
            "kv_blocks": run["kv_blocks"],
            "profile": run.get("profile"),
            "recorded_by": first.cell.slaibench_version,
            "runs": [
                {"part": part, **entry(cell, folder)}
                for part, cells in subject.cells.items()
                for cell in cells
            ],
        }

    def notes(self, subject: BoundResult) -> Notes:
        return {"profile": profile_notes(subject.bounds.backlog.prepared.spec)}

    def panels(self, subject: BoundResult, doc: BoundDocument) -> dict[str, list[Panel]]:
        from slaibench.report.pages.bound.figures import panels  # noqa: PLC0415  (matplotlib)

        return panels(doc)

    def captions(self, doc: BoundDocument) -> dict[str, Caption]:
        replicates = plural(doc["ask"]["study"]["num_seeds"], "seed")
        theorem = significant(doc["rad"]["theorem_1_rps"], 4)
        return {
            "throughput": Caption(
                "Saturated throughput as a share of the bound",
                f"Bars: all requests due at once, filling and draining cut off; {replicates}, "
                "lines: 95 % intervals. Small upright mark: the bound within the scheduler's own "
                "token budget and limit of active requests.",
            ),
            "map": Caption(
                "Stability: rate against mean output length",
                "A run a rectangle, one seed, judged as everywhere in slaibench by whether "
                "requests wait ever longer for their first token. The line is the bound: nobody "
                "is stable above it. Outputs are stretched to the mean, prompts stay.",
            ),
            "rad": Caption(
                "RAD under the paper's batch-time model, by cycle and tile",
                f"Share of Theorem 1's {theorem} requests/s; prompts in tiles of 128 tokens, 4 ms "
                f"a tile, no attention, memory never short; {replicates}. Dashed: every batch of "
                "decodes full and no end of cycles. A cost of a step is not in the paper's model. "
                "With an end of cycles: whole runs; without: filling and draining cut off.",
            ),
            "budgets": Caption(
                "Sarathi-Serve's saturated throughput by token budget",
                f"A batch just over a whole tile pays for another one. {replicates}, lines: 95 % "
                "intervals. The same profile and requests throughout; scale cut.",
            ),
        }

    def stem(self, doc: BoundDocument) -> str:
        """As ``bound-rtx6000-ada-mistral-7b-0123abcd``."""
        where = dict.fromkeys((*system_parts(doc["venue"]), doc["place"], doc["model"]))
        return stem_of(("bound", *where, identity([doc["ask"], sorted(cells_of(doc["runs"]))])))

    def card(self, doc: BoundDocument) -> Card:
        return Card(
            "Capacity bound",
            headline(doc).title,
            tuple(row["scheduler"] for row in doc["schedulers"]),
            doc["model"],
            doc["place"],
            (doc["venue"],),
        )

    def content(self, doc: BoundDocument) -> Mapping[str, object]:
        about = str(doc["about"])
        return {
            "schedulers": list(dict.fromkeys(run["scheduler"] for run in doc["runs"])),
            "kind": self.card(doc).line,
            "headline": headline(doc),
            "about": f"{about[:1].upper()}{about[1:]}. Workload: {doc['workload']}.",
            "answers": answer_grids(doc),
            "points": point_grids(doc),
            "tables": (),
            "facts": _facts(doc),
            "study_file": _study_file(doc),
        }

    def rebuild(self, doc: BoundDocument, folder: Path, on_run: OnRun) -> BoundResult:
        made = bounds_of(BoundSpec.from_json(doc["ask"]))
        planned = [(part, cell) for part in made.parts for cell in part.cells]
        runs = doc["runs"]
        reads = [
            partial(_read, part, cell, run, folder)
            for (part, cell), run in zip(planned, runs, strict=True)
        ]
        cells: dict[str, list[CellResult]] = {part.name: [] for part in made.parts}
        for (part, _), cell in zip(planned, read_all(runs, reads, on_run), strict=True):
            cells[part.name].append(cell)
        return assemble(made, cells)

    def command(self, doc: BoundDocument, results: Path) -> str:
        ask = BoundSpec.from_json(doc["ask"])
        spec = ask.study.to_json()
        words = ["bound", *repeated("--scheduler", spec["schedulers"]), *seeds(spec["num_seeds"])]
        for option, values in (("--outputs", ask.outputs), ("--budgets", ask.budgets)):
            words += [option, joined(values) or "none"]
        words += ["--loads", joined(ask.loads), "--rad-requests", str(ask.rad_requests)]
        words += [] if ask.cycles else ["--no-rad"]
        return command_line(words, {**spec, "convention": None, "slo": None}, results)


PAGE = BoundPage()


def _study_file(doc: BoundDocument) -> str | None:
    """It has no targets: nothing is judged by any."""
    ask = BoundSpec.from_json(doc["ask"])
    more = {
        "bound.outputs": list(ask.outputs) or "none",
        "bound.budgets": list(ask.budgets) or "none",
        "bound.loads": list(ask.loads),
        "bound.rad": bool(ask.cycles),
        "bound.rad_requests": ask.rad_requests,
    }
    without = cast("SpecForm", {**ask.study.to_json(), "slo": None, "convention": "strict"})
    return study_text(StudyKind.BOUND, without, more)


def _facts(doc: BoundDocument) -> list[tuple[str, facts.Facts]]:
    rest = {name: value for name, value in doc["ask"].items() if name != "study"}
    parts = [
        ("Asked", facts.planned({**doc["ask"]["study"], **rest})),
        (
            "Mean work of a request",
            [(name.replace("_", " "), f"{value:,.6g}") for name, value in doc["work"].items()],
        ),
        (
            "Prices at the bound, seconds",
            [
                (name.replace("_", " "), f"{value:.3g}")
                for name, value in doc["bound"]["prices_s"].items()
            ],
        ),
    ]
    if profile := facts.profile(doc["profile"], doc["made"]["profile"]):
        parts.append(("Profile", profile))
    recorded = ("recorded by slaibench", doc["recorded_by"])
    return [*parts, ("Versions", [recorded, *facts.versions(doc["made"])])]


def _read(part: BoundPart, planned: CellSpec, run: BoundRun, folder: Path) -> CellResult:
    read = read_again(run, folder, part.summarize)
    wanted, ran = planned.spec(), read.cell.spec()
    for name in wanted:
        if name not in MAY_DIFFER and wanted[name] != ran[name]:
            raise RecordingError(
                f"{str(read.folder)!r} has {name} {ran[name]}, the page's study has {wanted[name]}"
            )
    return read
