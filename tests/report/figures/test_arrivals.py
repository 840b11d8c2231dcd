"""The arrival audit's figure holds gaps against what was declared."""

from __future__ import annotations

import numpy as np
import pytest

from slaibench.report.figures.arrivals import declared_quantiles, declared_shares
from slaibench.workloads.arrivals import ArrivalProcess, due_times

LEVELS = np.array([0.1, 0.5, 0.9, 0.99])


def test_quantiles_of_exponential_gaps_are_those_of_the_formula() -> None:
    quantiles = declared_quantiles(ArrivalProcess.parse("poisson"), LEVELS)
    assert quantiles == pytest.approx(-np.log(1 - LEVELS))


def test_truncated_gaps_end_at_three_means() -> None:
    quantiles = declared_quantiles(ArrivalProcess.parse("poisson-truncated"), LEVELS)
    assert quantiles[:3] == pytest.approx(-np.log(1 - LEVELS[:3]))
    assert quantiles[3] == 3.0
    shares = declared_shares(ArrivalProcess.parse("poisson-truncated"), np.linspace(0, 3, 31))
    assert shares.sum() == pytest.approx(1.0)
    assert shares[-1] > np.exp(-3.0)


@pytest.mark.parametrize("text", ["poisson", "poisson-truncated", "gamma:cv=2", "gamma:cv=0.5"])
def test_generated_gaps_follow_the_declared_quantiles_and_shares(text: str) -> None:
    process = ArrivalProcess.parse(text)
    due = due_times(process, 1.0, 40_000, np.random.default_rng(5))
    gaps = np.diff(due)
    assert np.quantile(gaps, LEVELS) == pytest.approx(declared_quantiles(process, LEVELS), rel=0.08)
    edges = np.linspace(0, 4, 9)
    share = np.histogram(gaps, edges)[0] / len(gaps)
    assert share == pytest.approx(declared_shares(process, edges), abs=0.01)
