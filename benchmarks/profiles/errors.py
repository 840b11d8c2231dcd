"""How far the cost model is off on measured rows, in and out of its tables.

``left out``: the rows of one grid place are taken out of the tables and predicted from the rest,
for every place that has measured neighbours on both sides, one axis after the other. The shipped
tables are denser than those that make these predictions, so the figures are upper bounds.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.profiles import grid
from slaibench.catalog import TableAttention
from slaibench.catalog.fields import Fields
from slaibench.costmodel.cost_model import expand_steps
from slaibench.costmodel.formula_attention import FormulaAttentionTimer
from slaibench.costmodel.table_attention import TableAttentionTimer

Array = npt.NDArray[np.float64]
Timer = TableAttentionTimer | FormulaAttentionTimer


def relative(predicted: Array, measured: Array) -> Array:
    return np.abs(predicted / measured - 1)


def linear_left_out(times: pd.Series[float], interpolate: bool = False) -> Array:
    """Errors on every second measured token count, told from the others.

    Args:
        interpolate: straight lines between the rest, instead of the steps the cost model takes.
    """
    tokens, ms = times.index.to_numpy(), times.to_numpy()
    # Keep the last: the step rule looks upwards.
    kept = np.arange(len(tokens)) % 2 == (len(tokens) - 1) % 2
    if interpolate:
        predicted = np.interp(tokens[~kept], tokens[kept], ms[kept])
    else:
        steps = expand_steps(tokens[kept].tolist(), ms[kept].tolist(), int(tokens[-1]))
        predicted = np.array([steps[size] for size in tokens[~kept]])
    return relative(predicted, ms[~kept])


def predicted_us(timer: Timer, rows: pd.DataFrame, layers: int) -> Array:
    """The timer's microseconds of one layer for each row."""
    out = []
    for chunk, history, sequences, context in rows[
        ["chunk", "history", "sequences", "context"]
    ].itertuples(index=False):
        if not chunk:
            time = timer.decode_s(sequences, sequences * context)
        elif not sequences:
            time = timer.prefill_s([(chunk, history)])
        else:
            time = timer.mixed_s(sequences, sequences * context, [(chunk, history)])
        out.append(time)
    return np.array(out) * 1e6 / layers


def attention_left_out(
    rows: pd.DataFrame, build: Callable[..., dict[str, object]], layers: int
) -> pd.DataFrame:
    """Rows that were predicted without their grid place: with ``predicted``, ``axis``, ``kind``."""
    parts = []
    for kind, axes in (("decode", grid.DECODE), ("prefill", grid.PREFILL), ("mixed", grid.MIXED)):
        of_kind = rows[kind_of(rows) == kind]
        for axis, places in axes.items():
            for place in places[1:-1]:
                rest = axes | {axis: [other for other in places if other != place]}
                timer = timer_of(build(rows, **{kind: rest}))
                out = of_kind[of_kind[axis] == place]
                for name, values in axes.items():
                    out = out[out[name].isin(values)]
                parts.append(
                    out.assign(predicted=predicted_us(timer, out, layers), axis=axis, kind=kind)
                )
    return pd.concat(parts)


def kind_of(rows: pd.DataFrame) -> pd.Series[str]:
    names = np.where(
        rows["chunk"] == 0, "decode", np.where(rows["sequences"] == 0, "prefill", "mixed")
    )
    return pd.Series(names.tolist(), index=rows.index)


def kv_tokens(rows: pd.DataFrame) -> pd.Series[int]:
    """KV tokens that the batch of each row holds."""
    return rows["chunk"] + rows["history"] + rows["sequences"] * rows["context"]


def timer_of(attention: dict[str, object]) -> TableAttentionTimer:
    fields = Fields(attention, "table")
    fields.text("kind")
    return TableAttentionTimer(TableAttention.parse(fields))
