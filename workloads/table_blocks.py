"""The column of a table on disk that names the blocks of prompts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from slaibench.workloads.errors import WorkloadError, printable
from slaibench.workloads.hash_ids import SIZES, HashIds, fitting_size, hash_ids, misfit
from slaibench.workloads.lengths import IntArray
from slaibench.workloads.options import parse_count
from slaibench.workloads.table_columns import Column

MOST = 1 << 40
"""A block's number is below it, and at least 0."""
MOST_SHOWN = 60


def read_blocks(path: Path, column: Column, prompt_tokens: IntArray, block: str | None) -> HashIds:
    """Blocks of all rows: a list of whole numbers each, as JSON where the file has only texts.

    Args:
        prompt_tokens: of the rows.
        block: tokens of a block, as the user says; None: the usual size that fits all rows.

    Raises:
        WorkloadError: a row has something else, or not as many blocks as its prompt fills.
    """
    rows = [_numbers(value) for value in column.values]
    for row, numbers in enumerate(rows):
        if numbers is None:
            shown = printable(repr(column.values[row]))[:MOST_SHOWN]
            raise WorkloadError(
                f"{path}, {column.places[row]}: {column.name} must be a list of whole numbers from "
                f"0 to {MOST - 1}, not {shown}"
            )
    ids = [numbers for numbers in rows if numbers is not None]
    counts = np.array([len(numbers) for numbers in ids], dtype=np.int64)
    size = fitting_size(prompt_tokens, counts) if block is None else parse_count("block", block)
    if size is None:
        raise WorkloadError(
            f"{path}: rows do not tell how many tokens a block of {column.name} has (none of "
            f"{', '.join(map(str, SIZES))} alone fits all): say it, as in '{path}:block=64'"
        )
    if (wrong := misfit(prompt_tokens, counts, size)) is not None:
        raise WorkloadError(
            f"{path}, {column.places[wrong]}: {counts[wrong]} {column.name} of {size} tokens for "
            f"a prompt of {prompt_tokens[wrong]}, which fills {-(-prompt_tokens[wrong] // size)}"
        )
    return hash_ids(ids, size)


def _numbers(value: Any) -> list[int] | None:
    """The numbers of a row; None if they are none."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    if value is None:
        return []
    if not isinstance(value, list):
        return None
    good = all(type(number) is int and 0 <= number < MOST for number in value)
    return value if good else None
