import math

import numpy as np
import pytest

from slaibench.measure.tail import tail_of
from tests.measure.queues import shortest_first, single_server


@pytest.mark.parametrize("load", [0.5, 0.8])
def test_a_first_come_queue_has_the_same_tail_at_any_load(load: float) -> None:
    # Times in an M/M/1 are exponential: log 100 / log 2.
    rng = np.random.default_rng(1)
    queues = [single_server(20_000, load, rng) for _ in range(3)]
    tail = tail_of([queue.end_s - queue.due_s for queue in queues])
    assert tail is not None
    assert tail.ratio == pytest.approx(6.64, rel=0.15)
    assert tail.growth == pytest.approx(1.0, abs=0.3)


def test_who_starves_has_an_extreme_tail() -> None:
    rng = np.random.default_rng(2)
    queues = [shortest_first(5000, 0.92, rng) for _ in range(3)]
    tail = tail_of([queue.end_s - queue.due_s for queue in queues])
    assert tail is not None
    assert tail.ratio > 50


def test_a_tail_that_waits_longer_and_longer_grows() -> None:
    number = np.arange(4000)
    waits = np.random.default_rng(3).exponential(size=4000)
    tail = tail_of([np.where(number % 50 == 0, 10 + 0.02 * number, waits)])
    assert tail is not None
    # The 99th of a half lies in the middle of its long waits: at 3,000, against at 1,000.
    assert tail.growth == pytest.approx(70 / 30, rel=0.02)


def test_the_tail_by_hand_is_of_all_runs_together() -> None:
    runs = [np.arange(1.0, 1001.0), np.full(1000, 500.0)]
    tail = tail_of(runs)
    assert tail is not None
    pooled = np.concatenate(runs)
    assert tail.ratio == pytest.approx(np.quantile(pooled, 0.99) / np.median(pooled))
    halves = [
        np.concatenate([run[part] for run in runs]) for part in (slice(500), slice(500, None))
    ]
    first, second = (np.quantile(half, 0.99) for half in halves)
    assert tail.growth == pytest.approx(second / first)


def test_too_few_requests_have_no_tail() -> None:
    assert tail_of([np.ones(500), np.ones(499)]) is None
    assert tail_of([np.ones(500), np.ones(500)]) is not None
    assert tail_of([]) is None


def test_infinite_waits() -> None:
    starved = np.where(np.arange(2000) % 50 == 0, math.inf, 1.0)
    tail = tail_of([starved])
    assert tail is not None
    assert tail.ratio == math.inf
    assert tail.growth == 1.0  # both halves wait for ever: nothing that grows
    mostly = np.where(np.arange(2000) % 3 == 0, 1.0, math.inf)
    assert tail_of([mostly]) is None
    assert tail_of([np.zeros(2000)]) is None
