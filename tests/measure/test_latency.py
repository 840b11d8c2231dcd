import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slaibench.measure.latency import (
    LatencySummary,
    Reading,
    multi_token_reads,
    request_values,
    summarise,
    summarise_gaps,
    token_gaps,
)
from slaibench.recording.record import Recording
from tests.measure.recordings import NAN, Row, random_rows, recording

STRICT = Reading("strict", (0.5,), 10.0)
PAPER = Reading("paper", (0.5,), 10.0)


def slow_gaps(run: Recording) -> list[list[float]]:
    requests = run.requests
    return [
        np.diff(requests.token_times_s[a:b]).tolist()
        for a, b in zip(requests.token_offsets[:-1], requests.token_offsets[1:], strict=True)
    ]


@settings(deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 30))
def test_gaps_equal_a_loop_over_requests(seed: int, n: int) -> None:
    run = recording(random_rows(np.random.default_rng(seed), n), 1e6)
    slow = slow_gaps(run)
    gaps = token_gaps(run.requests)
    assert gaps.values.tolist() == [gap for gaps_ in slow for gap in gaps_]
    assert np.diff(gaps.offsets).tolist() == [len(gaps_) for gaps_ in slow]
    members = np.arange(n) % 3 == 0
    some = token_gaps(run.requests, members)
    assert some.values.tolist() == [gap for gaps_ in slow[::3] for gap in gaps_]
    assert len(some) == members.sum()


@settings(deadline=None)
@given(st.integers(0, 2**31))
def test_multi_token_reads_equal_a_loop(seed: int) -> None:
    run = recording(random_rows(np.random.default_rng(seed), 20), 1e6)
    reads = 0
    for gaps in slow_gaps(run):
        inside = False
        for gap in gaps:
            reads += gap == 0 and not inside
            inside = gap == 0
    assert multi_token_reads(token_gaps(run.requests)) == reads


def test_a_read_of_three_tokens_is_one_gap_and_two_zeros() -> None:
    run = recording([Row(0, [1.0, 1.5, 1.5, 1.5, 2.0]), Row(0, [2.0, 2.0])], 10)
    gaps = token_gaps(run.requests)
    assert gaps.values.tolist() == [0.5, 0, 0, 0.5, 0]
    assert multi_token_reads(gaps) == 2


def test_no_gap_crosses_from_one_request_to_the_next() -> None:
    run = recording([Row(0, [1.0]), Row(0), Row(0, [5.0, 6.0]), Row(0)], 10)
    assert token_gaps(run.requests).values.tolist() == [1.0]
    assert token_gaps(recording([Row(0)], 1).requests).values.tolist() == []


def rows() -> list[Row]:
    return [
        Row(0.0, [1.0, 1.2, 1.6], scheduled_s=0.5),
        Row(1.0, [4.0], scheduled_s=3.0),
        Row(2.0, [], "failed"),
        Row(3.0, [5.0, 6.0], "failed", scheduled_s=4.0),
        Row(4.0, [], "unfinished"),
        Row(5.0, [9.0], "unfinished", scheduled_s=8.0),
        Row(6.0, [], "timed_out"),
        Row(12.0, [], "unfinished"),  # not due before the run ends at 10
    ]


def test_values_by_request() -> None:
    requests = recording(rows(), 10.0).requests
    ttft = [1.0, 3.0, NAN, 2.0, math.inf, 4.0, math.inf, NAN]
    np.testing.assert_array_equal(request_values(requests, "ttft", 10.0), ttft)
    e2e = [1.6, 3.0, NAN, NAN, math.inf, math.inf, math.inf, NAN]
    np.testing.assert_array_equal(request_values(requests, "e2e", 10.0), e2e)
    queueing = [0.5, 2.0, NAN, 1.0, math.inf, 3.0, math.inf, NAN]
    np.testing.assert_array_equal(request_values(requests, "queueing", 10.0), queueing)
    tpot = request_values(requests, "tpot", 10.0)
    assert tpot[0] == pytest.approx(0.3)
    assert np.isnan(tpot[1:]).all()
    with pytest.raises(ValueError, match="known: ttft"):
        request_values(requests, "tbt", 10.0)


def test_queueing_delay_of_an_endpoint_is_unknown_not_infinite() -> None:
    requests = recording([Row(0.0, [1.0]), Row(1.0, [], "unfinished")], 10.0).requests
    assert np.isnan(request_values(requests, "queueing", 10.0)).all()
    summary = summarise(requests, "queueing", np.ones(2, dtype=bool), STRICT)
    assert (summary.n, summary.mean) == (0, None)


def test_no_failure_enters_a_latency_as_zero_and_waits_are_kept() -> None:
    requests = recording(rows(), 10.0).requests
    members = requests.due_s <= 10
    summary = summarise(requests, "ttft", members, STRICT)
    assert (summary.n, summary.unserved) == (6, 2)
    assert summary.mean == pytest.approx((1 + 3 + 2 + 4 + 6 + 4) / 6)  # two waited 6 and 4 s so far


def test_paper_takes_finished_requests_only() -> None:
    requests = recording(rows(), 10.0).requests
    summary = summarise(requests, "ttft", requests.due_s <= 10, PAPER)
    assert (summary.n, summary.unserved) == (2, 0)
    assert summary.percentile(0.5).value == 1.0


def test_paper_adds_a_zero_for_each_first_token() -> None:
    requests = recording(rows(), 10.0).requests
    gaps = token_gaps(requests)
    served = requests.num_tokens > 0
    strict = summarise_gaps(gaps, served, STRICT)
    paper = summarise_gaps(gaps, served, PAPER)
    assert strict.mean == pytest.approx((0.2 + 0.4 + 1.0) / 3)
    assert (strict.n, paper.n) == (2, 4)
    assert paper.percentile(0.5).value == 0.0


def test_gaps_count_by_the_requests_that_carry_them() -> None:
    def served(num_requests: int, num_gaps: int) -> LatencySummary:
        rows = [
            Row(float(i), [i + 0.1 * k for k in range(num_gaps + 1)], "finished")
            for i in range(num_requests)
        ]
        requests = recording(rows, 1e6).requests
        reading = Reading("strict", (0.5, 0.99), 10.0)
        return summarise_gaps(token_gaps(requests), requests.num_tokens > 0, reading)

    few = served(30, 200)
    assert few.n == 30
    assert few.percentile(0.5).value == pytest.approx(0.1)
    tail = few.percentile(0.99)
    assert (tail.value, tail.n) == (None, 30)
    assert tail.sample_value == pytest.approx(0.1)
    assert served(1000, 2).percentile(0.99).value == pytest.approx(0.1)
    assert served(999, 2).percentile(0.99).value is None
    assert served(50, 0).n == 0


def test_starvation_shows_in_the_tail_that_dropping_would_hide() -> None:
    served = [Row(float(i), [i + 0.2], "finished") for i in range(1900)]
    starved = [Row(10.0 * i, [], "unfinished") for i in range(100)]
    everyone = sorted(served + starved, key=lambda row: row.due_s)
    requests = recording(everyone, 2000.0).requests
    reading = Reading("strict", (0.5, 0.99), 2000.0)
    summary = summarise(requests, "ttft", np.ones(2000, dtype=bool), reading)
    assert summary.percentile(0.5).value == pytest.approx(0.2)
    assert summary.percentile(0.99).value == math.inf


def test_requests_that_came_just_before_the_end_do_not_disturb() -> None:
    # An ordinary run that is cut at its horizon: the last ones have waited for next to no time.
    rng = np.random.default_rng(1)
    due = np.sort(rng.uniform(0, 2000, 4000))
    first = due + rng.exponential(1.0, 4000)
    rows_ = [
        Row(d, [t] if t <= 2000 else [], "finished" if t <= 2000 else "unfinished")
        for d, t in zip(due.tolist(), first.tolist(), strict=True)
    ]
    requests = recording(rows_, 2000.0).requests
    reading = Reading("strict", (0.5, 0.99), 2000.0)
    summary = summarise(requests, "ttft", np.ones(4000, dtype=bool), reading)
    assert 0 < summary.unserved < 5
    assert summary.percentile(0.99).value == pytest.approx(np.quantile(first - due, 0.99), rel=0.02)
