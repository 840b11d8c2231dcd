"""The recordings that a page rests on: how its document names them, and how they are read again."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from slaibench.recording import store
from slaibench.recording.store import RecordingError
from slaibench.report.document import RunEntry
from slaibench.spec import CODE, CellSpec
from slaibench.studies.code import code_of
from slaibench.studies.executors import CellResult, Summarize
from slaibench.studies.from_disk import read_cell
from slaibench.studies.systems.table import find

OnRun = Callable[[int, int], None]
"""Called after each recording: (how many are read, how many there are)."""
Wrong = tuple[str, str, str]
"""(where, what the page has, what is wrong)."""


class AbsentRecordingError(RecordingError):
    """There is no recording at all where one should be."""


class LostRecordings(Exception):  # noqa: N818  (a finding about a report, not a fault of ours)
    """Recordings cannot be read as what the report says they are.

    Args:
        wrong: recordings that are there and are not what the report says.
        absent: folders in which nothing is.
    """

    def __init__(self, wrong: list[Wrong], absent: list[Path]) -> None:
        super().__init__(f"{len(wrong) + len(absent)} recordings")
        self.wrong, self.absent = wrong, absent


def entry(cell: CellResult, folder: Path) -> RunEntry:
    """What names a recording.

    Args:
        folder: where the page will lie; the recording is named relative to it.
    """
    clients = cell.cell.concurrency
    made: RunEntry = {
        "folder": relative(cell.folder, folder),
        "spec_hash": store.spec_hash(cell.cell.spec()),
        "asks": store.spec_hash(
            {name: value for name, value in cell.cell.spec().items() if name not in CODE}
        ),
        "scheduler": cell.cell.scheduler,
        "rate_rps": cell.cell.rate_rps if clients is None else 0.0,
        "seed": cell.cell.seed,
        "code": {name: getattr(cell.cell, name) for name in CODE},
    }
    if clients is not None:
        made["concurrency"] = clients
    return made


def relative(target: Path, folder: Path) -> str:
    """``target`` as seen from ``folder``, with forward slashes; absolute on another drive."""
    try:
        return Path(os.path.relpath(target, folder)).as_posix()
    except ValueError:
        return target.resolve().as_posix()


def cells_of(runs: Sequence[RunEntry]) -> list[str]:
    """Which cells a page shows, for ``identity``.

    The same whatever code recorded them, so that a page keeps its name.

    Args:
        runs: ``entry`` of each.
    """
    return [str(run["asks"]) for run in runs]


def identity(parts: Sequence[object]) -> str:
    """Eight hex digits for a page's file name: of what was planned, and of the runs.

    Args:
        parts: JSON values.
    """
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def read_all(
    entries: Sequence[RunEntry], reads: Sequence[Callable[[], CellResult]], on_run: OnRun
) -> list[CellResult]:
    """Every recording that a document names, in its order.

    Args:
        entries: the document's ``runs``.
        reads: reads each of them; raises ``RecordingError``.
        on_run: called after each.

    Raises:
        LostRecordings: some cannot be read.
        ValueError: there are not as many entries as are to be read.
    """
    cells: list[CellResult] = []
    wrong: list[Wrong] = []
    absent: list[Path] = []
    for index, (run, read) in enumerate(zip(entries, reads, strict=True)):
        try:
            cells.append(read())
        except AbsentRecordingError as error:
            absent.append(Path(str(error)))
        except RecordingError as error:
            load = f"at {run['rate_rps']:g}"
            if "concurrency" in run:
                load = f"with {run['concurrency']} clients"
            where = f"runs[{index}], {run['scheduler']} {load}"
            wrong.append((f"{where}, seed {run['seed']}", str(run["spec_hash"]), str(error)))
        on_run(index + 1, len(entries))
    if wrong or absent:
        raise LostRecordings(wrong, absent)
    return cells


def read_again(run: RunEntry, folder: Path, summarize: Summarize) -> CellResult:
    """One recording that a document names, measured once more; or the same cell as other code
    recorded it since, where that is all there is.

    Args:
        run: ``entry`` of it.
        folder: where the page lies.

    Raises:
        AbsentRecordingError: neither is there; the message is the folder.
        RecordingError: it is damaged, or not the run it is said to be.
    """
    path = _place(run, folder)
    cell = read_cell(path)
    recording = store.read(path)
    own = store.spec_hash(recording.run["spec"])
    if own != recording.run["spec_hash"] or _hash_by_code(cell.spec(), run["code"]) != str(
        run["spec_hash"]
    ):
        raise RecordingError(f"{str(path)!r} is of another specification (hash {own})")
    try:
        return CellResult(cell, path, summarize(recording), reused=True)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise RecordingError(f"{str(path)!r} cannot be measured ({error})") from error


def _place(run: RunEntry, folder: Path) -> Path:
    path: Path = folder / run["folder"]
    if (path / store.RUN).exists():
        return path
    begin = path.name.removesuffix(str(run["spec_hash"]))
    beside = path.parent.iterdir() if path.parent.is_dir() else ()
    files = [other / store.RUN for other in beside if other.name.startswith(begin)]
    files = [file for file in files if file.exists()]
    for file in sorted(files, key=lambda file: file.stat().st_mtime_ns, reverse=True):
        try:
            spec = read_cell(file.parent).spec()
        except RecordingError:
            continue
        if _hash_by_code(spec, run["code"]) == run["spec_hash"]:
            return Path(file.parent)
    raise AbsentRecordingError(str(path))


def _hash_by_code(spec: Mapping[str, object], code: Mapping[str, str | None]) -> str:
    """Identity of a cell as other code would have recorded it.

    Args:
        spec: a cell's (``CellSpec.spec``).
        code: as ``entry`` has it.
    """
    return store.spec_hash(CellSpec.model_validate({**spec, **code}).spec())


def other_code(runs: Sequence[RunEntry], folder: Path) -> str:
    """Which code made recordings, if another would now; else empty.

    Args:
        runs: ``entry`` of each.
        folder: where the page lies.
    """
    by_code = {run["code"]["code_fingerprint"]: run for run in runs}
    others = []
    for fingerprint, run in by_code.items():
        if fingerprint is None:
            others.append("code of before recordings knew it")
            continue
        recorded = store.read_run(folder / run["folder"])
        cell = CellSpec.model_validate(recorded["spec"])
        now = code_of(find(cell.backend), cell.clock).fingerprint
        if now != fingerprint:
            commit = recorded.get("commit")
            by = f"{fingerprint} (commit {commit[:10]})" if commit else fingerprint
            others.append(f"{by}, here it is {now}")
    return "; ".join(others)
