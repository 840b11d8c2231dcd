"""Closed forms of the papers, under their own batch-time model, for any distribution of lengths."""

from __future__ import annotations

import math

import numpy as np

from slaibench.costmodel import StaircaseCostModel
from slaibench.recording.record import FloatArray, IntArray


def request_time_s(
    model: StaircaseCostModel, prompt_tokens: IntArray, decodes: IntArray, chunk: int
) -> float:
    """The paper's T_R: mean time of a request's work in batches that fill whole tiles, seconds.

    ``(p + d) * (T_lin / t_col + 1 / mu)`` and attention, the prompt's in prefills of ``chunk``
    tokens and the decodes' one by one. No cost of a batch enters: the paper has none.

    Source: Bari, Hegde, de Veciana, arXiv 2508.01002, Sec. 4 (d: the output tokens after the one
    that the prefill yields). What attention costs is the model's, and so ours.

    Args:
        prompt_tokens, decodes: of each request.
        chunk: tokens of a prefill; the last one of a prompt has the rest. It counts through the
            tiles of attention that it does not fill: chunks of whole tiles all cost the same, and
            where tiles are of one token (no padding) so does every chunk.

    Raises:
        ValueError: ``chunk`` is less than 1.
    """
    token_s = model.t_lin_s / model.t_col_tokens + model.per_token_s
    linear_s = (prompt_tokens + decodes) * token_s
    return float((linear_s + _attention_s(model, prompt_tokens, decodes, chunk)).mean())


def theorem_1_rps(
    model: StaircaseCostModel,
    prompt_tokens: IntArray,
    decodes: IntArray,
    chunk: int,
    num_nodes: int = 1,
) -> float:
    """The paper's Theorem 1: above ``num_nodes / T_R`` no planner and no scheduler is stable.

    Under uniformly random routing each of r identical nodes is one node at rate / r.
    """
    return num_nodes / request_time_s(model, prompt_tokens, decodes, chunk)


def _attention_s(
    model: StaircaseCostModel, prompt_tokens: IntArray, decodes: IntArray, chunk: int
) -> FloatArray:
    """Attention of each request: its prompt in chunks, its decodes alone."""
    if chunk < 1:
        raise ValueError(f"chunk must be at least 1, not {chunk}")
    lengths, places = np.unique(prompt_tokens, return_inverse=True)
    starts = range(0, int(lengths.max(initial=0)), chunk)
    whole = np.cumsum([0, *(model.prefill_pairs(chunk, start) for start in starts)])
    pairs = [
        int(whole[length // chunk]) + model.prefill_pairs(length % chunk, length - length % chunk)
        for length in lengths.tolist()
    ]
    prefill_s = model.prefill_attention_s * np.array(pairs, dtype=np.float64)
    context = decodes * prompt_tokens.astype(np.float64) + decodes * (decodes + 1) / 2
    return np.asarray(prefill_s[places] + model.decode_attention_s * context)


def rad_limit_rps(
    model: StaircaseCostModel, prompt_tokens: IntArray, decodes: IntArray, chunk: int, tile: int
) -> float:
    """Ours: what RAD comes to when every batch of decodes fills its tile and cycles never end.

    Each prompt pays for its ``ceil(p / chunk)`` batches, the last of them not full, and for d
    shares of a batch of ``tile`` decodes, with all that a batch costs.
    """
    overhead_s = model.between_s(1)  # the same for every batch
    whole, rest = np.divmod(prompt_tokens, chunk)
    sizes = np.arange(chunk + 1)
    linear: FloatArray = np.array(
        [model.batch_time_s(int(n), 0, []) + (overhead_s if n else 0.0) for n in sizes]
    )
    prefill = whole * linear[chunk] + linear[rest]
    decode = decodes * (model.batch_time_s(tile, 0, []) + overhead_s) / tile
    attention = _attention_s(model, prompt_tokens, decodes, chunk)
    return 1 / float((prefill + decode + attention).mean())


def longest_request_s(
    model: StaircaseCostModel, prompt_tokens: IntArray, decodes: IntArray
) -> float:
    """T_max of Theorem 2: the most time that the work of one request can take, seconds.

    The paper's own definition is not known to us. Taken as the request of which every token has a
    batch to itself, ``(p + d) * (T_lin + 1 / mu)`` and its attention: no schedule takes longer
    over it.
    """
    token_s = model.t_lin_s + model.per_token_s
    alone_s = (prompt_tokens + decodes) * token_s
    return float((alone_s + _attention_s(model, prompt_tokens, decodes, 1)).max())


def least_cycle(tile: int, longest_s: float, mean_s: float, eps: float) -> float:
    """Theorem 2: with a longer cycle RAD and random routing are stable up to ``1 - eps`` of
    Theorem 1's bound.

    ``cycle > (tile - 1) * T_max / (eps * T_R)``; sufficient, not necessary.

    Source: Bari, Hegde, de Veciana, arXiv 2508.01002.

    Args:
        tile: requests that decode together.
        longest_s: T_max (``longest_request_s``).
        mean_s: T_R (``request_time_s``).
        eps: share of the bound that is given up; 0 or less: no cycle is long enough.
    """
    return math.inf if eps <= 0 else (tile - 1) * longest_s / (eps * mean_s)
