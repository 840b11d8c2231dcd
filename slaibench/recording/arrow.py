"""A recording's tables as Arrow has them, and back."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from slaibench.recording.record import RequestTable, ServerTable, StepTable, columns, may_lack

if TYPE_CHECKING:
    import pyarrow as pa

P = TypeVar("P", StepTable, ServerTable)
_RAGGED = ("token_offsets", "token_times_s")
REQUESTS_FORMAT: dict[str, Any] = {
    "use_dictionary": ["tier", "outcome", "error"],
    "column_encoding": {"token_times_us.list.element": "DELTA_BINARY_PACKED"},
}
_TYPES: dict[Any, tuple[Any, str]] = {
    "FloatArray": (np.float64, "is_floating"),
    "IntArray": (np.int64, "is_integer"),
    "BoolArray": (np.bool_, "is_boolean"),
}
"""Of the tables' annotations: what they are in NumPy, and what Arrow says of them."""
PLAIN_FORMAT: dict[str, Any] = {"use_dictionary": False}


def requests_to_arrow(table: RequestTable) -> pa.Table:
    """Requests as they are stored: token times are lists of whole microseconds."""
    import pyarrow as pa  # noqa: PLC0415

    arrays = {
        name: pa.array(_plain(getattr(table, name)))
        for name in columns(table)
        if name not in _RAGGED
    }
    # Whole microseconds pack into about two bytes a token; as doubles they would take five.
    micros = np.rint(table.token_times_s * 1e6).astype(np.int64)
    arrays["token_times_us"] = pa.LargeListArray.from_arrays(table.token_offsets, micros)
    return pa.table(arrays)


def table_from(data: bytes) -> pa.Table:
    """A table from a parquet file's bytes, read on the caller's thread.

    A thread of Arrow's that lets go of Python's bytes while the interpreter ends would abort the
    process (https://github.com/apache/arrow/issues/34314, 50482).
    """
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    return pq.ParquetFile(pa.BufferReader(data)).read(use_threads=False)


def requests_from_arrow(table: pa.Table) -> RequestTable:
    """Requests from what is stored.

    Raises:
        ValueError, KeyError: a column is missing, or of another type.
    """
    lists = table["token_times_us"].combine_chunks()
    offsets = np.asarray(lists.offsets, dtype=np.int64)
    times = np.asarray(lists.values, dtype=np.int64)[offsets[0] : offsets[-1]] / 1e6
    columns = {
        field.name: _column(table, field.name, field.type)
        for field in fields(RequestTable)
        if field.name not in _RAGGED and (field.name in table.column_names or not may_lack(field))
    }
    return RequestTable(**columns, token_offsets=offsets - offsets[0], token_times_s=times)


def plain_to_arrow(table: StepTable | ServerTable) -> pa.Table:
    """A table without lists as it is stored."""
    import pyarrow as pa  # noqa: PLC0415

    return pa.table({field.name: getattr(table, field.name) for field in fields(table)})


def plain_from_arrow(table: pa.Table, kind: type[P]) -> P:
    """A table without lists from what is stored.

    Args:
        kind: the table's class.

    Raises:
        ValueError, KeyError: a column is missing, or of another type.
    """
    return kind(**{field.name: _column(table, field.name, field.type) for field in fields(kind)})


def _plain(column: Any) -> Any:
    return column.tolist() if column.dtype.kind == "U" else column


def _column(table: pa.Table, name: str, kind: Any) -> Any:
    """A column as an array.

    Args:
        kind: its annotation in the table's class.

    Raises:
        ValueError: it is of another type, or has nulls.
    """
    import pyarrow as pa  # noqa: PLC0415

    column = table[name]
    if len(column) == 0:
        return np.array([], dtype=np.str_ if kind not in _TYPES else _TYPES[kind][0])
    is_type = _TYPES[kind][1] if kind in _TYPES else "is_string"
    if not getattr(pa.types, is_type)(column.type) or column.null_count:
        raise ValueError(f"{name} is of type {column.type}, {column.null_count} of it null")
    if kind not in _TYPES:
        return np.array(column.to_pylist(), dtype=np.str_)
    return column.to_numpy()
