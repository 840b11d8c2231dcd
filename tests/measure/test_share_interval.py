"""Shares of requests whose neighbours share queues, against queues whose shares are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from slaibench.measure.share_interval import share_interval, share_size
from slaibench.recording.record import FloatArray
from tests.measure.queues import single_server


def waits(rng: np.random.Generator, load: float, num: int) -> FloatArray:
    """Waits in an M/M/1 queue, after it has filled."""
    run = single_server(num + 500, load, rng)
    return (run.first_s - run.due_s)[500:]


@pytest.mark.parametrize(("load", "num"), [(0.5, 1800), (0.8, 4000)])
@pytest.mark.parametrize("share", [0.9, 0.99])
def test_it_covers_the_share_of_a_queue(load: float, num: int, share: float) -> None:
    """P(wait > t) = load exp(-(1 - load) t) of an M/M/1 queue with service 1."""
    within = math.log(load / (1 - share)) / (1 - load)
    rng = np.random.default_rng(2)
    printed = covered = 0
    for _ in range(100):
        seeds = [waits(rng, load, num) for _ in range(3)]
        made = share_interval([(one <= within).astype(float) for one in seeds], seeds)
        if made.low is not None and made.high is not None:
            printed += 1
            covered += made.low <= share <= made.high
    assert printed >= 90
    assert covered >= 0.89 * printed


def test_independent_requests_have_the_exact_interval_of_a_binomial() -> None:
    """Clopper and Pearson for 95 of 100: 88.72 % to 98.36 %."""
    run = np.ones(100)
    run[[3, 21, 44, 67, 90]] = 0.0
    made = share_interval([run])
    assert (made.estimate, made.n) == (0.95, 100)
    assert 95 < share_size([run]) < 100  # less for what is not known of their correlation
    assert made.low is not None
    assert made.high is not None
    assert 0.884 < made.low < 0.8872
    assert 0.9836 < made.high < 0.986


def test_that_all_of_few_requests_met_their_targets_is_no_certainty() -> None:
    made, size = share_interval([np.ones(100)]), share_size([np.ones(100)])
    assert 95 < size < 100
    assert made.low == pytest.approx(0.025 ** (1 / size))
    assert made.high == 1.0
    none = share_interval([np.zeros(100)])
    assert (none.low, none.high) == (0.0, pytest.approx(1 - 0.025 ** (1 / size)))


def test_too_few_have_no_interval() -> None:
    few = share_interval([np.ones(59)])
    assert (few.estimate, few.low, few.high, few.n) == (1.0, None, None, 59)
    assert math.isnan(share_interval([np.empty(0)]).estimate)


def test_bursts_make_requests_worth_less() -> None:
    rng = np.random.default_rng(3)
    bursts = np.repeat(rng.random(40) > 0.2, 25).astype(float)
    alone = rng.permutation(bursts)
    assert share_size([bursts]) < share_size([alone]) / 5
    # Where no request is late, bursts are seen in what requests wait for.
    quiet = np.repeat(rng.random(40), 25)
    assert share_size([np.ones(1000)], [quiet]) < share_size([np.ones(1000)]) / 20
