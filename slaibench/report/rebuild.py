"""A report's subject once more, from nothing but its document and the recordings it names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from slaibench.recording import store
from slaibench.recording.store import RecordingError
from slaibench.report.numbers import Document
from slaibench.report.runs import hash_by_code
from slaibench.report.subject import Subject, make_subject
from slaibench.spec import StudySpec
from slaibench.studies.capacity import capacity_from
from slaibench.studies.executors import CellResult, Summarize
from slaibench.studies.from_disk import SERVING, read_cell
from slaibench.studies.sweep import sweep_result
from slaibench.studies.targets import Targets

LEFT_OPEN = ("kv_blocks", "max_context_tokens")
"""What a study may leave to what serves."""
Entry = dict[str, Any]
"""One of a document's ``runs``."""
OnRun = Callable[[int, int], None]
"""Told after each recording: (how many are read, how many there are)."""


class AbsentRecordingError(RecordingError):
    """There is no recording at all where one should be."""


class LostRecordings(Exception):  # noqa: N818  (a finding about a report, not a fault of ours)
    """Recordings cannot be read as what the report says they are.

    Args:
        found: (where, what the report says, what is there instead).
        absent: folders in which nothing is.
    """

    def __init__(self, found: list[tuple[str, str, str]], absent: list[Path]) -> None:
        super().__init__(f"{len(found) + len(absent)} recordings")
        self.found, self.absent = found, absent


def rebuild(doc: Document, folder: Path, on_run: OnRun) -> Subject:
    """Read every recording again and bring the studies together as when the report was written.

    Args:
        doc: a report's document.
        folder: where its page lies.
        on_run: told of each recording.

    Raises:
        LostRecordings: some are missing, damaged, or not the runs they are said to be.
        ValueError, KeyError, TypeError, IndexError, AttributeError: the document is not what this
            version writes.
    """
    spec = StudySpec.model_validate(doc["spec"])
    targets = Targets.of(spec)
    summarize = targets.summarizer()
    entries = doc["runs"]
    reads = [partial(_cell, entry, spec, folder, summarize) for entry in entries]
    cells = read_all(entries, reads, on_run)
    swept = [cell for cell, entry in zip(cells, entries, strict=True) if entry["in_sweep"]]
    sweep = sweep_result(spec, targets, doc["about"], doc["workload_note"], swept)
    pair = doc["pair"]
    return make_subject(
        sweep,
        searched=[
            capacity_from(spec, targets, sweep.about, name, [cells[i] for i in found["runs"]])
            for name, found in doc["capacities"].items()
            if found["searched"]
        ],
        pair=None if pair is None else (pair[0], pair[1]),
        focus_rate_rps=doc["focus_rate_rps"],
    )


def read_all(
    entries: Sequence[Entry], reads: Sequence[Callable[[], CellResult]], on_run: OnRun
) -> list[CellResult]:
    """Every recording that a document names, in its order.

    Args:
        entries: the document's ``runs``.
        reads: reads each of them; raises ``RecordingError``.
        on_run: told of each.

    Raises:
        LostRecordings: some cannot be read.
        ValueError: there are not as many entries as are to be read.
    """
    cells: list[CellResult] = []
    lost: list[tuple[str, str, str]] = []
    absent: list[Path] = []
    for index, (entry, read) in enumerate(zip(entries, reads, strict=True)):
        try:
            cells.append(read())
        except AbsentRecordingError as error:
            absent.append(Path(str(error)))
        except RecordingError as error:
            where = f"runs[{index}], {entry['scheduler']} at {entry['rate_rps']:g}"
            lost.append((f"{where}, seed {entry['seed']}", str(entry["spec_hash"]), str(error)))
        on_run(index + 1, len(entries))
    if lost or absent:
        raise LostRecordings(lost, absent)
    return cells


def read_again(entry: Entry, folder: Path, summarize: Summarize) -> CellResult:
    """One recording that a document names, measured once more; or the same cell as other code
    recorded it since, where that is all there is.

    Raises:
        AbsentRecordingError: neither is there; the message is the folder.
        RecordingError: it is damaged, or not the run it is said to be.
    """
    path = _place(entry, folder)
    cell = read_cell(path)
    recording = store.read(path)
    own = store.spec_hash(recording.run["spec"])
    if own != recording.run["spec_hash"] or hash_by_code(cell.spec(), entry["code"]) != str(
        entry["spec_hash"]
    ):
        raise RecordingError(f"{str(path)!r} is of another specification (hash {own})")
    try:
        return CellResult(cell, path, summarize(recording), reused=True)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise RecordingError(f"{str(path)!r} cannot be measured ({error})") from error


def _place(entry: Entry, folder: Path) -> Path:
    path: Path = folder / entry["folder"]
    if (path / store.RUN).exists():
        return path
    begin = path.name.removesuffix(str(entry["spec_hash"]))
    beside = path.parent.iterdir() if path.parent.is_dir() else ()
    others = [each for each in beside if each.name.startswith(begin)]
    runs = [each / store.RUN for each in others if (each / store.RUN).exists()]
    for run in sorted(runs, key=lambda each: each.stat().st_mtime_ns, reverse=True):
        try:
            spec = read_cell(run.parent).spec()
        except RecordingError:
            continue
        if hash_by_code(spec, entry["code"]) == entry["spec_hash"]:
            return Path(run.parent)
    raise AbsentRecordingError(str(path))


def _cell(entry: Entry, spec: StudySpec, folder: Path, summarize: Summarize) -> CellResult:
    read = read_again(entry, folder, summarize)
    for name in (*SERVING, "convention", "max_total_tokens"):
        has, asked = getattr(read.cell, name), getattr(spec, name)
        left_open = asked is None and name in LEFT_OPEN
        if has != asked and not left_open:
            raise RecordingError(
                f"{str(read.folder)!r} has {name} {has}, the report's study has {asked}"
            )
    return read
