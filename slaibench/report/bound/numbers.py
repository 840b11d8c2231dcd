"""The numbers of a page of capacity bounds: the study's answers, and the recordings behind them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from slaibench.recording import store
from slaibench.report.numbers import PICTURES, Document
from slaibench.report.runs import answers, entry
from slaibench.report.runs import identity as identity_of
from slaibench.studies.bound.bounds import BACKLOG
from slaibench.studies.bound.result import BoundResult

FORMAT = "slaibench-bound"
FORMAT_VERSION = 2
GIVEN = ("format", "format_version", "made", PICTURES, "ask")
"""Parts that say what was asked and by what: nothing to recompute."""


def document(result: BoundResult, folder: Path, made: dict[str, Any]) -> Document:
    """All numbers of such a page.

    Args:
        result: what it is about.
        folder: where the page will lie; recordings are named relative to it.
        made: versions and the like, taken over as they are.

    Raises:
        RecordingError: a recording's run.json cannot be read.
    """
    first = result.cells[BACKLOG][0]
    run = store.read_run(first.folder)
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "made": made,
        **result.to_json(),
        "place": first.cell.place,
        "model": first.cell.model,
        "venue": first.cell.system,
        "kv_blocks": run["kv_blocks"],
        "profile": run.get("profile"),
        "recorded_by": first.cell.slaibench_version,
        "runs": [
            {"part": part, **entry(cell, folder)}
            for part, cells in result.cells.items()
            for cell in cells
        ],
    }


def runs(doc: Document) -> list[Document]:
    """The recordings that the page rests on."""
    return [dict(run) for run in doc["runs"]]


def results(doc: Document) -> Document:
    """The parts that recordings decide."""
    return {name: part for name, part in doc.items() if name not in GIVEN}


def identity(doc: Document) -> str:
    """Eight hex digits for file names, as ``report.numbers.identity``."""
    return identity_of([doc["ask"], sorted(answers(doc["runs"]))])
