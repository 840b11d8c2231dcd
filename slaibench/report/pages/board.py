"""The page of the board: published runs against what was predicted of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from slaibench.catalog.board import SummaryForm
from slaibench.operators.aiconfigurator import installed_version
from slaibench.report import facts
from slaibench.report.board_tables import (
    NOTE,
    Latency,
    causes_table,
    combination_tables,
    left_out_lines,
    own_table,
    totals_table,
)
from slaibench.report.captions import Caption
from slaibench.report.document import Notes, PageDocument, RunEntry
from slaibench.report.page import Page
from slaibench.report.recordings import OnRun, identity
from slaibench.report.template import Headline, stem_of
from slaibench.studies.board.forms import (
    BoardForm,
    ScoreForm,
    board_form,
    board_of,
    without_times,
)
from slaibench.studies.board.rows import published_file, read_rows
from slaibench.studies.board.study import Board

if TYPE_CHECKING:
    from slaibench.report.figures.panel import Panel

GIVEN = ("scores", "left_out", "lines", "source")
"""What is not computed again: it takes minutes, and the library of operators."""
HELD_OUT = "held-out"
NAMES: Mapping[Latency, str] = {"tpot": "TPOT", "ttft": "TTFT"}


@dataclass(frozen=True, slots=True)
class BoardSubject:
    """The board, and what its rows are from."""

    board: Board
    source: str


class BoardNumbers(BoardForm):
    """The board; no recording is behind it."""

    runs: list[RunEntry]


class BoardPageDocument(PageDocument, BoardNumbers):
    """The whole document."""


class BoardPage(Page[BoardSubject, BoardPageDocument]):
    """How far predictions are from published runs."""

    format = "slaibench-board"
    version = 1
    template = "board"
    required = BoardPageDocument.__required_keys__
    planned = frozenset(GIVEN)
    not_recomputed = (
        "the predictions, which take minutes; where the published runs are at hand, errors are "
        "computed from their times"
    )

    def numbers(self, subject: BoardSubject, folder: Path) -> BoardNumbers:
        return {**board_form(subject.board, subject.source), "runs": []}

    def notes(self, subject: BoardSubject) -> Notes:
        return {}

    def panels(self, subject: BoardSubject, doc: BoardPageDocument) -> dict[str, list[Panel]]:
        from slaibench.report.figures.predicted import predicted_panel  # noqa: PLC0415

        held = [score for score in doc["scores"] if score["half"] == HELD_OUT] or doc["scores"]
        return {
            name: [predicted_panel(f"{place:02}-{name}", f"mean {title}", _series(held, name))]
            for place, (name, title) in enumerate(NAMES.items(), start=1)
        }

    def captions(self, doc: BoardPageDocument) -> dict[str, Caption]:
        halves = {score["half"] for score in doc["scores"]}
        which = "held-out half" if HELD_OUT in halves else "fitted half"
        text = (
            f"A mark is a published run of the {which}: its mean as it was measured, and as it was "
            "predicted. Line: both are equal; dashed: 20 % off."
        )
        return {name: Caption(f"{title}, predicted", text) for name, title in NAMES.items()}

    def stem(self, doc: BoardPageDocument) -> str:
        """As ``board-0123abcd``."""
        return stem_of(("board", identity([doc["scores"]])))

    def content(self, doc: BoardPageDocument) -> Mapping[str, object]:
        own = () if (table := own_table(doc)) is None else (table,)
        return {
            "schedulers": [],
            "kind": "Board: published runs replayed",
            "headline": _headline(doc),
            "about": [NOTE, f"Rows: {doc['rows']:,} of {doc['lines']:,} lines, {doc['source']}."],
            "not_recomputed": self.not_recomputed,
            "tables": (totals_table(doc), *own, *combination_tables(doc), causes_table(doc)),
            "facts": [
                ("Left out", [(line, "") for line in left_out_lines(doc)]),
                ("Versions", facts.versions(doc["made"])),
            ],
        }

    def rebuild(self, doc: BoardPageDocument, folder: Path, on_run: OnRun) -> BoardSubject:
        measured = None
        version = installed_version()
        if version is not None and version in doc["source"]:
            rows = read_rows(published_file()).rows
            measured = {without_times(row): row for row in rows}
        return BoardSubject(board_of(doc, measured), doc["source"])

    def command(self, doc: BoardPageDocument, results: Path) -> str:
        return "slaibench board"


def _series(scores: Sequence[ScoreForm], latency: Latency) -> dict[str, list[tuple[float, float]]]:
    """(measured, predicted) of each way, milliseconds."""
    ways: Mapping[str, Literal["library", "ours"]] = {
        "aiconfigurator": "library",
        "slaibench": "ours",
    }
    key = "tpot_ms" if latency == "tpot" else "ttft_ms"
    series: dict[str, list[tuple[float, float]]] = {}
    for title, way in ways.items():
        pairs = [(score["measured"], score[way]) for score in scores]
        points = [(a[key], b[key]) for a, b in pairs if b is not None]  # type: ignore[literal-required]
        if points:
            series[title] = points
    return series


def _headline(doc: BoardPageDocument) -> Headline:
    total = _total(doc)
    ours, library = total["ours"], total["library"]
    title = (
        f"{total['n']:,} {total['half']} runs: median error of TPOT "
        f"{ours['tpot']['median']:.1%}, of TTFT {ours['ttft']['median']:.0%}"
    )
    if library is None:
        return Headline(title)
    return Headline(
        title,
        (
            f"The library's own estimate of {library['n']:,} of them: TPOT "
            f"{library['tpot']['median']:.1%}, TTFT {library['ttft']['median']:.0%}.",
        ),
    )


def _total(doc: BoardPageDocument) -> SummaryForm:
    """Of all GPUs; of the held-out half, if it is there."""
    totals = [total for total in doc["totals"] if total["gpu"] == "all"]
    return max(totals, key=lambda total: total["half"] == HELD_OUT)


PAGE = BoardPage()
