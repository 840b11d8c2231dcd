"""RTX 4090 and RTX PRO 6000: every term from kernel times measured under vLLM 0.19."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.profiles import errors, grid, raw, unequal
from slaibench.catalog import get_gpu, get_model, kv_blocks
from slaibench.costmodel.cost_model import expand_steps

MEASURED = get_model("llama-3.1-8b")
SOURCE = "casys-kaist/LLMServingSim, kernel times under vLLM 0.19.0, tensor parallel 1"
STEMS = {"rtx4090": "rtx4090_llama-3.1-8b", "rtx-pro-6000": "rtxpro6000_llama-3.1-8b"}
NO_OVERHEAD = (
    "step_overhead_ms is 0: vLLM 0.19 prepares a step while the GPU runs the one before "
    "(asynchronous scheduling). Set it for an engine that does not."
)
KV_SOURCES = {
    "rtx4090": "reported by vLLM 0.19.0 on this card (0.9 utilization, batches of 2,048 tokens)",
    "rtx-pro-6000": "memory model (0.9 utilization)",
}


def profile(folder: Path, gpu: str) -> dict[str, Any]:
    """The measured pair, Llama-3.1-8B."""
    stem = STEMS[gpu]
    linear = raw.linear_ms(folder, stem)
    heads = raw.per_sequence_ms(folder, stem)
    rows = raw.attention_us(folder, stem)
    build = partial(
        grid.attention_table,
        layers=MEASURED.layers,
        heads=MEASURED.heads,
        multiprocessors=get_gpu(gpu).multiprocessors,
    )
    apart = unequal_rows(folder, gpu)
    attention = build(rows) | {"unequal": unequal.table(apart)}
    blocks = kv_blocks(MEASURED, get_gpu(gpu))
    return {
        "schema_version": 1,
        "gpu": gpu,
        "model": MEASURED.name,
        "status": "measured",
        "engine": "vLLM 0.19.0, bf16",
        "source": SOURCE,
        "licence": "MIT",
        "notes": [
            "Batch times are assembled from kernel times of one layer: 32 layers, two norms a "
            "layer, embedding and last norm once.",
            "Chunks and decodes in one batch run in one attention kernel, which reads the cache "
            "for decodes about twice as slowly as their own kernel does; measured, in the tables.",
            "The kernels were timed with decodes of equal context. What unequal ones cost beside "
            "their mean was timed with two contexts in a batch, one mostly 4 times the other, and "
            "fitted: nanoseconds for each KV token of the longest beyond the mean weighted by "
            "length (beside a chunk: and beyond its history).",
            NO_OVERHEAD,
        ],
        "regime": {
            "batch_tokens": int(linear.index[-1]),
            "context_tokens": int(rows["context"].max()),
            "decodes": int(rows["sequences"].max()),
            "mixed_decodes": int(rows.loc[rows["chunk"] > 0, "sequences"].max()),
        },
        "errors": _errors(linear, heads, rows, build, blocks * 16) | _unequal_errors(apart),
        "kv": {
            "blocks": blocks,
            "block_size": 16,
            "source": KV_SOURCES[gpu],
        },
        "step_overhead_ms": 0.0,
        "linear": {
            "tokens": linear.index.tolist(),
            "ms": [grid.significant(ms) for ms in linear],
        },
        "per_sequence": _per_sequence(heads),
        "attention": attention,
    }


def other_vocabulary(folder: Path, gpu: str, model: str) -> dict[str, Any]:
    """A model with the same layers and another vocabulary: the head scaled, the rest the same."""
    other = get_model(model)
    share = other.vocab / MEASURED.vocab
    return {
        "extends": f"{gpu}_{MEASURED.name}",
        "model": other.name,
        "notes": [
            f"{MEASURED.name} was measured; {other.name} has the same layers. Its vocabulary is "
            f"{other.vocab:,} instead of {MEASURED.vocab:,}: the output head's time is scaled by "
            "that ratio, the sampler's is left as it was.",
            "Chunks and decodes in one batch run in one attention kernel, which reads the cache "
            "for decodes about twice as slowly as their own kernel does; measured, in the tables.",
            NO_OVERHEAD,
        ],
        "kv": {
            "blocks": kv_blocks(other, get_gpu(gpu)),
            "block_size": 16,
            "source": "memory model (0.9 utilization)",
        },
        "per_sequence": _per_sequence(raw.per_sequence_ms(folder, STEMS[gpu], share)),
    }


def _per_sequence(heads: pd.Series[float]) -> dict[str, Any]:
    return {
        "sequences": heads.index.tolist(),
        "ms": [grid.significant(ms) for ms in heads],
    }


def _errors(
    linear: pd.Series[float],
    heads: pd.Series[float],
    rows: pd.DataFrame,
    build: Any,
    cache_tokens: int,
) -> dict[str, float]:
    """Relative errors: on all raw rows, and on rows left out of the tables.

    Only rows whose KV tokens fit the card's cache count: no engine runs the others, and the worst
    errors (60 %) lie there, where the decodes' keys outgrow the second-level cache.
    """
    every = rows.assign(
        predicted=errors.predicted_us(errors.timer_of(build(rows)), rows, raw.LAYERS)
    )
    out = errors.attention_left_out(rows, build, raw.LAYERS)
    attention, batch = {}, {}
    for name, rows_of in (("all_rows", every), ("left_out", out)):
        fits = rows_of[errors.kv_tokens(rows_of) <= cache_tokens]
        predicted, measured = fits["predicted"].to_numpy(), fits["us"].to_numpy()
        rest = _rest_ms(fits, linear, heads) * 1e3
        attention[name] = errors.relative(predicted, measured)
        batch[name] = errors.relative(rest + predicted * raw.LAYERS, rest + measured * raw.LAYERS)
    figures = {
        "batch_left_out_mean": batch["left_out"].mean(),
        "batch_left_out_p95": np.quantile(batch["left_out"], 0.95),
        "batch_all_rows_mean": batch["all_rows"].mean(),
        "batch_all_rows_max": batch["all_rows"].max(),
        "linear_left_out_mean": errors.linear_left_out(linear).mean(),
        "attention_left_out_mean": attention["left_out"].mean(),
    }
    return {name: grid.significant(float(value), 2) for name, value in figures.items()}


def unequal_rows(folder: Path, gpu: str) -> pd.DataFrame:
    """Measured rows of unequal contexts whose KV tokens fit the card's cache."""
    stem = STEMS[gpu]
    rows = raw.unequal_us(folder, stem)
    tokens = rows["chunk"] + rows["history"] + rows["sequences"] * rows["mean"]
    rows = rows[tokens <= 16 * kv_blocks(MEASURED, get_gpu(gpu))]
    rest = _rest_ms(rows, raw.linear_ms(folder, stem), raw.per_sequence_ms(folder, stem))
    return unequal.with_batch_us(rows, rest, raw.LAYERS)


def _unequal_errors(rows: pd.DataFrame) -> dict[str, float]:
    """Errors on batches of unequal contexts that were left out of the fit."""
    fit_to, scored = unequal.left_out(rows)
    extra = unequal.predicted_us(unequal.fitted(fit_to), scored)
    size = np.abs(unequal.errors(scored, extra, raw.LAYERS))
    figures = {
        "batch_unequal_left_out_mean": size.mean(),
        "batch_unequal_left_out_p95": np.quantile(size, 0.95),
    }
    return {name: grid.significant(float(value), 2) for name, value in figures.items()}


def _rest_ms(rows: pd.DataFrame, linear: pd.Series[float], heads: pd.Series[float]) -> Any:
    """Everything but attention of each row's batch."""
    tokens = (rows["chunk"] + rows["sequences"]).to_numpy()
    sequences = rows["sequences"].to_numpy() + (rows["chunk"] > 0).to_numpy()
    layers = expand_steps(linear.index.tolist(), linear.tolist(), int(tokens.max()))
    head = expand_steps(heads.index.tolist(), heads.tolist(), int(sequences.max()))
    return np.array(layers)[tokens] + np.array(head)[sequences]
