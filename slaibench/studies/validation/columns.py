"""The columns of a request log: which name means what, in which unit."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from slaibench.recording.record import FloatArray

NAMES: dict[str, tuple[str, ...]] = {
    "arrival": (
        *("arrival_time", "arrival", "arrival_ts", "arrived_at", "due", "due_time"),
        *("request_time", "start_time", "sent", "sent_at"),
    ),
    "prompt": (
        *("input_toks", "input_tokens", "prompt_tokens", "num_prompt_tokens", "prompt_len"),
        *("input_len", "input_length"),
    ),
    "output": (
        *("output_toks", "output_tokens", "completion_tokens", "num_generation_tokens"),
        *("generated_tokens", "output_len", "output_length"),
    ),
    "first_token": (
        "first_token_ts", "first_token_time", "first_token", "first_token_at",
    ),
    "last_token": (
        *("last_token_ts", "last_token_time", "last_token", "last_token_at"),
        *("finish_time", "finished_at", "end_time", "completed_at"),
    ),
    "queued": ("queued_ts", "queued_time", "queued", "queued_at"),
}  # fmt: skip
"""What a log may call each column; times also with a unit at their end (``arrival_time_ns``)."""
TIMES = ("arrival", "first_token", "last_token", "queued")
OPTIONAL = ("queued",)
UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}


class LogError(ValueError):
    """A log that cannot be replayed; the message names what is wrong and the way out."""


class IncompleteLogError(LogError):
    """A log, or the settings beside it, lacks something.

    Args:
        lacks: all of it, and for each thing the way out.
    """

    def __init__(self, lacks: Sequence[str]) -> None:
        self.lacks = tuple(lacks)
        more = "".join(f"\n- {lack}" for lack in self.lacks)
        super().__init__(f"this log cannot be replayed yet:{more}")


def read_columns(path: Path, named: Mapping[str, str], unit: str) -> dict[str, FloatArray]:
    """The columns of a JSONL file with a request a line; times in seconds.

    Args:
        named: columns that the user names (``{"arrival": "t0"}``), before ``NAMES``.
        unit: of times whose name does not end in one.

    Returns:
        By the keys of ``NAMES``; NaN for null. Those of ``OPTIONAL`` may be missing.

    Raises:
        IncompleteLogError: with every column that is missing.
        LogError: not such a file.
    """
    _check_named(named)
    if unit not in UNITS:
        raise LogError(f"time unit {unit!r} is none of {', '.join(UNITS)}")
    rows = _rows(path)
    names = {column: _name_of(column, rows[0], named, path) for column in NAMES}
    missing = [column for column, name in names.items() if name is None and column not in OPTIONAL]
    if missing:
        raise IncompleteLogError([_missing(missing, rows[0], path)])
    values_of = {}
    for column, name in names.items():
        if name is None:
            continue
        scale = UNITS[_unit_of(name, unit)] if column in TIMES else 1.0
        values = [_number(row, name, path, line) for line, row in enumerate(rows, start=1)]
        values_of[column] = np.array(values, dtype=np.float64) * scale
    return values_of


def _rows(path: Path) -> list[dict[str, Any]]:
    rows = []
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise LogError(f"cannot read log {str(path)!r}: {reason}") from error
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise LogError(f"{path}, line {number} is not JSON: {error}") from error
        if not isinstance(row, dict):
            raise LogError(f"{path}, line {number}: a request is an object, not {row!r:.60}")
        rows.append(row)
    if not rows:
        raise LogError(f"log {str(path)!r} has no requests: a JSON object a line is wanted")
    return rows


def _check_named(named: Mapping[str, str]) -> None:
    for column in named:
        if column not in NAMES:
            raise LogError(f"unknown column {column!r}: name one of {', '.join(NAMES)}")


def _name_of(
    column: str, row: Mapping[str, Any], named: Mapping[str, str], path: Path
) -> str | None:
    if column in named:
        if named[column] not in row:
            raise LogError(f"{path} has no {named[column]!r} (named as the {column} column)")
        return named[column]
    units = ("", *(f"_{unit}" for unit in UNITS)) if column in TIMES else ("",)
    names = [f"{name}{unit}" for name in NAMES[column] for unit in units]
    return next((name for name in names if name in row), None)


def _missing(columns: Sequence[str], row: Mapping[str, Any], path: Path) -> str:
    has = ", ".join(row) or "nothing"
    words = " and no ".join(f"{column.replace('_', ' ')} column" for column in columns)
    ours = ", ".join(NAMES[column][0] for column in columns)
    own = " ".join(f"--column {column}=NAME" for column in columns)
    return f"{path.name} has no {words} (it has: {has}): write {ours}, or name yours with {own}"


def _unit_of(name: str, unit: str) -> str:
    ending = name.rpartition("_")[2]
    return ending if "_" in name and ending in UNITS else unit


def _number(row: Mapping[str, Any], name: str, path: Path, line: int) -> float:
    value = row.get(name)
    if value is None:
        return float("nan")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise LogError(f"{path}, request {line}: {name} must be a number, not {value!r:.60}")
    try:
        return float(value)
    except OverflowError:
        raise LogError(f"{path}, request {line}: {name} is too large: {value!r:.60}") from None
