"""Recordings on disk: one folder a run, written whole or not at all."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from slaibench.machine import atomic_write
from slaibench.recording import arrow, seal
from slaibench.recording.invariants import violation
from slaibench.recording.record import SCHEMA_VERSION, Recording, ServerTable, StepTable

T = TypeVar("T")
Stamp = tuple[int, int, int]
RUN, REQUESTS, STEPS = "run.json", "requests.parquet", "steps.parquet"
SERVER = "server.parquet"
"""What a server said of itself; only where something of that was read."""
_UNSEALED_VERSION = 1
"""Of recordings without content hashes; they are read as they are (``is_sealed``)."""
_HASH_VERSION = 1
"""Goes up when the same specification shall be known by another hash."""
_AGAIN = "remove the folder, or give --fresh, to have it recorded again; nothing else is lost"


class RecordingError(RuntimeError):
    """A recording cannot be read or written; the message names the path and the way out."""


class DamagedRecordingError(RecordingError):
    """What is there is not what was written.

    Args:
        what: the recording, and that it is none.
        wrong: in which file, and what.
    """

    def __init__(self, what: str, wrong: str) -> None:
        super().__init__(f"{what} ({wrong}); {_AGAIN}")
        self.wrong = wrong


def spec_hash(spec: dict[str, Any]) -> str:
    """Identity of a cell: 16 hex digits over its canonical JSON."""
    text = json.dumps([_HASH_VERSION, spec], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def check_writable(folder: Path) -> None:
    """Make the folder, and refuse one that cannot hold recordings before any work is done.

    Raises:
        RecordingError: it cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise RecordingError(
            f"results folder {str(folder)!r} cannot be written ({error.strerror}); "
            "choose another with --results"
        ) from error


def write(recording: Recording, folder: Path, *, replace: bool = True) -> Recording:
    """Store a recording as ``folder``, replacing what is there only once everything is written.

    Args:
        replace: take the place of another recording; else one that is there stays.

    Returns:
        The recording, with its ``path``.

    Raises:
        RecordingError: the file system refused.
    """
    import pyarrow.parquet as pq  # noqa: PLC0415  (0.2 s of import that reading a catalog spares)

    try:
        files: dict[str, tuple[bytes, int]] = {}
        stored = [
            (REQUESTS, arrow.requests_to_arrow(recording.requests), arrow.REQUESTS_FORMAT),
            (STEPS, arrow.plain_to_arrow(recording.steps), arrow.PLAIN_FORMAT),
        ]
        if recording.server is not None:
            stored.append((SERVER, arrow.plain_to_arrow(recording.server), arrow.PLAIN_FORMAT))
        for name, table, options in stored:
            out = io.BytesIO()
            pq.write_table(table, out, compression="zstd", **options)
            files[name] = out.getvalue(), len(table)
        with atomic_write.hidden_folder(folder) as temporary:
            for name, (data, _) in files.items():
                (temporary / name).write_bytes(data)
            (temporary / RUN).write_bytes(seal.sealed(RUN, recording.run, files))
            atomic_write.put(temporary, folder, replace=replace, mark=RUN)
    except OSError as error:
        raise RecordingError(f"cannot write {str(folder)!r}: {error}") from error
    tables = recording.requests, recording.steps, recording.server
    return Recording(recording.run, *tables, path=str(folder))


def read_run(folder: Path) -> dict[str, Any]:
    """The ``run.json`` of a recording, without its hashes.

    Raises:
        DamagedRecordingError: it is missing, or not as it was written.
        RecordingError: it is of another schema version.
    """
    return _opened(folder).run


def read(folder: Path) -> Recording:
    """Load a recording, if every byte of it is as it was written and its invariants hold.

    Raises:
        DamagedRecordingError: a part is missing or damaged.
        RecordingError: it is of another schema version.
    """
    return _whole(folder, _read)


def _read(opened: _Opened) -> Recording:
    import pyarrow as pa  # noqa: PLC0415

    folder, name = opened.folder, REQUESTS
    try:
        requests = arrow.requests_from_arrow(arrow.table_from(opened.bytes_of(name)))
        name = STEPS
        steps = arrow.plain_from_arrow(arrow.table_from(opened.bytes_of(name)), StepTable)
        rows, server = {REQUESTS: len(requests), STEPS: len(steps)}, None
        if opened.has_server:
            name = SERVER
            server = arrow.plain_from_arrow(arrow.table_from(opened.bytes_of(name)), ServerTable)
            rows[SERVER] = len(server)
        wrong = violation(requests, steps, _num_requests(opened.run)) or opened.miscounted(rows)
    except (
        OSError,
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        pa.ArrowException,
    ) as error:
        raise _damaged(folder, f"{name}: {_words(error)}") from error
    if wrong:
        raise _damaged(folder, wrong)
    return Recording(opened.run, requests, steps, server, path=str(folder))


def _whole(folder: Path, use: Callable[[_Opened], T]) -> T:
    """What a recording is used for, once more where another took its place meanwhile."""
    while True:
        opened = _opened(folder)
        try:
            return use(opened)
        except DamagedRecordingError:
            if _stamp(folder) in (None, opened.stamp):
                raise


def check(folder: Path) -> dict[str, Any]:
    """Whether every byte of a recording is as it was written, without making tables of them.

    Returns:
        What its ``run.json`` says.

    Raises:
        DamagedRecordingError: a part is missing or damaged.
        RecordingError: it is of another schema version.
    """
    return _whole(folder, _checked)


def _checked(opened: _Opened) -> dict[str, Any]:
    for name in (REQUESTS, STEPS, *([SERVER] if opened.has_server else [])):
        try:
            opened.bytes_of(name)
        except (OSError, KeyError, TypeError, seal.BrokenSealError) as error:
            raise _damaged(opened.folder, f"{name}: {_words(error)}") from error
    return opened.run


def is_sealed(run: dict[str, Any]) -> bool:
    """Whether a recording was written with hashes of its content, and knows its code."""
    return bool(run["schema_version"] != _UNSEALED_VERSION)


@dataclass(frozen=True, slots=True)
class _Opened:
    """A recording whose ``run.json`` is read.

    Args:
        content: what that says of the tables; None: it is of before it did.
        stamp: tells this folder from another that takes its place.
    """

    folder: Path
    stamp: Stamp | None
    run: dict[str, Any]
    content: dict[str, Any] | None

    @property
    def has_server(self) -> bool:
        """Whether a server's metrics are among the tables."""
        return self.content is not None and SERVER in self.content

    def bytes_of(self, name: str) -> bytes:
        """Raises BrokenSealError, KeyError or TypeError where they are not as they were written."""
        data = (self.folder / name).read_bytes()
        if self.content is not None:
            seal.check(name, data, self.content)
        return data

    def miscounted(self, rows: dict[str, int]) -> str | None:
        """What the tables have that many rows of that ``run.json`` says otherwise."""
        for name, number in rows.items():
            if self.content is not None and number != self.content[name]["rows"]:
                return f"{name} has {number} rows, {RUN} says {self.content[name]['rows']}"
        return None


def _stamp(folder: Path) -> Stamp | None:
    """None: it is not there."""
    try:
        seen = (folder / RUN).stat()
    except OSError:
        return None
    return seen.st_dev, seen.st_ino, seen.st_mtime_ns


def _opened(folder: Path) -> _Opened:
    stamp = _stamp(folder)
    try:
        data = (folder / RUN).read_bytes()
        run: dict[str, Any] = json.loads(data)
        version = run["schema_version"]
        if not isinstance(version, int):
            raise TypeError(f"schema_version is {version!r}")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        what = f"{str(folder)!r} is not a recording: {RUN} is missing or damaged"
        raise DamagedRecordingError(what, _words(error)) from error
    if version not in (SCHEMA_VERSION, _UNSEALED_VERSION):
        raise RecordingError(
            f"{str(folder)!r} has record schema {version}, this slaibench reads {SCHEMA_VERSION}; "
            "use the version that wrote it, or choose another --results folder"
        )
    if version == _UNSEALED_VERSION and seal.CONTENT not in run:
        return _Opened(folder, stamp, run, None)
    if version == _UNSEALED_VERSION:
        raise _damaged(folder, f"{RUN}: it has hashes, which record schema {version} lacks")
    try:
        return _Opened(folder, stamp, *seal.opened(RUN, data))
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(folder, f"{RUN}: {_words(error)}") from error


def _num_requests(run: dict[str, Any]) -> int | None:
    spec = run.get("spec")
    number = spec.get("num_requests") if isinstance(spec, dict) else None
    return number if isinstance(number, int) else None


def _damaged(folder: Path, wrong: str) -> DamagedRecordingError:
    return DamagedRecordingError(f"{str(folder)!r} is damaged", wrong)


def _words(error: Exception) -> str:
    return str(error).strip() or type(error).__name__


def find_runs(root: Path) -> Iterator[Path]:
    """Every recording's folder under ``root``, by path; half-written ones are not among them."""
    folders = []
    # A study may be writing beside us: folders that are half-written go while we look.
    for folder, inner, files in os.walk(root):
        inner[:] = [name for name in inner if not name.startswith(".")]
        if RUN in files:
            folders.append(Path(folder))
    yield from sorted(folders)
