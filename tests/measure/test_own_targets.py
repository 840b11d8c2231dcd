from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slaibench.measure.own_targets import (
    fair_shares,
    goodput,
    jain_index,
    meets_own,
    own_targets,
)
from slaibench.recording.record import Outcome, RequestTable

FINISHED, UNFINISHED = Outcome.FINISHED.value, Outcome.UNFINISHED.value


def table(*tokens_s: list[float], **columns: list[object]) -> RequestTable:
    """Requests due at 0, 1, 2, ... with tokens at these times; finished with three of them."""
    num = len(tokens_s)
    counts = np.array([len(times) for times in tokens_s])
    plain = RequestTable(
        request_id=np.arange(num),
        due_s=np.arange(float(num)),
        sent_s=np.arange(float(num)),
        first_scheduled_s=np.array([times[0] if times else np.nan for times in tokens_s]),
        prompt_tokens=np.full(num, 10),
        output_tokens=np.full(num, 3),
        tier=np.full(num, "all"),
        tbt_slo_s=np.full(num, 1.0),
        outcome=np.where(counts == 3, FINISHED, UNFINISHED),
        error=np.full(num, ""),
        num_preemptions=np.zeros(num, dtype=np.int64),
        token_offsets=np.concatenate([[0], np.cumsum(counts)]),
        token_times_s=np.array([time for times in tokens_s for time in times]),
    )
    return replace(plain, **{name: np.array(values) for name, values in columns.items()})


def counted(requests: RequestTable, stop_s: float) -> list[int]:
    """Of the requests that goodput counts, which it counts for."""
    decided = goodput(requests, stop_s)
    assert decided is not None
    return decided.met[decided.known].astype(int).tolist()


def test_who_meets_every_target() -> None:
    requests = table(
        [0.5, 1.5, 2.5],
        [3.5, 3.6, 3.7],  # the first token 2.5 s after it was due
        [2.5, 4.0, 4.1],  # the second one behind its deadline
        [3.5],  # not finished
        ttft_slo_s=[1.0, 1.0, 1.0, 1.0],
    )
    assert meets_own(requests).tolist() == [True, False, False, False]
    assert counted(requests, 10.0) == [1, 0, 0, 0]
    # At 4 s the last one's next token is not late: it counts nowhere.
    assert counted(requests, 4.0) == [1, 0, 0]


def test_who_waits_for_a_first_token_is_undecided_until_it_is_due() -> None:
    requests = table([0.5, 1.0, 1.5], [], ttft_slo_s=[5.0, 5.0])
    assert counted(requests, 5.9) == [1]
    assert counted(requests, 6.1) == [1, 0]


def test_what_a_load_does_not_have_is_none() -> None:
    requests = table([0.5, 1.0, 1.5], [1.5, 2.0, 2.5])
    assert goodput(requests, 9.0) is None
    plain = own_targets(requests, (0.0, 9.0))
    assert {getattr(plain, name) for name in plain.__slots__} == {None}


def test_hits_turns_and_sessions() -> None:
    requests = table(
        [0.5, 1.0, 1.5],
        [3.0, 3.5, 4.0],
        [2.25, 3.0, 3.5],
        [],
        session=[0, 0, 1, 1],
        turn=[1, 2, 1, 2],
        cached_tokens=[0, 8, 0, 0],
    )
    own = own_targets(requests, (0.0, 9.0))
    assert own.prefix_hit_share == 8 / 30
    assert own.ttft_p50_first_turn_s == 0.25
    assert own.ttft_p50_later_turns_s == 2.0
    assert own.sessions_served_share == 0.5
    lost = replace(requests, token_offsets=np.array([0, 3, 3, 6, 6]))
    lost = replace(lost, token_times_s=requests.token_times_s[[0, 1, 2, 6, 7, 8]])
    assert own_targets(lost, (0.0, 9.0)).ttft_p50_later_turns_s == math.inf


def test_fairness_is_of_shares_that_max_min_gives() -> None:
    """b asks for little and gets it: that a gets more is no unfairness."""
    requests = table(*([0.5, 1.0, 1.5], [1.5, 2.0, 2.5], [2.5, 3.0, 3.5]), tenant=["a", "a", "b"])
    assert own_targets(requests, (0.0, 9.0)).tenant_fairness == pytest.approx(1.0)
    # Nothing for b, half for a: served 32 of a, fair 16 each.
    starved = table([0.5, 1.0, 1.5], [1.5, 2.0, 2.5], [], [], tenant=["a", "a", "b", "b"])
    assert own_targets(starved, (0.0, 9.0)).tenant_fairness == pytest.approx(0.5)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=6), st.floats(0, 300))
def test_fair_shares_are_max_min(demands: list[float], capacity: float) -> None:
    asked = np.array(demands)
    shares = fair_shares(asked, capacity)
    assert (shares <= asked + 1e-9).all()
    assert shares.sum() == pytest.approx(min(capacity, asked.sum()), abs=1e-6)
    short = shares < asked - 1e-6
    if short.any():  # all who do not get what they ask for get the same, and nobody gets more
        assert np.ptp(shares[short]) < 1e-6
        assert shares.max() <= shares[short].min() + 1e-6


@pytest.mark.parametrize(("values", "index"), [([3, 3, 3], 1.0), ([5, 0, 0, 0], 0.25), ([0], 1.0)])
def test_jain(values: list[float], index: float) -> None:
    assert jain_index(np.array(values, dtype=np.float64)) == index
