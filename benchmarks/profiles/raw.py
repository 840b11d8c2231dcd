"""Reading the raw tables that profiles are made of (times of one layer, per kernel)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

LAYERS = 32
"""Of every model that was measured."""

ONCE = ("embedding", "final_layernorm")
TWICE_A_LAYER = ("layernorm",)


def linear_ms(folder: Path, stem: str) -> pd.Series[float]:
    """Batch time of everything but attention, head and sampler, by token count (vLLM tables)."""
    raw = pd.read_csv(folder / f"{stem}_dense.csv")
    times = raw.pivot(index="tokens", columns="layer", values="time_us")
    total = pd.Series(0.0, index=times.index)
    for layer in times.columns:
        count = 1 if layer in ONCE else LAYERS * (2 if layer in TWICE_A_LAYER else 1)
        total += times[layer] * count
    return total / 1e3


def per_sequence_ms(folder: Path, stem: str, vocab_share: float = 1.0) -> pd.Series[float]:
    """Output head plus sampler by number of sequences, the head scaled to another vocabulary."""
    raw = pd.read_csv(folder / f"{stem}_per_sequence.csv")
    times = raw.pivot(index="sequences", columns="layer", values="time_us")
    return (times["lm_head"] * vocab_share + times["sampler"]) / 1e3


def attention_us(folder: Path, stem: str) -> pd.DataFrame:
    """Rows (chunk, history, sequences, context, us) of one layer's attention."""
    raw = pd.read_csv(folder / f"{stem}_attention.csv")
    return raw.set_axis(["chunk", "history", "sequences", "context", "us"], axis=1)


def vidur_layers_ms(folder: Path, stem: str) -> pd.DataFrame:
    """One layer's kernels by token count; repeated rows averaged (microsoft/vidur tables)."""
    raw = pd.read_csv(folder / f"{stem}_linear_layers.csv")
    raw.columns = [name.removesuffix("_ms") for name in raw.columns]
    return raw.groupby("num_tokens").mean()


def vidur_linear_ms(layers: pd.DataFrame) -> pd.Series[float]:
    """Batch time of all layers; the embedding runs once."""
    return layers.drop(columns="emb").sum(axis=1) * LAYERS + layers["emb"]
