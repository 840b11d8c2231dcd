"""Recordings on disk: one folder a run, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from slaibench.recording.record import SCHEMA_VERSION, Recording, RequestTable, StepTable

if TYPE_CHECKING:
    import pyarrow as pa

RUN, REQUESTS, STEPS = "run.json", "requests.parquet", "steps.parquet"
_RAGGED = ("token_offsets", "token_times_s")


class RecordingError(RuntimeError):
    """A recording cannot be read or written; the message names the path and the way out."""


def spec_hash(spec: dict[str, Any]) -> str:
    """Identity of a cell: 16 hex digits over its canonical JSON and the record schema."""
    text = json.dumps([SCHEMA_VERSION, spec], sort_keys=True, separators=(",", ":"))
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
        temporary.mkdir(parents=True)
        (temporary / RUN).write_text(json.dumps(recording.run, indent=1, sort_keys=True) + "\n")
        pq.write_table(
            _requests_to_arrow(recording.requests),
            temporary / REQUESTS,
            compression="zstd",
            use_dictionary=["tier", "outcome", "error"],
            column_encoding={"token_times_us.list.element": "DELTA_BINARY_PACKED"},
        )
        pq.write_table(
            _steps_to_arrow(recording.steps),
            temporary / STEPS,
            compression="zstd",
            use_dictionary=False,
        )
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(temporary, folder)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise RecordingError(f"cannot write {str(folder)!r}: {error}") from error
    return Recording(recording.run, recording.requests, recording.steps, path=str(folder))


def read_run(folder: Path) -> dict[str, Any]:
    """The ``run.json`` of a recording.

    Raises:
        RecordingError: it is missing, truncated or of another schema version.
    """
    try:
        run: dict[str, Any] = json.loads((folder / RUN).read_text())
        version = run["schema_version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RecordingError(
            f"{str(folder)!r} is not a recording: {RUN} is missing or damaged ({error}); "
            "remove the folder to have it recorded again"
        ) from error
    if version != SCHEMA_VERSION:
        raise RecordingError(
            f"{str(folder)!r} has record schema {version}, this slaibench reads {SCHEMA_VERSION}; "
            "use the version that wrote it, or choose another --results folder"
        )
    return run


def read(folder: Path) -> Recording:
    """Load a recording.

    Raises:
        RecordingError: a part is missing, damaged or of another schema version.
    """
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    run = read_run(folder)
    try:
        requests = _requests_from_arrow(pq.read_table(folder / REQUESTS))
        steps = _steps_from_arrow(pq.read_table(folder / STEPS))
    except (OSError, KeyError, pa.ArrowException) as error:
        raise RecordingError(
            f"{str(folder)!r} is damaged ({error}); remove the folder to have it recorded again"
        ) from error
    return Recording(run, requests, steps, path=str(folder))


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
        if field.name not in _RAGGED
    }
    # Whole microseconds pack into about two bytes a token; as doubles they would take five.
    micros = np.rint(table.token_times_s * 1e6).astype(np.int64)
    columns["token_times_us"] = pa.LargeListArray.from_arrays(table.token_offsets, micros)
    return pa.table(columns)


def _requests_from_arrow(table: pa.Table) -> RequestTable:
    lists = table["token_times_us"].combine_chunks()
    offsets = np.asarray(lists.offsets, dtype=np.int64)
    times = np.asarray(lists.values, dtype=np.int64)[offsets[0] : offsets[-1]] / 1e6
    columns = {
        field.name: _column(table, field.name)
        for field in fields(RequestTable)
        if field.name not in _RAGGED
    }
    return RequestTable(**columns, token_offsets=offsets - offsets[0], token_times_s=times)


def _steps_to_arrow(table: StepTable) -> pa.Table:
    import pyarrow as pa  # noqa: PLC0415

    return pa.table({field.name: getattr(table, field.name) for field in fields(table)})


def _steps_from_arrow(table: pa.Table) -> StepTable:
    return StepTable(**{field.name: _column(table, field.name) for field in fields(StepTable)})


def _plain(column: Any) -> Any:
    return column.tolist() if column.dtype.kind == "U" else column


def _column(table: pa.Table, name: str) -> Any:
    column = table[name]
    if str(column.type) == "string":
        return np.array(column.to_pylist(), dtype=np.str_)
    return column.to_numpy()
