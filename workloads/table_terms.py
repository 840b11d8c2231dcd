"""Columns of a table on disk that say more of its requests than their lengths."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from slaibench.workloads.errors import WorkloadError, printable
from slaibench.workloads.lengths import IntArray
from slaibench.workloads.table_columns import Column, plain
from slaibench.workloads.terms import NOT_SAID, TERMS, Array, Term, Terms

MOST_SHOWN = 80
MOST_OWN_TIERS = 8
"""Different TBT SLOs that are tiers by themselves, where a table names none."""


def read_terms(path: Path, columns: Mapping[str, Column], output_tokens: IntArray) -> Terms | None:
    """What a file says of its requests.

    Args:
        columns: by the names of ``TERMS``; those that the file has.
        output_tokens: of its requests.

    Raises:
        WorkloadError: a value is none that its column may have.
    """
    read = {
        term.name: _values(path, columns[term.name], term) for term in TERMS if term.name in columns
    }
    if not read:
        return None
    if "max_output_tokens" in read:
        _check_room(path, columns["max_output_tokens"], read["max_output_tokens"], output_tokens)
    if "tbt_slo_s" in read:
        read["tier"] = _tiers(path, columns, read)
    return Terms(read)


def _values(path: Path, column: Column, term: Term) -> Array:
    scale = 1e-3 if plain(column.name).endswith("ms") or plain(column.name) == "delay" else 1.0
    values = [_value(value, term, scale) for value in column.values]
    if None in values:
        row = values.index(None)
        unit = "; the column's numbers are milliseconds" if scale != 1.0 else ""
        shown = printable(repr(column.values[row]))[:MOST_SHOWN]
        raise WorkloadError(
            f"{path}, {column.places[row]}: {column.name} must be {term.wanted}, not {shown}{unit}"
        )
    return np.array(values, dtype=term.kind)


def _value(value: Any, term: Term, scale: float) -> Any:
    """A value as the column's; None if it is none."""
    value = value.strip() if isinstance(value, str) else value
    if value in (None, "") or (isinstance(value, float) and math.isnan(value)):
        return term.empty
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        return None
    if term.kind is np.str_ and not isinstance(value, float | Decimal):
        return term.read(str(value))
    try:
        number = float(value) * scale
    except (ValueError, OverflowError):
        return None
    return term.read(number) if math.isfinite(number) else None


def _check_room(path: Path, column: Column, most: Array, output_tokens: IntArray) -> None:
    """Refuse a request that generates more than its client lets it."""
    wrong = np.flatnonzero((most != NOT_SAID) & (most < output_tokens))
    if wrong.size:
        row = int(wrong[0])
        raise WorkloadError(
            f"{path}, {column.places[row]}: {column.name} is {most[row]}, and {output_tokens[row]} "
            "tokens were generated: correct one of them, or leave the column out"
        )


def _tiers(path: Path, columns: Mapping[str, Column], read: Mapping[str, Array]) -> Array:
    """The tier of each row: every one has a single TBT SLO, by which it is judged."""
    slos_s = read["tbt_slo_s"]
    if "tier" not in read:
        different = np.unique(slos_s)
        if len(different) > MOST_OWN_TIERS:
            raise WorkloadError(
                f"{path}: {columns['tbt_slo_s'].name} has {len(different)} different values; more "
                f"than {MOST_OWN_TIERS} are no tiers by themselves: add a column tier, in which "
                "each has one TBT SLO"
            )
        return np.array([f"{slo_s:g}s" for slo_s in slos_s.tolist()], dtype=np.str_)
    first: dict[str, int] = {}
    tiers = read["tier"]
    for row, (tier, slo_s) in enumerate(zip(tiers.tolist(), slos_s.tolist(), strict=True)):
        begun = first.setdefault(tier, row)
        if slos_s[begun] != slo_s:
            column = columns["tbt_slo_s"]
            raise WorkloadError(
                f"{path}, {column.places[row]}: tier {tier} has a {column.name} of "
                f"{printable(str(column.values[row]))}, and of "
                f"{printable(str(column.values[begun]))} in {column.places[begun]}; a tier has "
                "one: give the others names of their own"
            )
    return tiers
