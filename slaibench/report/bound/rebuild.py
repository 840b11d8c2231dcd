"""The answers of a page of capacity bounds once more, from its document and the recordings."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from slaibench.recording.store import RecordingError
from slaibench.report.numbers import Document
from slaibench.report.rebuild import OnRun, read_again, read_all
from slaibench.spec import CODE, CellSpec
from slaibench.studies.bound.bounds import Part, bounds_of
from slaibench.studies.bound.result import BoundResult, assemble
from slaibench.studies.bound.spec import BoundSpec
from slaibench.studies.executors import CellResult

MAY_DIFFER = frozenset(CODE)
"""Of a cell, what a newer version of the code changes without another question being asked."""


def rebuild(doc: Document, folder: Path, on_run: OnRun) -> BoundResult:
    """Compute every bound again, and read every recording.

    Args:
        doc: the page's document.
        folder: where the page lies.
        on_run: told of each recording.

    Raises:
        LostRecordings: some are missing, damaged, or not the runs they are said to be.
        ValueError, KeyError, TypeError: the document is not what this version writes, or its
            workload or profile is not at hand.
    """
    made = bounds_of(BoundSpec.from_json(doc["ask"]))
    asked = [(part, cell) for part in made.parts for cell in part.cells]
    entries = doc["runs"]
    reads = [
        partial(_cell, part, cell, entry, folder)
        for (part, cell), entry in zip(asked, entries, strict=True)
    ]
    cells: dict[str, list[CellResult]] = {part.name: [] for part in made.parts}
    for (part, _), cell in zip(asked, read_all(entries, reads, on_run), strict=True):
        cells[part.name].append(cell)
    return assemble(made, cells)


def _cell(part: Part, asked: CellSpec, entry: Document, folder: Path) -> CellResult:
    read = read_again(entry, folder, part.summarize)
    wanted, has = asked.spec(), read.cell.spec()
    for name in wanted:
        if name not in MAY_DIFFER and wanted[name] != has[name]:
            raise RecordingError(
                f"{str(read.folder)!r} has {name} {has[name]}, the page's study has {wanted[name]}"
            )
    return read
