"""Attention as a formula, where no table exists: its numbers as shares of a card's peak.

Fitted to the two measured RTX cards, then carried over to others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import minimize

from benchmarks.profiles import errors
from slaibench.catalog import Gpu, Model
from slaibench.catalog.tables import FormulaAttention
from slaibench.costmodel.formula_attention import FormulaAttentionTimer

Vector = np.ndarray[tuple[int], np.dtype[np.float64]]

USUAL_SEQUENCES = 8
USUAL_CONTEXT = 256
"""Decodes are fitted where they cost something: from 8 sequences of 256 tokens up."""


@dataclass(frozen=True, slots=True)
class Shares:
    """What attention reaches on one card.

    Args:
        bandwidth: of the card's memory bandwidth, by decodes.
        rate: of its 16-bit peak, by prompt chunks.
        decode_launch_us, prefill_launch_us, own_share, mixed_decode_factor: see
            ``FormulaAttention``.
        decode_error, prefill_error, mixed_error: mean relative error of the formula on the rows.
    """

    bandwidth: float
    rate: float
    decode_launch_us: float
    prefill_launch_us: float
    own_share: float
    mixed_decode_factor: float
    decode_error: float = 0.0
    prefill_error: float = 0.0
    mixed_error: float = 0.0


def fit(rows: pd.DataFrame, gpu: Gpu, model: Model, cache_tokens: int) -> Shares:
    """Least mean absolute logarithmic error, on rows that fit a cache of ``cache_tokens``."""
    rows = rows[errors.kv_tokens(rows) <= cache_tokens]
    kinds = errors.kind_of(rows)
    usual = (rows["sequences"] >= USUAL_SEQUENCES) & (rows["context"] >= USUAL_CONTEXT)
    groups = {
        "prefill": rows[kinds == "prefill"],
        "decode": rows[(kinds == "decode") & usual],
        "mixed": rows[(kinds == "mixed") & usual],
    }

    def error(kind: str, shares: Shares) -> float:
        timer = FormulaAttentionTimer(FormulaAttention(**numbers(gpu, model, shares, row_tile=64)))
        of_kind = groups[kind]
        predicted = errors.predicted_us(timer, of_kind, model.layers)
        return float(np.abs(np.log(predicted / of_kind["us"].to_numpy())).mean())

    def best(kind: str, names: tuple[str, ...], start: Shares) -> Shares:
        def shares(logs: Vector) -> Shares:
            return replace(start, **dict(zip(names, np.exp(logs).tolist(), strict=True)))

        def objective(logs: Vector) -> float:
            return error(kind, shares(logs))

        logs = [math.log(getattr(start, name)) for name in names]
        return shares(minimize(objective, logs, method="Nelder-Mead").x)

    shares = Shares(0.85, 0.7, 10.0, 10.0, 0.8, 2.0)
    shares = best("decode", ("bandwidth", "decode_launch_us"), shares)
    shares = best("prefill", ("rate", "prefill_launch_us", "own_share"), shares)
    shares = best("mixed", ("mixed_decode_factor",), shares)
    return replace(
        shares,
        decode_error=error("decode", shares),
        prefill_error=error("prefill", shares),
        mixed_error=error("mixed", shares),
    )


def numbers(gpu: Gpu, model: Model, shares: Shares, row_tile: int) -> dict[str, Any]:
    """Arguments of ``FormulaAttention`` for a card that reaches these shares."""
    return {
        "layers": model.layers,
        "hidden": model.heads * model.head_dim,
        "kv_bytes_per_token": model.kv_bytes_per_token,
        "kv_bandwidth_gbps": round(gpu.bandwidth_gbps * shares.bandwidth),
        "prefill_tflops": round(gpu.fp16_tflops * shares.rate, 1),
        "decode_launch_us": round(shares.decode_launch_us, 1),
        "prefill_launch_us": round(shares.prefill_launch_us, 1),
        "own_share": round(shares.own_share, 2),
        "mixed_decode_factor": round(shares.mixed_decode_factor, 2),
        "row_tile": row_tile,
        "wave_tokens": row_tile * gpu.multiprocessors // model.heads,
    }
