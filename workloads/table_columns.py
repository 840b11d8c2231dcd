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
    """

    prompt: Column
    output: Column
    arrival: Column | None
    blocks: Column | None

    def at(self, rows: Sequence[int]) -> Columns:
        """Only these rows."""
        arrival, blocks = self.arrival, self.blocks
        return Columns(
            self.prompt.at(rows),
            self.output.at(rows),
            arrival.at(rows) if arrival else None,
            blocks.at(rows) if blocks else None,
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
    header = next(records, (0, []))[1]
    names = _choose(path, [str(name) for name in header])
    chosen = [column for column in names if column]
    values: list[list[Any]] = [[] for _ in chosen]
    places: list[str] = []
    positions = [header.index(column) for column in chosen]
    for line, fields in records:
        places.append(f"line {line}")
        for into, position in zip(values, positions, strict=True):
            into.append(fields[position])
    if not places:
        raise WorkloadError(f"{path}: no rows, only a header")
    return _columns(names, dict(zip(chosen, values, strict=True)), places)


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
    """The first object's keys, then each object's values of those, with its line number."""
    header: list[str] | None = None
    for number, record in json_lines(path):
        if not isinstance(record, dict):
            raise WorkloadError(
                f"{path}, line {number}: an object is needed, not {str(record)[:40]!r}"
            )
        if header is None:
            header = list(record)
            yield number, header
        yield number, [record.get(key) for key in header]


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
    names: list[str | None] = []

    def wanted(header: Sequence[str]) -> list[str]:
        names.extend(_choose(path, header))
        return [name for name in names if name]

    columns = parquet_columns(path, wanted)
    num_rows = len(next(iter(columns.values())))
    if not num_rows:
        raise WorkloadError(f"{path}: no rows")
    places = [f"row {row}" for row in range(1, num_rows + 1)]
    return _columns(names, columns, places)


def _columns(
    names: Sequence[str | None], values: Mapping[str, list[Any]], places: Sequence[str]
) -> Columns:
    prompt, output, arrival, blocks = (
        Column(name, values[name], places) if name else None for name in names
    )
    assert prompt is not None
    assert output is not None
    return Columns(prompt, output, arrival, blocks)


def _choose(path: Path, header: Sequence[str]) -> tuple[str, str, str | None, str | None]:
    """The file's names of the prompt, output, arrival and block columns."""
    by_name = {plain(column): column for column in reversed(header)}
    prompt, output, arrival, blocks = (
        next((by_name[plain(n)] for n in names if plain(n) in by_name), None)
        for names in (PROMPT, OUTPUT, ARRIVAL, BLOCKS)
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
            f"found: {printable(', '.join(header)) or 'none'}; a file of conversations is written "
            f"sharegpt4:{path}"
        )
    return prompt, output, arrival, blocks
