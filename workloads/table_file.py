"""Tables of lengths on disk: CSV, JSON lines or parquet, checked row by row.

A column is found by any of its names below, whatever its case, spaces and underscores:

- prompt tokens: ``prompt_tokens``, ``input_tokens``, ``context_tokens``, ``request_tokens``,
  ``prefill_tokens``, ``num_prompt_tokens``, ``num_prefill_tokens``, ``prompt_length``,
  ``prompt_len``, ``input_length``, ``input_len``, ``isl``;
- output tokens: ``output_tokens``, ``generated_tokens``, ``completion_tokens``,
  ``response_tokens``, ``decode_tokens``, ``num_output_tokens``, ``num_decode_tokens``,
  ``output_length``, ``output_len``, ``osl``;
- arrival, optional: ``arrival_s``, ``arrival_time_s``, ``arrived_at`` (all in seconds),
  ``arrival_ms``, or ``timestamp``: dates with times (Azure's traces), or plain numbers whose unit
  must then be said (BurstGPT counts in seconds, Mooncake in milliseconds).

The first name of each line above wins when there are several. Other columns are ignored.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workloads.errors import WorkloadError
from workloads.lengths import FloatArray, IntArray, Lengths
from workloads.table import TableSource

PROMPT = (
    *("prompt_tokens", "input_tokens", "context_tokens", "request_tokens", "prefill_tokens"),
    *("num_prompt_tokens", "num_prefill_tokens", "prompt_length", "prompt_len"),
    *("input_length", "input_len", "isl"),
)
OUTPUT = (
    *("output_tokens", "generated_tokens", "completion_tokens", "response_tokens"),
    *("decode_tokens", "num_output_tokens", "num_decode_tokens", "output_length", "output_len"),
    "osl",
)
ARRIVAL = ("arrival_s", "arrival_time_s", "arrived_at", "arrival_ms", "timestamp")

MAX_TOKENS = 2**31 - 1
UNITS_S = {"s": 1.0, "ms": 1e-3}
SUFFIXES = (".csv", ".jsonl", ".ndjson", ".parquet", ".pq")


@dataclass(frozen=True, slots=True)
class _Column:
    """One column as read: its name in the file, its values, and where each one stands."""

    name: str
    values: list[Any]
    places: Sequence[str]


def read_table(
    path: Path, *, name: str | None = None, note: str | None = None, timestamp: str | None = None
) -> TableSource:
    """Read a table of lengths.

    Args:
        path: ``.csv`` (with a header), ``.jsonl`` or ``.ndjson`` (an object a line), ``.parquet``.
        name: the source's name; None: the path.
        note: what it is; None: says only the file's name. The number of rows is added.
        timestamp: unit of a ``timestamp`` column of plain numbers, ``s`` or ``ms``.

    Raises:
        WorkloadError: the file is missing, empty or of another form; a row is cut short; a
            length is not a whole number of at least 1; arrival times are negative or descend.
            The message names the file, and the line (parquet: the row).
    """
    if timestamp is not None and timestamp not in UNITS_S:
        raise WorkloadError(f"timestamp must be s or ms, not {timestamp!r}")
    if path.suffix.lower() not in SUFFIXES:
        raise WorkloadError(f"{path}: a table of lengths is one of {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise WorkloadError(f"{path}: no such file")
    try:
        prompt, output, arrival = _read_columns(path)
    except UnicodeDecodeError as error:
        raise WorkloadError(f"{path}: not a text file in UTF-8 ({error})") from None
    except OSError as error:
        raise WorkloadError(f"{path}: cannot be read: {error}") from error
    lengths = Lengths(_counts(path, prompt), _counts(path, output))
    arrival_s = None if arrival is None else _times_s(path, arrival, timestamp)
    what = path.name if note is None else note
    times = "" if arrival_s is None else " with arrival times"
    return TableSource(
        name=str(path) if name is None else name,
        note=f"{what}: {len(lengths):,} recorded requests{times}",
        recorded=lengths,
        arrival_s=arrival_s,
    )


def _read_columns(path: Path) -> tuple[_Column, _Column, _Column | None]:
    if path.stat().st_size == 0:
        raise WorkloadError(f"{path}: the file is empty")
    suffix = path.suffix.lower()
    if suffix in (".parquet", ".pq"):
        return _read_parquet(path)
    records = _csv_records(path) if suffix == ".csv" else _json_records(path)
    header = next(records, (0, []))[1]
    chosen = [column for column in _choose(path, [str(name) for name in header]) if column]
    values: list[list[Any]] = [[] for _ in chosen]
    places: list[str] = []
    positions = [header.index(column) for column in chosen]
    for line, fields in records:
        places.append(f"line {line}")
        for into, position in zip(values, positions, strict=True):
            into.append(fields[position])
    if not places:
        raise WorkloadError(f"{path}: no rows, only a header")
    columns = [_Column(n, v, places) for n, v in zip(chosen, values, strict=True)]
    return columns[0], columns[1], columns[2] if len(columns) > 2 else None


def _csv_records(path: Path) -> Iterator[tuple[int, list[Any]]]:
    """The header, then the rows, each with its line number; blank lines are left out."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file, strict=True)
        width: int | None = None
        try:
            for fields in reader:
                if not fields:
                    continue
                if width is None:
                    width = len(fields)
                if len(fields) != width:
                    raise WorkloadError(
                        f"{path}, line {reader.line_num}: {len(fields)} fields where the header "
                        f"has {width}; is the file cut short?"
                    )
                yield reader.line_num, fields
        except csv.Error as error:
            raise WorkloadError(f"{path}, line {reader.line_num}: not CSV: {error}") from None


def _json_records(path: Path) -> Iterator[tuple[int, list[Any]]]:
    """The first object's keys, then each object's values of those, with its line number."""
    header: list[str] | None = None
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except json.JSONDecodeError as error:
                raise WorkloadError(
                    f"{path}, line {number}: not JSON ({error}); is the file cut short?"
                ) from None
            if not isinstance(record, dict):
                raise WorkloadError(
                    f"{path}, line {number}: an object is needed, not {line[:40]!r}"
                )
            if header is None:
                header = list(record)
                yield number, header
            yield number, [record.get(key) for key in header]


def _read_parquet(path: Path) -> tuple[_Column, _Column, _Column | None]:
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        chosen = _choose(path, pq.read_schema(path).names)
        table = pq.read_table(path, columns=[column for column in chosen if column])
    except pa.ArrowException as error:
        raise WorkloadError(f"{path}: not a readable parquet file: {error}") from None
    if table.num_rows == 0:
        raise WorkloadError(f"{path}: no rows")
    places = [f"row {row}" for row in range(1, table.num_rows + 1)]
    prompt, output, arrival = (
        _Column(column, table.column(column).to_pylist(), places) if column else None
        for column in chosen
    )
    assert prompt is not None
    assert output is not None
    return prompt, output, arrival


def _choose(path: Path, found: Sequence[str]) -> tuple[str, str, str | None]:
    """The file's names of the prompt, output and arrival columns."""
    by_name = {_plain(column): column for column in reversed(found)}
    prompt, output, arrival = (
        next((by_name[_plain(n)] for n in names if _plain(n) in by_name), None)
        for names in (PROMPT, OUTPUT, ARRIVAL)
    )
    if prompt is None or output is None:
        missing = [
            f"{what} ({', '.join(names)})"
            for what, column, names in (
                ("prompt tokens", prompt, PROMPT),
                ("output tokens", output, OUTPUT),
            )
            if column is None
        ]
        raise WorkloadError(
            f"{path}: no column for {' nor for '.join(missing)}; "
            f"found: {', '.join(found) or 'none'}"
        )
    return prompt, output, arrival


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace(" ", "").replace("-", "")


def _counts(path: Path, column: _Column) -> IntArray:
    counts = [_count(value) for value in column.values]
    if None in counts:
        row = counts.index(None)
        raise WorkloadError(
            f"{path}, {column.places[row]}: {column.name} must be a whole number from 1 to "
            f"{MAX_TOKENS}, not {column.values[row]!r}"
        )
    return np.array(counts, dtype=np.int64)


def _count(value: object) -> int | None:
    """A length, or None if it is none. Whole floats count: tools that know NaN write 12 as 12.0."""
    number = _number(value)
    whole = math.isfinite(number) and number == int(number) and 1 <= number <= MAX_TOKENS
    return int(number) if whole else None


def _number(value: object) -> float:
    """A number as read from a file; NaN if it is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return math.nan
    try:
        return float(value)
    except (ValueError, OverflowError):
        return math.nan


def _times_s(path: Path, column: _Column, unit: str | None) -> FloatArray:
    name = _plain(column.name)
    if name != _plain("timestamp"):
        times_s = _numbers(path, column) * UNITS_S["ms" if name.endswith("ms") else "s"]
    elif unit is not None:
        times_s = _numbers(path, column) * UNITS_S[unit]
    elif math.isfinite(_number(column.values[0])):
        raise WorkloadError(
            f"{path}: {column.name} is plain numbers, of seconds or milliseconds? Say which with "
            f"'{path}:timestamp=s' or '{path}:timestamp=ms', or name the column arrival_s"
        )
    else:
        times_s = _dates_s(path, column)
    descends = np.flatnonzero(np.diff(times_s) < 0)
    if descends.size:
        row = int(descends[0]) + 1
        raise WorkloadError(
            f"{path}, {column.places[row]}: {column.name} {column.values[row]} is earlier than "
            f"{column.values[row - 1]} before it; sort the rows by arrival"
        )
    if times_s[0] < 0:
        raise WorkloadError(
            f"{path}, {column.places[0]}: {column.name} must be at least 0, not {column.values[0]}"
        )
    return times_s


def _numbers(path: Path, column: _Column) -> FloatArray:
    times = np.array([_number(value) for value in column.values])
    bad = np.flatnonzero(~np.isfinite(times))
    if bad.size:
        row = int(bad[0])
        raise WorkloadError(
            f"{path}, {column.places[row]}: {column.name} must be a number, "
            f"not {column.values[row]!r}"
        )
    return times


def _dates_s(path: Path, column: _Column) -> FloatArray:
    """Seconds after the first row's date."""
    import pandas as pd  # noqa: PLC0415

    dates = pd.to_datetime(pd.Series(column.values), format="ISO8601", utc=True, errors="coerce")
    bad = np.flatnonzero(dates.isna().to_numpy())
    if bad.size:
        row = int(bad[0])
        raise WorkloadError(
            f"{path}, {column.places[row]}: {column.name} must be a date with time such as "
            f"2023-11-16 18:17:03.97, not {column.values[row]!r}"
        )
    return np.asarray((dates - dates.iloc[0]).dt.total_seconds(), dtype=np.float64)
