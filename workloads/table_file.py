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

- blocks, optional: ``hash_ids``, ``block_hash_ids``, ``block_hashes``, ``block_ids``: numbers of
  the blocks of a prompt, equal ones for equal beginnings (Mooncake's of 512 tokens, Qwen's of 16).

What else a table may say of its requests is in ``terms.TERMS``. The first name of each line wins
when there are several. Other columns are not used, which the note says.
"""

from __future__ import annotations

import math
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np

from slaibench.workloads.errors import WorkloadError, printable
from slaibench.workloads.files import LINES, PARQUET, forms, kind_of, reading
from slaibench.workloads.lengths import FloatArray, IntArray, Lengths
from slaibench.workloads.table import TableSource
from slaibench.workloads.table_blocks import read_blocks
from slaibench.workloads.table_columns import Column, Columns, plain, read_columns
from slaibench.workloads.table_terms import read_terms

MAX_TOKENS = 2**31 - 1
UNITS_S = {"s": 1.0, "ms": 1e-3}
SUFFIXES = (".csv", *LINES, *PARQUET)
MOST_SHOWN = 80
"""Characters of a wrong value that are shown."""
DROP = "drop"
"""Of the option ``zeros``: rows without a prompt or an output token are left out, and counted."""


def read_table(
    path: Path,
    *,
    name: str | None = None,
    note: str | None = None,
    timestamp: str | None = None,
    zeros: str | None = None,
    block: str | None = None,
) -> TableSource:
    """Read a table of lengths.

    Args:
        path: ``.csv`` (with a header), ``.jsonl`` or ``.ndjson`` (an object a line), each also
            compressed, or ``.parquet``.
        name: the source's name; None: the path.
        note: what it is; None: says only the file's name. The number of rows is added.
        timestamp: unit of a ``timestamp`` column of plain numbers, ``s`` or ``ms``.
        zeros: ``drop`` leaves rows of 0 tokens out, as logs have them of requests that failed;
            None: they are refused.

        block: tokens of a block of ``hash_ids``; None: the usual size that fits all rows.

    Raises:
        WorkloadError: the file is missing, empty or of another form; a row is cut short; a
            length is not a whole number of at least 1; arrival times are negative or descend.
            The message names the file, and the line (parquet: the row).
    """
    if timestamp is not None and timestamp not in UNITS_S:
        raise WorkloadError(f"timestamp must be s or ms, not {timestamp!r}")
    if zeros not in (None, DROP):
        raise WorkloadError(f"zeros must be {DROP}, not {zeros!r}")
    if kind_of(path) not in SUFFIXES:
        raise WorkloadError(f"{path}: a table of lengths is one of {forms(*SUFFIXES)}")
    with reading(path):
        columns = read_columns(path)
        num_rows = len(columns.prompt.values)
        if zeros == DROP:
            columns = _without_zeros(path, columns)
        prompts, outputs = _counts(path, columns.prompt), _counts(path, columns.output)
        blocks = read_blocks(path, columns.blocks, prompts, block) if columns.blocks else None
        lengths = Lengths(prompts, outputs, blocks, read_terms(path, columns.terms, outputs))
        arrival = columns.arrival
        arrival_s = None if arrival is None else _times_s(path, arrival, timestamp)
    what = path.name if note is None else note
    times = "" if arrival_s is None else " with arrival times"
    named = f"; prompts share blocks of {blocks.block_tokens} tokens" if blocks else ""
    dropped = num_rows - len(lengths)
    own = None if lengths.terms is None else lengths.terms.get("tier")
    tiers = "" if own is None else f"; tiers: {printable(', '.join(np.unique(own).tolist()))}"
    left_out = f"; rows of 0 tokens left out: {dropped:,}" if dropped else ""
    names = printable(", ".join(columns.unused))
    unused = f"; columns not used: {names}" if columns.unused else ""
    return TableSource(
        name=str(path) if name is None else name,
        note=f"{what}: {len(lengths):,} recorded requests{times}{named}{tiers}{left_out}{unused}",
        recorded=lengths,
        arrival_s=arrival_s,
    )


def _without_zeros(path: Path, columns: Columns) -> Columns:
    lengths = zip(columns.prompt.values, columns.output.values, strict=True)
    rows = [row for row, both in enumerate(lengths) if 0 not in map(_number, both)]
    if not rows:
        raise WorkloadError(f"{path}: all {len(columns.prompt.values):,} rows have 0 tokens")
    return columns.at(rows)


def _counts(path: Path, column: Column) -> IntArray:
    counts = [_count(value) for value in column.values]
    if None in counts:
        row = counts.index(None)
        zero = _number(column.values[row]) == 0
        way_out = f"; '{path}:zeros={DROP}' leaves such rows out" if zero else ""
        raise WorkloadError(
            f"{path}, {column.places[row]}: {column.name} must be a whole number from 1 to "
            f"{MAX_TOKENS}, not {_shown(column.values[row])}{way_out}"
        )
    return np.array(counts, dtype=np.int64)


def _count(value: object) -> int | None:
    """A length, or None if it is none. Whole floats count: tools that know NaN write 12 as 12.0."""
    number = _number(value)
    whole = math.isfinite(number) and number == int(number) and 1 <= number <= MAX_TOKENS
    return int(number) if whole else None


def _shown(value: object) -> str:
    return _cut(repr(value))


def _cut(value: object) -> str:
    text = printable(str(value))
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."


def _number(value: object) -> float:
    """A number as read from a file; NaN if it is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        return math.nan
    try:
        return float(value)
    except (ValueError, OverflowError):
        return math.nan


def _times_s(path: Path, column: Column, unit: str | None) -> FloatArray:
    name = plain(column.name)
    if name != plain("timestamp"):
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
            f"{path}, {column.places[row]}: {column.name} {_cut(column.values[row])} is "
            f"earlier than {_cut(column.values[row - 1])} before it; sort the rows by arrival"
        )
    if times_s[0] < 0:
        raise WorkloadError(
            f"{path}, {column.places[0]}: {column.name} must be at least 0, "
            f"not {_cut(column.values[0])}"
        )
    return times_s


def _numbers(path: Path, column: Column) -> FloatArray:
    times = np.array([_number(value) for value in column.values])
    bad = np.flatnonzero(~np.isfinite(times))
    if bad.size:
        row = int(bad[0])
        raise WorkloadError(
            f"{path}, {column.places[row]}: {column.name} must be a number, "
            f"not {_shown(column.values[row])}"
        )
    return times


def _dates_s(path: Path, column: Column) -> FloatArray:
    """Seconds after the first row's date."""
    import pandas as pd  # noqa: PLC0415

    # Half a character (a lone surrogate) is no text that pandas takes.
    written = [
        value if isinstance(value, date) or (isinstance(value, str) and _is_whole(value)) else None
        for value in column.values
    ]
    dates = pd.to_datetime(pd.Series(written), format="ISO8601", utc=True, errors="coerce")
    bad = np.flatnonzero(dates.isna().to_numpy())
    if bad.size:
        row = int(bad[0])
        raise WorkloadError(
            f"{path}, {column.places[row]}: {column.name} must be a date with time such as "
            f"2023-11-16 18:17:03.97, not {_shown(column.values[row])}"
        )
    try:
        return np.asarray((dates - dates.iloc[0]).dt.total_seconds(), dtype=np.float64)
    except OverflowError:
        raise WorkloadError(
            f"{path}: {column.name} goes from {_shown(column.values[0])} over more than 292 years"
        ) from None


def _is_whole(text: str) -> bool:
    """Whether a text is of whole characters only, which UTF-8 can write."""
    return not any("\ud800" <= character <= "\udfff" for character in text)
