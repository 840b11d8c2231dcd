"""The columns of a table on disk that say how long requests are, and when they arrived."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slaibench.workloads.errors import WorkloadError, printable
from slaibench.workloads.files import PARQUET, kind_of, opened_text, parquet_columns
from slaibench.workloads.terms import TERMS

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
BLOCKS = ("hash_ids", "block_hash_ids", "block_hashes", "block_ids")
ARRIVAL = ("arrival_s", "arrival_time_s", "arrived_at", "arrival_ms", "timestamp")


@dataclass(frozen=True, slots=True)
class Column:
    """One column as read: its name in the file, its values, and where each one stands."""

    name: str
    values: list[Any]
    places: Sequence[str]

    def at(self, rows: Sequence[int]) -> Column:
        """Only these rows."""
        values, places = ([column[row] for row in rows] for column in (self.values, self.places))
        return Column(self.name, values, places)


@dataclass(frozen=True, slots=True)
class Columns:
    """Those that a table of lengths has; all of one length, at least 1.

    Args:
        arrival, blocks: None where there is none.
        terms: what else it says of its requests, by the names of ``terms.TERMS``.
        unused: names of columns that nothing is made of.
    """

    prompt: Column
    output: Column
    arrival: Column | None
    blocks: Column | None
    terms: Mapping[str, Column]
    unused: tuple[str, ...] = ()

    def at(self, rows: Sequence[int]) -> Columns:
        """Only these rows."""
        arrival, blocks = self.arrival, self.blocks
        return Columns(
            self.prompt.at(rows),
            self.output.at(rows),
            arrival.at(rows) if arrival else None,
            blocks.at(rows) if blocks else None,
            {name: column.at(rows) for name, column in self.terms.items()},
            self.unused,
        )


def read_columns(path: Path) -> Columns:
    """The columns of a file.

    Raises:
        WorkloadError: a column is missing, the file is of another form or a row is cut short.
    """
    kind = kind_of(path)
    if kind in PARQUET:
        return _of_parquet(path)
    records = _csv_records(path) if kind == ".csv" else _json_records(path)
    header = [str(name) for name in next(records, (0, []))[1]]
    names = _choose(path, header)
    chosen = list(names.values())
    values: list[list[Any]] = [[] for _ in chosen]
    places: list[str] = []
    positions = [header.index(column) for column in chosen]
    for line, fields in records:
        places.append(f"line {line}")
        for into, position in zip(values, positions, strict=True):
            into.append(fields[position])
    if not places:
        raise WorkloadError(f"{path}: no rows, only a header")
    return _columns(names, header, dict(zip(chosen, values, strict=True)), places)


def plain(name: str) -> str:
    """A column's name as it is compared: whatever its case, spaces and underscores."""
    return name.lower().replace("_", "").replace(" ", "").replace("-", "")


def _csv_records(path: Path) -> Iterator[tuple[int, list[Any]]]:
    """The header, then the rows, each with its line number; blank lines are left out."""
    with opened_text(path) as file:
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
    """All keys that objects have, in the order in which they come, then each object's values of
    those, with its line number: a key may be in some objects only (a first turn has no pause)."""
    records = []
    keys: dict[str, None] = {}
    for number, record in json_lines(path):
        if not isinstance(record, dict):
            raise WorkloadError(
                f"{path}, line {number}: an object is needed, not {str(record)[:40]!r}"
            )
        records.append((number, record))
        keys.update(dict.fromkeys(record))
    if records:
        yield 0, list(keys)
    for number, record in records:
        yield number, [record.get(key) for key in keys]


def json_lines(path: Path) -> Iterator[tuple[int, Any]]:
    """The values of a file that has one a line, each with its line number.

    Raises:
        WorkloadError: a line is not JSON.
    """
    with opened_text(path) as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                yield number, json.loads(line)
            except ValueError as error:
                raise WorkloadError(
                    f"{path}, line {number}: not JSON ({error}); is the file cut short?"
                ) from None


def _of_parquet(path: Path) -> Columns:
    names: dict[str, str] = {}
    header: list[str] = []

    def wanted(found: Sequence[str]) -> list[str]:
        header.extend(found)
        names.update(_choose(path, found))
        return list(names.values())

    columns = parquet_columns(path, wanted)
    num_rows = len(next(iter(columns.values())))
    if not num_rows:
        raise WorkloadError(f"{path}: no rows")
    places = [f"row {row}" for row in range(1, num_rows + 1)]
    return _columns(names, header, columns, places)


def _columns(
    names: Mapping[str, str],
    header: Sequence[str],
    values: Mapping[str, list[Any]],
    places: Sequence[str],
) -> Columns:
    columns = {name: Column(column, values[column], places) for name, column in names.items()}
    used = set(names.values())
    return Columns(
        columns.pop("prompt"),
        columns.pop("output"),
        columns.pop("arrival", None),
        columns.pop("blocks", None),
        columns,
        tuple(column for column in header if column not in used),
    )


def _choose(path: Path, header: Sequence[str]) -> dict[str, str]:
    """The file's names of the columns that something is made of, by what they are."""
    by_name = {plain(column): column for column in reversed(header)}
    known = {
        "prompt": PROMPT,
        "output": OUTPUT,
        "arrival": ARRIVAL,
        "blocks": BLOCKS,
        **{term.name: term.names for term in TERMS},
    }
    found = {
        what: by_name[plain(name)]
        for what, names in known.items()
        for name in reversed(names)
        if plain(name) in by_name
    }
    missing = [
        f"{what} tokens ({', '.join(known[what])})"
        for what in ("prompt", "output")
        if what not in found
    ]
    if missing:
        raise WorkloadError(
            f"{path}: no column for {' nor for '.join(missing)}; "
            f"found: {printable(', '.join(header)) or 'none'}; a file of conversations is written "
            f"sharegpt4:{path}"
        )
    return found
