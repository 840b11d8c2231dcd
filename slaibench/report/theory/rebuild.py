"""The answers of a page of capacity bounds once more, from its document and the recordings."""

from __future__ import annotations

from pathlib import Path

from slaibench.recording import store
from slaibench.recording.store import RecordingError
from slaibench.report.numbers import Document
from slaibench.report.rebuild import LostRecordings, OnRun
from slaibench.spec import CellSpec
from slaibench.study.bound.ask import BoundAsk
from slaibench.study.bound.plan import Part, plan
from slaibench.study.bound.result import BoundResult, assemble
from slaibench.study.gather import read_cell
from slaibench.study.pool import CellResult

MAY_DIFFER = frozenset({"slaibench_version", "scheduler_source"})
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
    made = plan(BoundAsk.from_json(doc["ask"]))
    asked = [(part, cell) for part in made.parts for cell in part.cells]
    entries = doc["runs"]
    cells: dict[str, list[CellResult]] = {part.name: [] for part in made.parts}
    lost: list[tuple[str, str, str]] = []
    for index, ((part, cell), entry) in enumerate(zip(asked, entries, strict=True)):
        try:
            cells[part.name].append(_cell(part, cell, entry, folder))
        except RecordingError as error:
            where = f"runs[{index}], {entry['scheduler']} at {entry['rate_rps']:g}"
            lost.append((f"{where}, seed {entry['seed']}", str(entry["spec_hash"]), str(error)))
        on_run(index + 1, len(entries))
    if lost:
        raise LostRecordings(lost)
    return assemble(made, cells)


def _cell(part: Part, asked: CellSpec, entry: Document, folder: Path) -> CellResult:
    path = folder / entry["folder"]
    cell, recording = read_cell(path), store.read(path)
    found = store.spec_hash(recording.run["spec"])
    if not found == recording.run["spec_hash"] == entry["spec_hash"]:
        raise RecordingError(f"{str(path)!r} is of another specification (hash {found})")
    wanted, has = asked.spec(), cell.spec()
    for name in wanted:
        if name not in MAY_DIFFER and wanted[name] != has[name]:
            raise RecordingError(
                f"{str(path)!r} has {name} {has[name]}, the page's study has {wanted[name]}"
            )
    return CellResult(cell, path, part.digest(recording), reused=True)
