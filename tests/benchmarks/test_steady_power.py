import numpy as np
import pytest

from benchmarks.steady_power import Queue, share, times
from slaibench.measure.steady import Steadiness


@pytest.mark.parametrize("servers", [1, 3])
def test_a_customer_begins_when_it_is_there_and_a_server_is_free(servers: int) -> None:
    due, start, left = times(Queue("", servers, 1.0), 0.9, 300, np.random.default_rng(1))
    for place in range(len(due)):
        leaving = np.sort(left[:place])
        free = leaving[-servers] if place >= servers else 0.0
        assert start[place] == max(due[place], free)


def test_overload_is_found_and_stopped() -> None:
    outcome = share((Queue("", 1, 1.0), 1.5, 1000, 20, 20, 0))
    assert outcome.states == {Steadiness.GROWING: 20}
    assert len(outcome.stopped) == 20
    assert all(0.3 < part < 1 for part in outcome.stopped)  # 400 arrivals at the least
