"""Closed forms of the papers, under their own batch-time model, for any distribution of lengths."""

from __future__ import annotations

import math

import numpy as np

from slaibench.costmodel import StaircaseCostModel
from slaibench.recording.record import FloatArray, IntArray


def request_time_s(
    model: StaircaseCostModel, prompt_tokens: IntArray, decodes: IntArray, chunk: int
) -> float:
    """The paper's T_R: mean time of a request's work in batches that fill whole tiles.

    ``(p + d) * (T_lin / t_col + 1 / mu)`` and attention, the prompt's in prefills of ``chunk``
    tokens and the decodes' one by one. No cost of a batch enters: the paper has none.

    Source: Bari, Hegde, de Veciana, arXiv 2508.01002, Sec. 4 (d: the output tokens after the one
    that the prefill yields).
    """
    token_s = model.t_lin_s / model.t_col_tokens + model.per_token_s
    prompts = prompt_tokens.astype(np.float64)
    # Chunks' pairs add up to the same however they are cut in this model.
    pairs = prompts * (prompts + 1) / 2
    context = decodes * prompts + decodes * (decodes + 1) / 2
    times = (
        (prompts + decodes) * token_s
        + model.prefill_attention_s * pairs
        + model.decode_attention_s * context
    )
    if chunk < 1:
        raise ValueError(f"chunk must be at least 1, not {chunk}")
    return float(times.mean())


def theorem_1_rps(
    model: StaircaseCostModel, prompt_tokens: IntArray, decodes: IntArray, chunk: int
) -> float:
    """The paper's Theorem 1 for one node: above ``1 / T_R`` no scheduler is stable."""
    return 1 / request_time_s(model, prompt_tokens, decodes, chunk)


def rad_limit_rps(
    model: StaircaseCostModel, prompt_tokens: IntArray, decodes: IntArray, chunk: int, tile: int
) -> float:
    """Ours: what RAD comes to when every batch of decodes fills its tile and cycles never end.

    Each prompt pays for its ``ceil(p / chunk)`` batches, the last of them not full, and for d
    shares of a batch of ``tile`` decodes, with all that a batch costs.
    """
    overhead_s = model.step_overhead_s
    whole, rest = np.divmod(prompt_tokens, chunk)
    sizes = np.arange(chunk + 1)
    linear: FloatArray = np.array(
        [model.batch_time_s(int(n), 0, []) + (overhead_s if n else 0.0) for n in sizes]
    )
    prefill = whole * linear[chunk] + linear[rest]
    decode = decodes * (model.batch_time_s(tile, 0, []) + overhead_s) / tile
    prompts = prompt_tokens.astype(np.float64)
    attention = model.prefill_attention_s * prompts * (prompts + 1) / 2
    attention = attention + model.decode_attention_s * (
        decodes * prompts + decodes * (decodes + 1) / 2
    )
    return 1 / float((prefill + decode + attention).mean())


def least_cycle(tile: int, longest_s: float, mean_s: float, slack: float) -> float:
    """Theorem 1's other half: with a longer cycle RAD is stable at ``1 - slack`` of the bound.

    ``cycle > (tile - 1) * T_max / (slack * T_R)``.

    Args:
        longest_s: T_max, the time of the longest request's work.
        mean_s: T_R.
    """
    return math.inf if slack <= 0 else (tile - 1) * longest_s / (slack * mean_s)


def work_conserving_rps(
    model: StaircaseCostModel, prompt_tokens: IntArray, decodes: IntArray, token_budget: int
) -> float:
    """LDP's boundary of schedulers that fill each batch to the budget: budget / t(budget) tokens a
    second, without attention (Li, Dai, Peng, arXiv 2504.07347, Theorem 1)."""
    batch_s = model.batch_time_s(token_budget, 0, []) + model.step_overhead_s
    tokens = float((prompt_tokens + decodes).mean())
    return token_budget / batch_s / tokens
