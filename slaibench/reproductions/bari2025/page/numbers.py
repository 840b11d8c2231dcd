"""The numbers of the paper's page: what ``study.paper`` found, and the recordings behind it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from slaibench.recording import store
from slaibench.report.numbers import PICTURES, Document
from slaibench.report.runs import answers, entry
from slaibench.report.runs import identity as identity_of
from slaibench.reproductions.bari2025.result import PaperResult
from slaibench.studies.executors import CellResult

FORMAT = "slaibench-paper"
FORMAT_VERSION = 2
GIVEN = ("format", "format_version", "made", PICTURES, "spec")
"""Parts that say what was asked and by what: not results."""


def document(result: PaperResult, folder: Path, made: dict[str, Any]) -> Document:
    """All numbers of the page.

    Args:
        result: what it is about.
        folder: where the page will lie; recordings are named relative to it.
        made: versions and the like, taken over as they are.

    Raises:
        RecordingError: a recording's run.json cannot be read.
    """
    first = next(iter(result.cells))
    run = store.read_run(first.folder)
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "made": made,
        **result.to_json(),
        "served": {
            "venue": first.cell.system,
            "place": first.cell.place,
            "model": first.cell.model,
            **{name: run[name] for name in ("backend", "versions", "hardware")},
            **{name: run[name] for name in ("kv_blocks", "block_size")},
        },
        "profile": run.get("profile"),
        "runs": [
            *(
                _run(cell, folder, kind.value)
                for kind, cells in result.batch_cells.items()
                for cell in cells
            ),
            *(
                _run(cell, folder, f"{mix.value} % paying, {load.convention.value}")
                for mix, both in result.loads.items()
                for load in both
                for cell in load.cells
            ),
        ],
    }


def _run(cell: CellResult, folder: Path, part: str) -> Document:
    return {
        "part": part,
        **entry(cell, folder),
        "scheduler_options": cell.cell.spec()["scheduler_options"],
    }


def runs(doc: Document) -> list[Document]:
    """The recordings that the numbers rest on."""
    return [dict(run) for run in doc["runs"]]


def results(doc: Document) -> Document:
    """The parts that recordings decide."""
    return {name: part for name, part in doc.items() if name not in GIVEN}


def identity(doc: Document) -> str:
    """Eight hex digits for file names: what was asked, and which runs answer."""
    return identity_of([doc["spec"], sorted(answers(doc["runs"]))])
