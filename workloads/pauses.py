"""Lengths and pauses of one parameter, and streams to draw them from.

Each number takes one uniform number, so that the first do not depend on how many follow.
"""

from __future__ import annotations

import numpy as np

from slaibench.workloads.lengths import FloatArray, IntArray


def streams(rng: np.random.Generator, number: int) -> list[np.random.Generator]:
    """Generators of their own, told by the state of another one."""
    return [np.random.default_rng(int(seed)) for seed in rng.integers(2**63, size=number)]


def exponential(rng: np.random.Generator, number: int, mean: float) -> FloatArray:
    """Exponential numbers; of mean 0 all are 0."""
    drawn: FloatArray = -np.log1p(-rng.random(number)) * mean
    return drawn


def geometric(
    rng: np.random.Generator, number: int, mean: float | FloatArray, most: int
) -> IntArray:
    """Whole numbers from 1 on, each one more by the same chance: geometric.

    Args:
        mean: of all, or of each; at least 1, of which all are 1.
        most: larger ones are that.
    """
    with np.errstate(divide="ignore"):  # of mean 1 there is no chance of one more
        drawn = np.log1p(-rng.random(number)) / np.log1p(-1 / np.asarray(mean))
    whole: IntArray = 1 + np.minimum(np.floor(drawn), most - 1).astype(np.int64)
    return whole
