"""Files of conversations."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from slaibench.workloads.conversations import SYSTEM, TURNS
from slaibench.workloads.errors import WorkloadError, printable
from slaibench.workloads.files import (
    LINES,
    PARQUET,
    bytes_of,
    forms,
    kind_of,
    parquet_columns,
    reading,
)
from slaibench.workloads.table_columns import json_lines

SUFFIXES = (".json", *LINES, *PARQUET)


def read_conversations(path: Path) -> list[Any]:
    """The conversations of a file: JSON (a list of them), JSON lines (one a line, whatever the
    file is called), or parquet (a column of lists of turns).

    Raises:
        WorkloadError: the file is missing, of another form, or there is nothing in it.
    """
    kind = kind_of(path)
    if kind not in SUFFIXES:
        raise WorkloadError(f"{path}: a file of conversations is one of {forms(*SUFFIXES)}")
    with reading(path):
        if kind in PARQUET:
            return _of_parquet(path)
        conversations = _of_lines(path) if kind in LINES else _of_json(path)
    if not isinstance(conversations, list) or not conversations:
        raise WorkloadError(f"{path}: a list of conversations is needed, and not an empty one")
    return conversations


def _of_json(path: Path) -> Any:
    data = bytes_of(path)
    try:
        content = json.loads(data)
    except ValueError as error:
        if isinstance(error, json.JSONDecodeError) and error.msg == "Extra data":
            return _of_lines(path)
        raise WorkloadError(f"{path}: not readable as JSON: {error}") from None
    is_one = isinstance(content, Mapping) and any(key in content for key in TURNS)
    return [content] if is_one else content


def _of_lines(path: Path) -> list[Any]:
    return [value for _, value in json_lines(path)]


def _of_parquet(path: Path) -> list[Any]:
    def wanted(columns: Iterable[str]) -> list[str]:
        names = list(columns)
        if not set(TURNS) & set(names):
            raise WorkloadError(
                f"{path}: no column of {', '.join(TURNS)}; "
                f"found: {printable(', '.join(names)) or 'none'}"
            )
        return [name for name in (*TURNS, *SYSTEM) if name in names]

    columns = parquet_columns(path, wanted)
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if not rows:
        raise WorkloadError(f"{path}: no rows")
    return rows
