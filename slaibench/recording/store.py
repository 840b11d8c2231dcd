"""Recordings on disk: one folder a run, written whole or not at all."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from slaibench.recording import seal
from slaibench.recording.invariants import violation
from slaibench.recording.record import SCHEMA_VERSION, Recording, RequestTable, StepTable

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

RUN, REQUESTS, STEPS = "run.json", "requests.parquet", "steps.parquet"
_RAGGED = ("token_offsets", "token_times_s")
_KNOWN = "token_times_known"
"""The column that is there only where it says something."""
_UNSEALED_VERSION = 1
"""Of recordings without content hashes; they are read as they are (``is_sealed``)."""
_HASH_VERSION = 1
"""Goes up when the same specification shall be known by another hash."""
_REQUESTS_FORMAT: dict[str, Any] = {
    "use_dictionary": ["tier", "outcome", "error"],
    "column_encoding": {"token_times_us.list.element": "DELTA_BINARY_PACKED"},
}
_STEPS_FORMAT: dict[str, Any] = {"use_dictionary": False}
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
        probe = folder / f".probe-{uuid.uuid4().hex}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise RecordingError(
            f"results folder {str(folder)!r} cannot be written ({error.strerror}); "
            "choose another with --results"
        ) from error


def write(recording: Recording, folder: Path) -> Recording:
    """Store a recording as ``folder``, replacing what is there only once everything is written.

    Returns:
        The recording, with its ``path``.

    Raises:
        RecordingError: the file system refused.
    """
    import pyarrow.parquet as pq  # noqa: PLC0415  (0.2 s of import that reading a catalog spares)

    temporary = folder.with_name(f".{folder.name}-{uuid.uuid4().hex}")
    try:
        files: dict[str, tuple[bytes, int]] = {}
        for name, table, options in (
            (REQUESTS, _requests_to_arrow(recording.requests), _REQUESTS_FORMAT),
            (STEPS, _steps_to_arrow(recording.steps), _STEPS_FORMAT),
        ):
            out = io.BytesIO()
            pq.write_table(table, out, compression="zstd", **options)
            files[name] = out.getvalue(), len(table)
        temporary.mkdir(parents=True)
        for name, (data, _) in files.items():
            (temporary / name).write_bytes(data)
        (temporary / RUN).write_bytes(seal.sealed(RUN, recording.run, files))
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(temporary, folder)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise RecordingError(f"cannot write {str(folder)!r}: {error}") from error
    return Recording(recording.run, recording.requests, recording.steps, path=str(folder))


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
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    opened = _opened(folder)
    name = REQUESTS
    try:
        requests = _requests_from_arrow(pq.ParquetFile(pa.BufferReader(opened.bytes_of(name))))
        name = STEPS
        steps = _steps_from_arrow(pq.ParquetFile(pa.BufferReader(opened.bytes_of(name))))
    except (OSError, KeyError, TypeError, IndexError, ValueError, pa.ArrowException) as error:
        raise _damaged(folder, f"{name}: {_words(error)}") from error
    wrong = violation(requests, steps, _num_requests(opened.run)) or opened.miscounted(
        {REQUESTS: len(requests), STEPS: len(steps)}
    )
    if wrong:
        raise _damaged(folder, wrong)
    return Recording(opened.run, requests, steps, path=str(folder))


def check(folder: Path) -> None:
    """Whether every byte of a recording is as it was written, without making tables of them.

    Raises:
        DamagedRecordingError: a part is missing or damaged.
        RecordingError: it is of another schema version.
    """
    opened = _opened(folder)
    for name in (REQUESTS, STEPS):
        try:
            opened.bytes_of(name)
        except (OSError, KeyError, TypeError, seal.BrokenSealError) as error:
            raise _damaged(folder, f"{name}: {_words(error)}") from error


def is_sealed(run: dict[str, Any]) -> bool:
    """Whether a recording was written with hashes of its content, and knows its code."""
    return bool(run["schema_version"] != _UNSEALED_VERSION)


@dataclass(frozen=True, slots=True)
class _Opened:
    """A recording whose ``run.json`` is read.

    Args:
        content: what that says of the tables; None: it is of before it did.
    """

    folder: Path
    run: dict[str, Any]
    content: dict[str, Any] | None

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


def _opened(folder: Path) -> _Opened:
    try:
        data = (folder / RUN).read_bytes()
        run: dict[str, Any] = json.loads(data)
        version = run["schema_version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = f"{str(folder)!r} is not a recording: {RUN} is missing or damaged"
        raise DamagedRecordingError(what, _words(error)) from error
    if version not in (SCHEMA_VERSION, _UNSEALED_VERSION):
        raise RecordingError(
            f"{str(folder)!r} has record schema {version}, this slaibench reads {SCHEMA_VERSION}; "
            "use the version that wrote it, or choose another --results folder"
        )
    if version == _UNSEALED_VERSION and seal.CONTENT not in run:
        return _Opened(folder, run, None)
    if version == _UNSEALED_VERSION:
        raise _damaged(folder, f"{RUN}: it has hashes, which record schema {version} has not")
    try:
        return _Opened(folder, *seal.opened(RUN, data))
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
    found = []
    # A study may be writing beside us: folders that are half-written go while we look.
    for folder, inner, files in os.walk(root):
        inner[:] = [name for name in inner if not name.startswith(".")]
        if RUN in files:
            found.append(Path(folder))
    yield from sorted(found)


def _requests_to_arrow(table: RequestTable) -> pa.Table:
    import pyarrow as pa  # noqa: PLC0415

    columns = {
        field.name: pa.array(_plain(getattr(table, field.name)))
        for field in fields(table)
        if field.name not in _RAGGED and (field.name != _KNOWN or not table.token_times_known.all())
    }
    # Whole microseconds pack into about two bytes a token; as doubles they would take five.
    micros = np.rint(table.token_times_s * 1e6).astype(np.int64)
    columns["token_times_us"] = pa.LargeListArray.from_arrays(table.token_offsets, micros)
    return pa.table(columns)


def _requests_from_arrow(file: pq.ParquetFile) -> RequestTable:
    table = file.read()
    lists = table["token_times_us"].combine_chunks()
    offsets = np.asarray(lists.offsets, dtype=np.int64)
    times = np.asarray(lists.values, dtype=np.int64)[offsets[0] : offsets[-1]] / 1e6
    columns = {
        field.name: _column(table, field.name)
        for field in fields(RequestTable)
        if field.name not in _RAGGED and (field.name != _KNOWN or _KNOWN in table.column_names)
    }
    return RequestTable(**columns, token_offsets=offsets - offsets[0], token_times_s=times)


def _steps_to_arrow(table: StepTable) -> pa.Table:
    import pyarrow as pa  # noqa: PLC0415

    return pa.table({field.name: getattr(table, field.name) for field in fields(table)})


def _steps_from_arrow(file: pq.ParquetFile) -> StepTable:
    table = file.read()
    return StepTable(**{field.name: _column(table, field.name) for field in fields(StepTable)})


def _plain(column: Any) -> Any:
    return column.tolist() if column.dtype.kind == "U" else column


def _column(table: pa.Table, name: str) -> Any:
    column = table[name]
    if str(column.type) == "string":
        return np.array(column.to_pylist(), dtype=np.str_)
    return column.to_numpy()
