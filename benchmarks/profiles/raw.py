"""Reading the raw tables that profiles are made of (times of one layer, per kernel)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

LAYERS = 32
"""Of every model that was measured."""

ONCE = ("embedding", "final_layernorm")
TWICE_A_LAYER = ("layernorm",)

ROUNDS_TOLERANCE = 0.03
"""How far from a whole number of rounds a median ratio may be; it is within 0.017 in both files."""


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


def unequal_us(folder: Path, stem: str) -> pd.DataFrame:
    """Rows of one layer's attention with decodes of two contexts, and of one.

    Columns: ``sequences`` decodes, ``long`` of which have a context of ``longest`` and the others
    one of ``shortest`` (``mean`` of all); ``chunk`` and ``history`` of the chunk beside (0: none);
    ``us`` as they are, ``us_mean`` with all decodes at the mean.

    The file's times are sums of several rounds where those of ``attention_us`` are means: both
    hold the same batches with all decodes at the longest context, and there the ratio is 3.00 in
    both files, with sums in whole nanoseconds and means in thirds of one.

    Raises:
        ValueError: the ratio is not near a whole number.
    """
    raw = pd.read_csv(folder / f"{stem}_attention_skew.csv.gz")
    alike = raw.merge(
        pd.read_csv(folder / f"{stem}_attention.csv"),
        left_on=["pc", "kp", "n", "kv_big"],
        right_on=["prefill_chunk", "kv_prefill", "n_decode", "kv_decode"],
    )
    ratio = float((alike["t_max_us"] / alike["time_us"]).median())
    rounds = round(ratio)
    if rounds < 1 or abs(ratio / rounds - 1) > ROUNDS_TOLERANCE:
        raise ValueError(
            f"{stem}: batches of equal contexts took {ratio:.3f} times as long in the table of "
            "unequal ones as in the other: these tables are not of the same kernels"
        )
    return pd.DataFrame(
        {
            "sequences": raw["n"],
            "long": raw["nb"],
            "chunk": raw["pc"],
            "history": raw["kp"],
            "shortest": raw["kvs"],
            "longest": raw["kv_big"],
            "mean": (raw["nb"] * raw["kv_big"] + (raw["n"] - raw["nb"]) * raw["kvs"]) / raw["n"],
            "us": raw["t_skew_us"] / rounds,
            "us_mean": raw["t_mean_us"] / rounds,
        }
    )


def vidur_layers_ms(folder: Path, stem: str) -> pd.DataFrame:
    """One layer's kernels by token count; repeated rows averaged (microsoft/vidur tables)."""
    raw = pd.read_csv(folder / f"{stem}_linear_layers.csv")
    raw.columns = [name.removesuffix("_ms") for name in raw.columns]
    return raw.groupby("num_tokens").mean()


def vidur_linear_ms(layers: pd.DataFrame) -> pd.Series[float]:
    """Batch time of all layers; the embedding runs once."""
    return layers.drop(columns="emb").sum(axis=1) * LAYERS + layers["emb"]
