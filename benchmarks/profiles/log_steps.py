"""Times of single engine steps, read out of a log of whole requests, beside a profile's.

    python -m benchmarks.profiles.log_steps LOG.jsonl [--gpu rtx4090] [--model llama-3.1-8b]

For a log of vLLM with asynchronous scheduling, with ``scheduled_ts``, ``first_token_ts`` and
``last_token_ts`` of each request on the engine core's clock. Two kinds of spans are known to the
step:

- *drain*: from the last first token on, every request that is left gets a token a step, so that
  requests that share a first token give the number of steps; the places of the other last tokens
  are rounded to whole steps.
- *pairs*: a batch is decided when the output of the last but one is there. From ``scheduled_ts`` to
  the first token of a prompt that fits one batch, two steps pass: one of decodes and one with its
  chunk. Pairs in which another request is prefilled are left out: those of the log by its times;
  those of preempted requests, which it does not show, by ``MOST_OFF``.

Nothing is fitted to a log: what is printed says where a profile and an engine differ.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from slaibench.catalog import Profile, TableAttention, get_profile
from slaibench.costmodel import CostModel, spread_of

Array = npt.NDArray[np.float64]
SAME_S = 1e-3
"""Times of one step's events differ by less; steps take at least ten times as long."""
MOST_OFF = 0.06
"""A hidden prefill makes a pair at least 9 % longer than the model says, all others lie within."""
LARGEST_BATCH_TOKENS = 2000
DRAIN_STEPS = 60
"""Fewest steps of a printed span of the drain: rounding is within 1 step, 2 % of these."""
MUCH = 0.025
"""Pairs of which unequal contexts should make up more are scored apart."""


def read(path: Path) -> pd.DataFrame:
    """The log's requests by the time they were scheduled, seconds from the first one."""
    rows = pd.read_json(path, lines=True)
    times = [name for name in rows if name.endswith("_ts")]
    rows[times] -= rows["scheduled_ts"].min()
    return rows.sort_values("scheduled_ts").reset_index(drop=True)


def without_unequal(profile: Profile) -> Profile:
    """The profile with unequal contexts at their mean."""
    assert isinstance(profile.attention, TableAttention)
    return replace(profile, attention=replace(profile.attention, unequal=None))


def contexts_at(rows: pd.DataFrame, time_s: float) -> Array:
    """KV tokens of whoever decodes then, its tokens spread evenly from its first to its last."""
    active = rows[
        (rows["first_token_ts"] <= time_s + SAME_S) & (rows["last_token_ts"] > time_s + SAME_S)
    ]
    share = (time_s - active["first_token_ts"]) / (
        active["last_token_ts"] - active["first_token_ts"]
    )
    tokens = active["input_toks"] + 1 + (active["output_toks"] - 1) * share
    return np.asarray(tokens, dtype=np.float64)


def _batch_s(model: CostModel, contexts: Array, chunks: list[tuple[int, int]]) -> float:
    whole = np.rint(contexts).astype(int).tolist()
    return model.batch_time_s(len(whole), sum(whole), chunks, spread_of(whole))


def pairs(rows: pd.DataFrame, mean: CostModel, unequal: CostModel) -> pd.DataFrame:
    """Pairs of steps: seconds ``measured``, and by the models ``mean`` and ``unequal``."""
    spans = []
    batch = (rows["scheduled_ts"].diff() > 2 * SAME_S).cumsum()
    for _, prompts in rows.groupby(batch):
        start, end = prompts["scheduled_ts"].min(), prompts["first_token_ts"].max()
        first, scheduled = rows["first_token_ts"], rows["scheduled_ts"]
        in_between = (first > start + SAME_S) & (first < end - SAME_S)
        in_between |= (scheduled < start - SAME_S) & (first > start + SAME_S)
        contexts = contexts_at(rows, start)
        one_batch = end - prompts["first_token_ts"].min() < SAME_S
        tokens = prompts["input_toks"].sum()
        if not one_batch or in_between.any() or tokens > LARGEST_BATCH_TOKENS or not len(contexts):
            continue
        chunks = [(int(prompt), 0) for prompt in prompts["input_toks"]]
        by_model = [
            _batch_s(model, contexts, []) + _batch_s(model, contexts + 1, chunks)
            for model in (mean, unequal)
        ]
        spans.append((end - start, *by_model, len(contexts), tokens))
    out = pd.DataFrame(spans, columns=["measured", "mean", "unequal", "decodes", "tokens"])
    return out[(out["mean"] / out["measured"] - 1).abs() < MOST_OFF]


def drain(rows: pd.DataFrame, mean: CostModel, unequal: CostModel) -> Iterator[tuple[float, ...]]:
    """Spans after the last first token: (most decodes, fewest, steps, seconds, by both models)."""
    start = rows["first_token_ts"].max()
    left = rows[rows["last_token_ts"] > start].sort_values("last_token_ts")
    newest = left[left["first_token_ts"] > start - SAME_S]
    anchors_s = [start, *newest["last_token_ts"]]
    anchor_steps = [0, *(newest["output_toks"] - 1)]
    last_s = left["last_token_ts"].to_numpy()
    steps = np.rint(np.interp(last_s, anchors_s, anchor_steps)).astype(int)

    def totals(model: CostModel) -> Array:
        """Seconds from the start to the end of each step."""
        times = [0.0]
        for step in range(1, int(steps.max()) + 1):
            here = steps >= step
            ends = (left["input_toks"] + left["output_toks"]).to_numpy()[here] - 1
            contexts = np.asarray(ends - (steps[here] - step), dtype=np.float64)
            times.append(times[-1] + _batch_s(model, contexts, []))
        return np.array(times)

    # Steps get shorter as requests leave: between the anchors, places follow the model's times.
    for _ in range(5):
        by_mean = totals(mean)
        model_s = np.interp(last_s, anchors_s, by_mean[anchor_steps])
        steps = np.rint(np.interp(model_s, by_mean, np.arange(len(by_mean)))).astype(int)
    by_mean, by_unequal = totals(mean), totals(unequal)
    before, before_s = 0, float(start)
    for step, time_s in sorted(zip(steps.tolist(), last_s.tolist(), strict=True)):
        if step - before < DRAIN_STEPS:
            continue
        most, fewest = (int((steps >= at).sum()) for at in (before + 1, step))
        model_s = (totals_s[step] - totals_s[before] for totals_s in (by_mean, by_unequal))
        yield (most, fewest, step - before, time_s - before_s, *map(float, model_s))
        before, before_s = step, time_s


def line(values: pd.DataFrame, wanted: Callable[[pd.DataFrame], pd.Series[float]]) -> str:
    """Mean and standard deviation of relative errors."""
    errors = wanted(values) / values["measured"] - 1
    return f"{errors.mean():+.1%} ± {errors.std():.1%}"


def regression(over: pd.Series[float], of: pd.Series[float]) -> tuple[Array, Array]:
    """Straight line by least squares: (intercept, slope), and their standard errors."""
    columns = np.stack([np.ones(len(of)), of.to_numpy()], axis=1)
    numbers, *_ = np.linalg.lstsq(columns, over.to_numpy(), rcond=None)
    left = over.to_numpy() - columns @ numbers
    spread = (left @ left) / (len(left) - 2) * np.linalg.inv(columns.T @ columns)
    return numbers, np.sqrt(spread.diagonal())


def main() -> None:
    """Print the spans."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("log", type=Path)
    parser.add_argument("--gpu", default="rtx4090")
    parser.add_argument("--model", default="llama-3.1-8b")
    options = parser.parse_args()
    profile = get_profile(options.gpu, options.model)
    mean, unequal = CostModel(without_unequal(profile)), CostModel(profile)
    rows = read(options.log)
    print("drain: ms a step; error with contexts at their mean, and with unequal ones")
    for most, fewest, steps, measured_s, *model_s in drain(rows, mean, unequal):
        off = ", ".join(f"{time_s / measured_s - 1:+.1%}" for time_s in model_s)
        print(
            f"  {most:.0f} to {fewest:.0f} decodes, {steps:.0f} steps: "
            f"{measured_s / steps * 1e3:.2f}; {off}"
        )
    spans = pairs(rows, mean, unequal)
    much = spans["unequal"] / spans["mean"] - 1 > MUCH
    print("pairs: error with contexts at their mean, and with unequal ones")
    for name, some in (
        ("all", spans),
        (f"unequal ones make up more than {MUCH:.1%}", spans[much]),
        ("less", spans[~much]),
    ):
        both = [line(some, lambda values, key=key: values[key]) for key in ("mean", "unequal")]
        print(f"  {name}: {len(some)}; {both[0]}; {both[1]}")
    print(
        f"  {spans['decodes'].min():.0f} to {spans['decodes'].max():.0f} decodes, "
        f"{spans['measured'].min() * 1e3:.0f} to {spans['measured'].max() * 1e3:.0f} ms a pair"
    )
    numbers, errors = regression(
        spans["measured"] / spans["mean"] - 1, spans["unequal"] / spans["mean"] - 1
    )
    print(
        f"  measured / mean = 1 {numbers[0]:+.3f} (± {errors[0]:.3f}) + {numbers[1]:.2f} "
        f"(± {errors[1]:.2f}) * what unequal contexts add"
    )
    numbers, errors = regression(spans["unequal"] - spans["measured"], spans["unequal"])
    print(
        f"  model - measured = {numbers[0] * 1e3:.1f} (± {errors[0] * 1e3:.1f}) ms "
        f"+ {numbers[1]:.1%} (± {errors[1]:.1%}) of the model"
    )


if __name__ == "__main__":
    main()
