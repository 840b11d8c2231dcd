"""A100, H100, H200: linear layers as microsoft/vidur measured them, the rest from datasheets.

What the two measured RTX cards reach of their peaks stands in for what was not measured here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.profiles import errors, formula, grid, raw, rtx
from slaibench.catalog import Model, get_gpu, get_model, kv_blocks

SOURCE = "microsoft/vidur, kernel times of one layer"
HEAD_FROM = "rtx-pro-6000"
KV = "memory model (0.9 utilization)"


def shares(folder: Path) -> formula.Shares:
    """Of the two RTX cards: the lower bandwidth and rate, the mean of the rest."""
    model = rtx.MEASURED
    first, second = (
        formula.fit(
            raw.attention_us(folder, stem), get_gpu(gpu), model, kv_blocks(model, get_gpu(gpu)) * 16
        )
        for gpu, stem in rtx.STEMS.items()
    )
    return formula.Shares(
        bandwidth=min(first.bandwidth, second.bandwidth),
        rate=min(first.rate, second.rate),
        decode_launch_us=(first.decode_launch_us + second.decode_launch_us) / 2,
        prefill_launch_us=(first.prefill_launch_us + second.prefill_launch_us) / 2,
        own_share=(first.own_share + second.own_share) / 2,
        mixed_decode_factor=(first.mixed_decode_factor + second.mixed_decode_factor) / 2,
        decode_error=max(first.decode_error, second.decode_error),
        prefill_error=max(first.prefill_error, second.prefill_error),
        mixed_error=max(first.mixed_error, second.mixed_error),
    )


def a100(folder: Path) -> dict[str, Any]:
    layers = raw.vidur_layers_ms(folder, "a100_llama-3-8b")
    return _profile(
        folder,
        "a100",
        get_model("llama-3.1-8b"),
        raw.vidur_linear_ms(layers),
        shares(folder),
        row_tile=64,
        status="fitted",
        notes=[
            "Linear layers were measured on this card with Llama-3-8B, which has the same ones."
        ],
    )


def h100(folder: Path) -> dict[str, Any]:
    return _profile(
        folder,
        "h100",
        get_model("llama-3.1-8b"),
        raw.vidur_linear_ms(_converted(folder)),
        _hopper(shares(folder)),
        row_tile=128,
        status="fitted",
        notes=[HOPPER_LAYERS, HOPPER_ATTENTION],
    )


def h200(folder: Path) -> dict[str, Any]:
    return _profile(
        folder,
        "h200",
        get_model("llama-3.1-8b"),
        raw.vidur_linear_ms(_converted(folder)),
        _hopper(shares(folder)),
        row_tile=128,
        status="datasheet",
        notes=[
            "Nothing was measured on this card: linear layers are the H100's, unchanged, though "
            "this card's memory is 1.43 times as fast, which small batches would gain from.",
            HOPPER_LAYERS,
            HOPPER_ATTENTION,
        ],
    )


HOPPER_LAYERS = (
    "Linear layers were measured on an H100 with Llama-2-7B. Each kind is scaled by its ratio of "
    "weights and operations: gate, up, down and activation by 14336/11008, query-key-value "
    "projection by 6144/12288, rotary embedding by 40/64. The scaled layers' own tile edges may "
    "lie elsewhere."
)
HOPPER_ATTENTION = (
    "FlashAttention 3 serves the query heads of a KV head together in mixed batches too, so "
    "decodes beside a chunk cost what they cost alone (assumed)."
)


def other_model(gpu: str, model: str) -> Callable[[Path], dict[str, Any]]:
    """Function of the folder: a model with the same layers as the pair it extends."""

    def build(folder: Path) -> dict[str, Any]:
        other = get_model(model)
        return {
            "extends": f"{gpu}_llama-3.1-8b",
            "model": other.name,
            "kv": {"blocks": kv_blocks(other, get_gpu(gpu)), "block_size": 16, "source": KV},
            "per_sequence": _per_sequence(folder, gpu, other),
        }

    return build


def _hopper(reached: formula.Shares) -> formula.Shares:
    return replace(reached, mixed_decode_factor=1.0)


def _converted(folder: Path) -> pd.DataFrame:
    """Llama-2-7B's layers on an H100, scaled to the shapes of Mistral-7B and Llama-3-8B."""
    old, new = get_model("llama-2-7b"), get_model("llama-3.1-8b")
    layers = raw.vidur_layers_ms(folder, "h100_llama-2-7b")
    mlp = new.intermediate / old.intermediate
    heads = (new.heads + 2 * new.kv_heads) / (old.heads + 2 * old.kv_heads)
    rotary = (new.heads + new.kv_heads) / (old.heads + old.kv_heads)
    return layers.assign(
        mlp_up_proj=layers["mlp_up_proj"] * mlp,
        mlp_act=layers["mlp_act"] * mlp,
        mlp_down_proj=layers["mlp_down_proj"] * mlp,
        attn_pre_proj=layers["attn_pre_proj"] * heads,
        attn_rope=layers["attn_rope"] * rotary,
    )


def _per_sequence(folder: Path, gpu: str, model: Model) -> dict[str, Any]:
    """Head and sampler of a measured card, the head scaled to bandwidth and vocabulary."""
    share = get_gpu(HEAD_FROM).bandwidth_gbps / get_gpu(gpu).bandwidth_gbps
    share *= model.vocab / rtx.MEASURED.vocab
    heads = raw.per_sequence_ms(folder, rtx.STEMS[HEAD_FROM], share)
    return {"sequences": heads.index.tolist(), "ms": [grid.significant(ms) for ms in heads]}


def _profile(
    folder: Path,
    gpu: str,
    model: Model,
    linear: pd.Series[float],
    reached: formula.Shares,
    *,
    row_tile: int,
    status: str,
    notes: list[str],
) -> dict[str, Any]:
    left_out = errors.linear_left_out(linear)
    return {
        "schema_version": 1,
        "gpu": gpu,
        "model": model.name,
        "status": status,
        "engine": "kernels of Sarathi-Serve (linear layers), fp16",
        "source": SOURCE,
        "licence": "MIT",
        "notes": [
            *notes,
            "Attention is a formula: shares of the datasheet's bandwidth and peak that measured "
            f"RTX cards reach ({reached.bandwidth:.2f} and {reached.rate:.2f}); on those cards it "
            "errs by the attention_formula figures.",
            "Output head and sampler are those of the RTX PRO 6000, the head scaled to this card's "
            "bandwidth and to the vocabulary.",
            rtx.NO_OVERHEAD,
        ],
        "regime": {
            "batch_tokens": min(int(linear.index[-1]), 16384),
            "context_tokens": 16384,
            "decodes": 256,
            "mixed_decodes": 128,
        },
        "errors": {
            "linear_left_out_mean": grid.significant(float(left_out.mean()), 2),
            "linear_left_out_max": grid.significant(float(left_out.max()), 2),
            "attention_formula_decode_mean": grid.significant(reached.decode_error, 2),
            "attention_formula_prefill_mean": grid.significant(reached.prefill_error, 2),
            "attention_formula_mixed_mean": grid.significant(reached.mixed_error, 2),
        },
        "kv": {"blocks": kv_blocks(model, get_gpu(gpu)), "block_size": 16, "source": KV},
        "step_overhead_ms": 0.0,
        "linear": {
            "tokens": [int(size) for size in linear.index if size <= 16384],
            "ms": [grid.significant(linear[size]) for size in linear.index if size <= 16384],
        },
        "per_sequence": _per_sequence(folder, gpu, model),
        "attention": {"kind": "formula"}
        | formula.numbers(get_gpu(gpu), model, reached, row_tile=row_tile),
    }
