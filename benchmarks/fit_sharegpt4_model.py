"""Fit the statistical model of ShareGPT4's lengths to a trace and write its parameter file.

    python benchmarks/fit_sharegpt4_model.py path/to/sharegpt4_8k_lengths.csv [--output FILE]

Each quantile function is the least-squares fit of an ascending piecewise linear function to the
sorted values against their ranks. Its residuals add up to 0 (but where a knot rests on the bound at
0), so means are kept, and load depends on the means. Prints how far samples of the model are from
the trace; the same figures go into the file. Without --output it only prints.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from scipy import optimize, stats

from slaibench.workloads.lengths import FloatArray, Lengths
from slaibench.workloads.sharegpt4_model import ShareGpt4Model, model_from_json
from slaibench.workloads.table_file import read_table

MAX_TOTAL_TOKENS = 8192
MAX_OUTPUT_TOKENS = 1024
TAILS = (0.005, 0.01, 0.02, 0.035)
"""Ranks of knots near the ends, where the quantile functions bend most."""
PROMPT_RANKS = (0, *TAILS, *np.linspace(0.05, 0.95, 37), *(1 - t for t in reversed(TAILS)), 1)
OUTPUT_RANKS = (0, 0.01, 0.03, *np.linspace(0.1, 0.9, 9), 0.97, 0.99, 1)
GROUP_RANKS = (0, 0.05, *np.linspace(0.1, 1, 10))
SAMPLES = 1_000_000


def fit_quantiles(values: FloatArray, ranks: FloatArray) -> FloatArray:
    """Heights at ``ranks`` of the ascending piecewise linear function nearest to the values."""
    ordered = np.sort(values)
    at = (np.arange(len(ordered)) + 0.5) / len(ordered)
    hats = np.array([np.interp(at, ranks, row) for row in np.eye(len(ranks))]).T
    # Heights as a start (at least 0) plus steps (at least 0): bounds instead of constraints.
    steps = hats @ np.tril(np.ones((len(ranks), len(ranks))))
    return np.cumsum(optimize.lsq_linear(steps, ordered, bounds=(0, np.inf)).x)


def fit(lengths: Lengths) -> dict[str, Any]:
    """Parameters of the model of these lengths."""
    prompt, output = lengths.prompt_tokens, lengths.output_tokens
    prompt_ranks = np.array(PROMPT_RANKS, dtype=np.float64).round(6)
    output_ranks = np.array(OUTPUT_RANKS, dtype=np.float64).round(6)
    group_ranks = np.array(GROUP_RANKS, dtype=np.float64).round(6)
    share_of_room = output / np.minimum(MAX_OUTPUT_TOKENS, MAX_TOTAL_TOKENS - prompt)
    rank = (stats.rankdata(prompt, method="ordinal") - 0.5) / len(prompt)
    group = np.searchsorted(group_ranks[1:-1], rank, side="right")
    shares = [
        fit_quantiles(share_of_room[np.flatnonzero(group == index)], output_ranks)
        for index in range(len(group_ranks) - 1)
    ]
    return {
        "source": "fit to sharegpt4_8k_lengths.csv of agrimUT/SLAI (Apache-2.0): openchat "
        "ShareGPT4 rounds of at most 8192 tokens, Llama-2 tokenizer",
        "fitted_rows": len(lengths),
        "max_total_tokens": MAX_TOTAL_TOKENS,
        "max_output_tokens": MAX_OUTPUT_TOKENS,
        "prompt_ranks": prompt_ranks.tolist(),
        "prompt_tokens": np.round(
            fit_quantiles(prompt.astype(np.float64), prompt_ranks), 1
        ).tolist(),
        "group_ranks": group_ranks.tolist(),
        "output_ranks": output_ranks.tolist(),
        "output_shares": [np.round(np.minimum(row, 1), 4).tolist() for row in shares],
    }


def errors(model: ShareGpt4Model, lengths: Lengths) -> dict[str, float]:
    """How far a large sample of the model is from the lengths.

    ``ks_*``: Kolmogorov-Smirnov distance; ``mean_*``: relative error of the mean; ``spearman``:
    difference of the rank correlations; ``median_output_by_prompt_quintile``: largest relative
    error of the five medians.
    """
    sample = model.sample(SAMPLES, np.random.default_rng(0))
    edges = np.quantile(lengths.prompt_tokens, (0.2, 0.4, 0.6, 0.8))
    figures: dict[str, float] = {}
    for column in ("prompt_tokens", "output_tokens", "total_tokens"):
        real, modelled = getattr(lengths, column), getattr(sample, column)
        figures[f"ks_{column}"] = float(stats.ks_2samp(real, modelled, method="asymp").statistic)
        figures[f"mean_{column}"] = float(modelled.mean() / real.mean()) - 1
    medians = [
        [
            np.median(of.output_tokens[np.searchsorted(edges, of.prompt_tokens) == quintile])
            for quintile in range(5)
        ]
        for of in (lengths, sample)
    ]
    correlations = [
        stats.spearmanr(of.prompt_tokens, of.output_tokens).statistic for of in (lengths, sample)
    ]
    figures["spearman"] = float(correlations[1] - correlations[0])
    real_medians, modelled_medians = np.array(medians)
    figures["median_output_by_prompt_quintile"] = float(
        np.abs(modelled_medians / real_medians - 1).max()
    )
    return {name: round(float(value), 4) for name, value in figures.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("trace", type=Path, help="CSV with prompt_tokens and output_tokens")
    parser.add_argument("--output", type=Path, help="parameter file to write")
    arguments = parser.parse_args()
    lengths = read_table(arguments.trace).recorded
    parameters = fit(lengths)
    model = model_from_json(parameters)
    parameters["errors"] = errors(model, lengths)
    for name, value in parameters["errors"].items():
        print(f"{name:36} {value:+.4f}")
    print(f"{model.num_parameters} parameters for {len(lengths)} rows")
    if arguments.output:
        lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in parameters.items()]
        arguments.output.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
