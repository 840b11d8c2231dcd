"""From rows of measured attention to the tables of a profile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

Axes = dict[str, list[int]]

POWERS = [2**exponent for exponent in range(15)]

DECODE: Axes = {
    "sequences": POWERS[:9],
    "context": POWERS[4:],
}
PREFILL: Axes = {
    "chunk": POWERS[4:12],
    "history": [0, *POWERS[4:]],
}
# Up to 64 tokens of history, context or chunk times are flat:
# leaving those places out changes no prediction by more than noise (errors.py).
MIXED: Axes = {
    "chunk": [16, 64, 128, 256, 512, 1024, 2048],
    "history": [0, 64, *POWERS[7:]],
    "sequences": POWERS[:8],
    "context": [16, 64, *POWERS[7:]],
}


def significant(value: float, digits: int = 4) -> float:
    """Rounded to so many digits: the raw times repeat to two or three."""
    return float(f"{value:.{digits}g}")


def attention_table(
    rows: pd.DataFrame,
    *,
    layers: int,
    heads: int,
    multiprocessors: int,
    decode: Axes = DECODE,
    prefill: Axes = PREFILL,
    mixed: Axes = MIXED,
) -> dict[str, Any]:
    """A profile's ``attention`` object of kind ``table`` on these axes.

    A tile of 64 prompt tokens of one head occupies one multiprocessor: pure prefill against a long
    history doubles from 256 to 512 tokens on 128 multiprocessors and from 320 to 384 on 188.
    """
    row_tile = 64
    key = rows.set_index(["chunk", "history", "sequences", "context"])["us"]

    def values(*axes: Sequence[int]) -> list[float]:
        return [significant(us) for us in key.reindex(pd.MultiIndex.from_product(axes))]

    return {
        "kind": "table",
        "layers": layers,
        "row_tile": row_tile,
        "wave_tokens": row_tile * multiprocessors // heads,
        "decode": decode | {"us": values([0], [0], decode["sequences"], decode["context"])},
        "prefill": prefill | {"us": values(prefill["chunk"], prefill["history"], [0], [0])},
        "mixed": mixed | {"us": values(*mixed.values())},
    }
