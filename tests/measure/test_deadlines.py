from itertools import groupby, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slaibench.measure.deadlines import TierDeadlines, deadlines, goodput_rps, late_tokens
from slaibench.measure.metrics import run_metrics
from tests.measure.recordings import Row, random_rows, recording


def kept_by(tokens: list[float], outcome: str = "finished", end_s: float = 100.0) -> TierDeadlines:
    run = recording([Row(0.0, tokens, outcome, tbt_slo_s=0.5)], end_s)
    return deadlines(run.requests, end_s)["free"]


def test_time_saved_may_be_spent_later_by_fluidity_but_not_by_gap() -> None:
    kept = kept_by([1.0, 1.1, 1.2, 2.2])  # due by fluidity at 1.5, 2.0, 2.5
    assert kept.fluidity.tokens_met == 1
    assert kept.fluidity.requests_met == 1
    assert kept.gap.tokens_met == pytest.approx(2 / 3)
    assert kept.gap.requests_met == 0
    assert kept.gap.worst_late_run == 1


def test_one_stall_makes_all_that_follow_late_by_fluidity_only() -> None:
    kept = kept_by([1.0, 3.0, 3.4, 3.8, 4.2])
    assert kept.fluidity.tokens_met == 0
    assert kept.fluidity.worst_late_run == 4
    assert kept.gap.tokens_met == 0.75
    assert kept.gap.worst_late_run == 1


def test_token_on_its_deadline_is_on_time() -> None:
    times = 0.3 + 0.5 * np.arange(50)
    kept = kept_by(times.tolist())
    assert (kept.fluidity.tokens_met, kept.gap.tokens_met) == (1, 1)
    late = kept_by([0.3, 0.8 + 1e-6])
    assert (late.fluidity.tokens_met, late.gap.tokens_met) == (0, 0)


def test_single_token_has_no_deadline() -> None:
    kept = kept_by([1.0])
    assert kept.gap.num_tokens == 0
    assert kept.gap.tokens_met is None
    assert kept.gap.requests_met == 1


def test_unfinished_requests_are_undecided_until_they_are_late() -> None:
    waiting = kept_by([1.0, 1.4], "unfinished", end_s=1.8)
    assert (waiting.gap.num_requests, waiting.gap.num_undecided) == (0, 1)
    assert waiting.gap.requests_met is None
    overdue = kept_by(
        [1.0, 1.4], "unfinished", end_s=1.95
    )  # 1.4 + 0.5 has passed, 1.0 + 2 * 0.5 not
    assert (overdue.gap.requests_met, overdue.gap.num_undecided) == (0, 0)
    assert overdue.fluidity.num_undecided == 1
    unserved = kept_by([], "unfinished")
    assert unserved.gap.num_undecided == 1
    failed = kept_by([1.0, 1.4], "failed")
    assert (failed.gap.requests_met, failed.gap.tokens_met) == (0, 1)


def test_worst_run_stays_within_a_request() -> None:
    rows = [Row(0.0, [1.0, 2.0, 3.0]), Row(0.0, [1.0, 2.0, 3.0, 4.0]), Row(0.0, [1.0, 2.0])]
    assert deadlines(recording(rows, 9.0).requests, 9.0)["free"].gap.worst_late_run == 3


@settings(deadline=None)
@given(st.integers(0, 2**31))
def test_equals_a_loop_over_tokens(seed: int) -> None:
    rows = random_rows(np.random.default_rng(seed), 25)
    run = recording(rows, 1e6)
    kept = deadlines(run.requests, 1e6)
    for tier in {row.tier for row in rows}:
        for rule in ("gap", "fluidity"):
            late_by_request = [slow_late(row, rule) for row in rows if row.tier == tier]
            share = getattr(kept[tier], rule)
            flat = [late for lates in late_by_request for late in lates]
            assert share.num_tokens == len(flat)
            if flat:
                assert share.tokens_met == pytest.approx(1 - sum(flat) / len(flat))
            longest = max(
                (sum(1 for _ in run_) for lates in late_by_request
                 for late, run_ in groupby(lates) if late),
                default=0,
            )  # fmt: skip
            assert share.worst_late_run == longest


def slow_late(row: Row, rule: str) -> list[bool]:
    times = list(row.tokens_s)
    if rule == "gap":
        return [b - a > row.tbt_slo_s + 1e-9 for a, b in pairwise(times)]
    return [t - times[0] > i * row.tbt_slo_s + 1e-9 for i, t in enumerate(times) if i]


def test_goodput_counts_requests_that_meet_all_of_theirs() -> None:
    rows = [
        Row(1.0, [1.2, 1.3], tier="paying", tbt_slo_s=0.1),
        Row(2.0, [2.2, 2.4], tier="paying", tbt_slo_s=0.1),  # a gap of 0.2
        Row(3.0, [3.2, 3.4]),
        Row(4.0, [8.0, 8.1]),  # TTFT 4 s
        Row(5.0, [5.2, 5.3], "failed"),
        Row(11.0, [11.1]),  # due outside the window
    ]
    requests = recording(rows, 20.0).requests
    assert goodput_rps(requests, (0.0, 10.0)) == pytest.approx(0.3)
    assert goodput_rps(requests, (0.0, 10.0), ttft_slo_s=1.0) == pytest.approx(0.2)
    by_tier = {"paying": 0.1, "free": 10.0}
    assert goodput_rps(requests, (0.0, 10.0), ttft_slo_s=by_tier) == pytest.approx(0.2)
    assert goodput_rps(requests, (0.0, 10.0), ttft_slo_s={"free": 1.0}) == pytest.approx(0.2)
    assert goodput_rps(requests, (5.0, 5.0)) is None


def test_the_request_due_at_the_cut_is_where_the_clock_starts_and_no_part_of_a_rate() -> None:
    rows = [Row(float(due), [due + 0.2]) for due in range(6)]
    run = recording(rows, 20.0)
    metrics = run_metrics(run, cut_s=2.0)
    assert metrics.window_s == (2.0, 5.0)
    assert metrics.num_measured == 4  # its latencies are those of any other
    assert goodput_rps(run.requests, metrics.window_s) == pytest.approx(3 / 3)
    assert metrics.throughput_rps == pytest.approx(3 / 3)


def test_what_is_due_when_the_run_starts_belongs_to_it() -> None:
    rows = [Row(0.0, [1.0 + place]) for place in range(4)]
    run = recording(rows, 8.0)
    window = run_metrics(run).window_s
    assert window == (0.0, 8.0)
    assert goodput_rps(run.requests, window) == pytest.approx(4 / 8)


def test_nothing_in_nothing_out() -> None:
    run = recording([], 1.0)
    assert deadlines(run.requests, 1.0) == {}
    assert goodput_rps(run.requests, (0.0, 1.0)) == 0
    with pytest.raises(ValueError, match="known: fluidity, gap"):
        late_tokens(run.requests, "soon")


def test_measured_from_the_cut_on() -> None:
    run = recording([Row(0.0, [1.0, 9.0]), Row(5.0, [5.1, 5.2])], 20.0)
    assert deadlines(run.requests, 20.0)["free"].gap.requests_met == 0.5
    assert deadlines(run.requests, 20.0, start_s=2.0)["free"].gap.requests_met == 1
