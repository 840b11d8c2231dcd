"""Why unequal contexts cost more, and whether a form fitted to two contexts holds for many.

    python -m benchmarks.profiles.waves FOLDER

A batch of decodes as FlashAttention 2 runs it once it no longer splits sequences: a block of work
for each sequence and KV head, all sequences of a head before the next head, one block at a time on
each multiprocessor. A block reads at most so fast, and all together at most as fast as the memory
gives. One number is free, the rate of a block against a fair share of the memory's; it is chosen on
every second measured row (FOLDER holds the raw tables), scored on the others.

Measured batches hold two contexts; those of a server hold many. With the number chosen, the form of
the profile is compared with this model on such batches.
"""

from __future__ import annotations

import argparse
import heapq
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.profiles import raw, rtx, unequal
from slaibench.catalog import TableAttention, get_gpu, get_profile
from slaibench.costmodel.table_attention import TableAttentionTimer
from slaibench.workloads.arrivals import ArrivalProcess
from slaibench.workloads.generate import generate
from slaibench.workloads.registry import resolve
from slaibench.workloads.request import Request

Array = npt.NDArray[np.float64]
KV_HEADS = 8
UNSPLIT = {"rtx4090": (32, 64, 128), "rtx-pro-6000": (64, 128, 256)}
"""Numbers of decodes, of those measured, that fill the card without splitting sequences."""
SHORTEST = 256
"""Contexts below take a launch's time, which the model lacks."""
RATES = np.arange(1.5, 5.01, 0.25)
SPREAD = 40
"""Batches of many contexts for each number of decodes."""


def work_s(contexts: Sequence[float], slots: int, rate: float) -> float:
    """When the last block ends, in units in which the whole memory gives one token a second.

    Args:
        slots: blocks that run at a time.
        rate: of one block at most, as a multiple of the memory's fair share with all running.
    """
    blocks = [float(context) for _ in range(KV_HEADS) for context in contexts]
    running = blocks[:slots]
    heapq.heapify(running)
    following = slots
    now_s = read = 0.0
    while running:
        share = min(rate / slots, 1 / len(running))
        # All that run have read as much since the start of the first: a common clock of tokens.
        end = heapq.heappop(running)
        now_s += (end - read) / share
        read = end
        if following < len(blocks):
            heapq.heappush(running, read + blocks[following])
            following += 1
    return now_s


def share_added(contexts: Sequence[float], slots: int, rate: float) -> float:
    """What unequal contexts add to as many of their mean, as a share of the latter's time."""
    mean = float(np.mean(contexts))
    return work_s(contexts, slots, rate) / work_s([mean] * len(contexts), slots, rate) - 1


def errors(rows: pd.DataFrame, slots: int, rate: float) -> Array:
    """Of the share added, on measured rows."""
    model = [
        share_added(unequal.contexts_of(row), slots, rate) for row in rows.itertuples(index=False)
    ]
    return np.asarray(np.array(model) - (rows["extra_us"] / rows["us_mean"]).to_numpy())


def main() -> None:
    """Print the scores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    poisson = ArrivalProcess.parse("poisson")
    requests = generate(
        resolve("sharegpt4-model"), poisson, rate_rps=1.0, num_requests=4000, seed=0
    )
    for gpu, counts in UNSPLIT.items():
        rows = rtx.unequal_rows(folder, gpu)
        chosen = (rows["kind"] == "decode") & rows["sequences"].isin(counts)
        fit_to, scored = unequal.left_out(rows[chosen & (rows["shortest"] >= SHORTEST)])
        slots = get_gpu(gpu).multiprocessors
        rate = float(min(RATES, key=lambda some: np.abs(errors(fit_to, slots, some)).mean()))
        nothing = (scored["extra_us"] / scored["us_mean"]).to_numpy()
        print(
            f"{gpu}: a block reads at most {rate:.2f} of a fair share; share added, mean error on "
            f"{len(scored)} rows left out: {np.abs(errors(scored, slots, rate)).mean():.1%} "
            f"(of nothing: {np.abs(nothing).mean():.1%})"
        )
        attention = get_profile(gpu, rtx.MEASURED.name).attention
        assert isinstance(attention, TableAttention)
        assert attention.unequal is not None
        timer, numbers = TableAttentionTimer(attention), attention.unequal
        random = np.random.default_rng(1)
        for count in counts:
            ns = float(np.interp(count, numbers.decode_sequences, numbers.decode_ns))
            model, form = [], []
            for _ in range(SPREAD):
                contexts = _many_contexts(requests, count, random)
                model.append(share_added(contexts.tolist(), slots, rate))
                mean_us = timer.decode_s(count, int(contexts.sum())) * 1e6 / raw.LAYERS
                weighted = float(np.average(contexts, weights=contexts))
                form.append(ns * 1e-3 * (contexts.max() - weighted) / mean_us)
            print(
                f"  {count} decodes of many contexts: model {np.mean(model):.1%}, "
                f"profile's form {np.mean(form):.1%}"
            )


def _many_contexts(requests: Sequence[Request], count: int, random: np.random.Generator) -> Array:
    """Of requests in the middle of their output, chosen by how long they decode."""
    prompt = np.array([request.prompt_tokens for request in requests])
    output = np.array([request.output_tokens for request in requests])
    picked = random.choice(len(prompt), count, p=output / output.sum())
    return np.asarray(prompt[picked] + random.random(count) * output[picked])


if __name__ == "__main__":
    main()
