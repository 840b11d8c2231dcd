"""What a table says of its requests beside their lengths: a column each, and where it goes."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from slaibench.workloads.options import LEAST_NUMBER, MOST_NUMBER
from slaibench.workloads.tiers import LONGEST_NAME, is_tier_name

Array = npt.NDArray[Any]
MOST_TEXT = 256
"""Characters of a tenant's or a session's name."""
MOST_PRIORITY = 1_000_000
MOST_TOKENS = 2**31 - 1
LONGEST_S = 1e7
NOT_SAID = 0
"""Of ``max_output_tokens``: its client does not say."""


@dataclass(frozen=True, slots=True)
class Term:
    """A column that a table may have.

    Args:
        name: of the column here; of a request's field where ``of_request``.
        names: of the column in files, the first of which wins; ``table_columns.plain`` says which
            names are the same. One that ends with ``ms`` is in milliseconds.
        kind: of its values here.
        read: a value of a file, as a number where it can be one, else as a text; None if it is
            none of these.
        wanted: what a value has to be, in words.
        empty: what an empty cell is; None: there may be none.
        of_request: whether it is a request's own, or only says how sessions go on.
    """

    name: str
    names: tuple[str, ...]
    kind: type
    read: Callable[[float | str], Any]
    wanted: str
    empty: Any = None
    of_request: bool = True


def _slo_s(value: float | str) -> float | None:
    good = isinstance(value, float) and LEAST_NUMBER <= value <= MOST_NUMBER
    return value if good and isinstance(value, float) else None


def _seconds(value: float | str) -> float | None:
    good = isinstance(value, float) and 0 <= value <= LONGEST_S
    return value if good and isinstance(value, float) else None


def _whole(low: int, high: int) -> Callable[[float | str], int | None]:
    def read(value: float | str) -> int | None:
        good = isinstance(value, float) and low <= value <= high and value == int(value)
        return int(value) if good else None

    return read


def _text(value: float | str) -> str | None:
    """A name; numbers are names too, and those that tools write as 3.0 are 3."""
    if isinstance(value, float):
        return f"{value:.0f}" if value == round(value) else repr(value)
    good = 0 < len(value) <= MOST_TEXT and value.isprintable()
    return value if good else None


def _tier(value: float | str) -> str | None:
    name = _text(value)
    return name if name is not None and is_tier_name(name) else None


_SLO = f"a number of seconds from {LEAST_NUMBER:g} to {MOST_NUMBER:g}"
_NAME = f"a printable text of at most {MOST_TEXT} characters"
_SECONDS = f"a number of seconds from 0 to {LONGEST_S:g}"
TERMS: Sequence[Term] = (
    Term(
        "tier",
        ("tier", "service_tier", "slo_class"),
        np.str_,
        _tier,
        f"a name of letters, digits, '-', '_' or '.', of at most {LONGEST_NAME} characters",
    ),
    Term("tbt_slo_s", ("tbt_slo_s", "tbt_slo_ms"), np.float64, _slo_s, _SLO),
    Term("ttft_slo_s", ("ttft_slo_s", "ttft_slo_ms"), np.float64, _slo_s, _SLO, math.inf),
    Term(
        "priority",
        ("priority",),
        np.int64,
        _whole(-MOST_PRIORITY, MOST_PRIORITY),
        f"a whole number from {-MOST_PRIORITY} to {MOST_PRIORITY} (larger matters more)",
        0,
    ),
    Term(
        "max_output_tokens",
        ("max_output_tokens", "max_tokens", "max_completion_tokens", "max_new_tokens"),
        np.int64,
        _whole(1, MOST_TOKENS),
        f"a whole number from 1 to {MOST_TOKENS}",
        NOT_SAID,
    ),
    Term("tenant", ("tenant", "tenant_id", "user_id", "client_id"), np.str_, _text, _NAME, ""),
    Term(
        "session",
        ("session", "session_id", "conversation_id"),
        np.str_,
        _text,
        _NAME,
        "",
        of_request=False,
    ),
    # No table has it: the texts come from conversations.
    Term("transcript", (), np.object_, lambda _: None, "a transcript"),
    # AIPerf's delay, of a turn after the end of the one before, counts milliseconds.
    Term(
        "think_s",
        ("think_s", "think_ms", "think_time_s", "delay_s", "delay_ms", "delay"),
        np.float64,
        _seconds,
        _SECONDS,
        math.nan,
        of_request=False,
    ),
    # BurstGPT: from a request's arrival to the end of its answer.
    Term(
        "elapsed_s",
        ("elapsed_s", "elapsed_ms", "elapsed_time"),
        np.float64,
        _seconds,
        _SECONDS,
        math.nan,
        of_request=False,
    ),
)
"""All of them. Another one is an entry here and, if it is a request's own, a field there."""

_BY_NAME = {term.name: term for term in TERMS}


@dataclass(frozen=True, slots=True)
class Terms:
    """Columns of some requests, by the names of ``TERMS``: arrays of one length.

    Args:
        columns: at least one. ``tbt_slo_s`` comes with ``tier``.
    """

    columns: Mapping[str, Array]

    @property
    def identity(self) -> str:
        """Text that changes whenever a value does."""
        digest = hashlib.sha256()
        for name in sorted(self.columns):
            digest.update(f"{name}\n".encode())
            digest.update("\n".join(map(repr, self.columns[name].tolist())).encode())
        return digest.hexdigest()

    def take(self, index: npt.NDArray[np.int64] | slice) -> Terms:
        """Those of the requests at ``index``."""
        return Terms({name: values[index] for name, values in self.columns.items()})

    def get(self, name: str) -> Array | None:
        """A column; None: there is none."""
        return self.columns.get(name)

    def without(self, name: str) -> Terms | None:
        """All but one column; None: nothing is left."""
        left = {key: values for key, values in self.columns.items() if key != name}
        return Terms(left) if left else None

    def fields(self) -> dict[str, list[Any]]:
        """What is said of requests, by the names of their fields (``request.Request``)."""
        fields = {
            name: values.tolist()
            for name, values in self.columns.items()
            if _BY_NAME[name].of_request
        }
        if "max_output_tokens" in fields:
            said = fields["max_output_tokens"]
            fields["max_output_tokens"] = [None if most == NOT_SAID else most for most in said]
        return fields


def joined_terms(parts: Sequence[tuple[int, Terms | None]]) -> Terms | None:
    """Terms of several tables as those of one: what a table does not say is as in an empty cell.

    Args:
        parts: of each, its requests and what it says of them.

    Raises:
        KeyError: a column that may have no empty cells is not in all of them; its name.
    """
    names = [term.name for term in TERMS if any(said and term.name in said.columns
                                                for _, said in parts)]  # fmt: skip
    columns = {}
    for name in names:
        empty = _BY_NAME[name].empty
        pieces = []
        for length, said in parts:
            values = None if said is None else said.get(name)
            if values is None:
                if empty is None:
                    raise KeyError(name)
                values = np.full(length, empty, dtype=_BY_NAME[name].kind)
            pieces.append(values)
        columns[name] = np.concatenate(pieces)
    return Terms(columns) if columns else None
