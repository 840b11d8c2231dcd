import math
from collections.abc import Callable

import numpy as np
import pytest

from slaibench.measure.steady import (
    Steadiness,
    SteadyVerdict,
    early_verdict,
    left_s,
    recording_steadiness,
    served_s,
    steadiness,
)
from tests.measure.queues import Run, many_servers, shortest_first, single_server
from tests.measure.recordings import Row, recording

STEADY, GROWING, CANNOT_TELL = Steadiness


def verdict(run: Run) -> SteadyVerdict:
    return steadiness(*run, stop_s=float(run.due_s[-1]))


def shares(simulate: Callable[[], Run], runs: int) -> dict[Steadiness, float]:
    states = [verdict(simulate()).state for _ in range(runs)]
    return {state: states.count(state) / runs for state in Steadiness}


@pytest.mark.parametrize(("load", "n"), [(0.5, 1000), (0.7, 1000), (0.8, 3000)])
def test_a_stable_queue_is_called_steady(load: float, n: int) -> None:
    rng = np.random.default_rng(31)
    share = shares(lambda: single_server(n, load, rng), 200)
    assert share[STEADY] >= 0.98
    assert share[GROWING] == 0


@pytest.mark.parametrize(("load", "most"), [(0.9, 0.03), (0.95, 0.2)])
def test_a_stable_queue_near_its_limit_cannot_tell_rather_than_grow(
    load: float, most: float
) -> None:
    rng = np.random.default_rng(31)
    share = shares(lambda: single_server(1250, load, rng), 300)
    assert share[GROWING] <= most
    assert share[CANNOT_TELL] >= 0.5


def test_longer_runs_near_the_limit_are_steady() -> None:
    rng = np.random.default_rng(31)
    share = shares(lambda: single_server(20_000, 0.9, rng), 40)
    assert share[STEADY] >= 0.95


@pytest.mark.parametrize(
    ("n", "load", "least"), [(1000, 1.1, 0.9), (3000, 1.05, 0.8), (1000, 1.2, 0.99)]
)
def test_an_overloaded_queue_grows_and_is_next_to_never_steady(
    n: int, load: float, least: float
) -> None:
    rng = np.random.default_rng(32)
    share = shares(lambda: single_server(n, load, rng), 200)
    assert share[GROWING] >= least
    assert share[STEADY] <= 0.01


def test_a_few_that_starve_are_growth() -> None:
    """Shortest first at 109 % of what the server does: every short request is served at once, and
    of the long ones, 2 % of all, half. The number in system drifts by less than 1 %."""
    rng = np.random.default_rng(33)
    share = shares(lambda: shortest_first(5000, 0.92, rng), 40)
    assert share[GROWING] >= 0.95
    assert share[STEADY] == 0
    growth = verdict(shortest_first(5000, 0.92, rng)).growth
    assert [growing.what for growing in growth] == [
        "number in system",
        "requests without a first token",
        "age of the oldest without a first token",
    ]
    assert 0 < growth[0].drift < 0.02
    assert growth[2].grows


def test_a_few_that_starve_in_a_short_run_are_not_called_steady() -> None:
    rng = np.random.default_rng(34)
    share = shares(lambda: shortest_first(1250, 0.92, rng), 100)
    assert share[STEADY] <= 0.02


def test_shortest_first_within_its_limit_is_steady() -> None:
    rng = np.random.default_rng(35)
    share = shares(lambda: shortest_first(5000, 0.7, rng), 30)
    assert share[STEADY] >= 0.95


def test_bursty_stable_arrivals_are_not_overload() -> None:
    rng = np.random.default_rng(33)
    share = shares(lambda: single_server(3000, 0.7, rng, gap_cv=2.0), 100)
    assert share[GROWING] <= 0.01
    assert share[STEADY] >= 0.95


def test_ramp_of_a_large_batch_is_not_overload() -> None:
    # Stays of 100 s in a run of 1,250 s: a third of it is spent filling.
    rng = np.random.default_rng(34)
    assert shares(lambda: many_servers(1000, 0.6, 100, rng), 50)[GROWING] <= 0.02
    share = shares(lambda: many_servers(1000, 1.3, 100, rng), 50)
    assert share[GROWING] >= 0.9
    assert share[STEADY] == 0


def test_a_number_in_system_that_grows_while_nobody_waits_cannot_tell() -> None:
    # All are served at once, and stay longer and longer: outputs may grow, or a cache may fill.
    due = np.arange(1.0, 2001.0)
    judged = steadiness(due, due + 0.1, due + 10 + 0.02 * due)
    assert judged.state is CANNOT_TELL
    assert judged.reason.startswith("number in system grows")
    assert judged.reason.endswith("nobody waits longer yet")
    in_system, *waiting = judged.growth
    assert in_system.grows
    assert not any(growing.grows for growing in waiting)


def test_one_long_wait_makes_no_growth_and_no_steady_run_either() -> None:
    due = np.arange(1.0, 2001.0)
    first = due + np.random.default_rng(36).exponential(2.0, 2000)
    calm = steadiness(due, first, first + 10)
    assert calm.state is STEADY
    first[1000] = 1300.0
    judged = steadiness(due, first, first + 10)
    assert judged.state is CANNOT_TELL
    assert "waited 299 s for its first token, over 10% of the" in judged.reason


def test_one_that_waits_to_the_end_is_growth() -> None:
    due = np.arange(1.0, 2001.0)
    first = due + np.random.default_rng(36).exponential(2.0, 2000)
    first[300] = math.nan
    judged = steadiness(due, first, first + 10)
    assert judged.state is GROWING
    assert judged.reason.startswith("age of the oldest without a first token grows")


def test_drain_after_the_last_arrival_does_not_count() -> None:
    due, first, end = single_server(1500, 1.3, np.random.default_rng(35))
    last = float(due[-1])
    assert end.max() > 1.2 * last
    drained = steadiness(due, first, end, stop_s=float(end.max()))
    cut = steadiness(
        due,
        np.where(first <= last, first, np.nan),
        np.where(end <= last, end, np.nan),
        stop_s=last,
    )
    assert drained.state is GROWING
    assert drained.growth == cut.growth
    assert drained.window_s is not None
    assert drained.window_s[1] == last
    assert 0.2 < drained.growth[0].drift < 0.4
    assert "grows" in drained.reason


def test_trend_or_drift_alone_is_not_growth() -> None:
    # A tiny but perfectly steady growth: the trend is certain, the drift is nothing.
    due = np.arange(1.0, 4001.0)
    first = due + 10 + 0.002 * due
    slow = steadiness(due, first, first + 1)
    waiting = slow.growth[1]
    assert waiting.trend_p < 1e-6
    assert waiting.drift < waiting.drift_needed
    assert slow.state is not GROWING
    # Service stops for a while in the middle, then catches up: no trend.
    held = (due > 1900) & (due < 2100)
    first = np.where(held, 2110.0, due + 10)
    assert steadiness(due, first, first + 1).state is not GROWING


@pytest.mark.parametrize(
    ("due", "stay", "why"),
    [
        (np.arange(1.0, 60.0), 1.0, "arrivals in the window, 100 needed"),
        (np.zeros(500), 9.0, "0 arrivals in the window"),  # a burst has no window
        (np.empty(0), 1.0, "0 arrivals in the window"),
        (np.arange(1.0, 301.0), 140.0, "a run of 300 s is too short to fill (280 s)"),
    ],
)
def test_too_little_cannot_tell(due: np.ndarray, stay: float, why: str) -> None:
    judged = steadiness(due, due + 0.5, due + stay)
    assert judged.state is CANNOT_TELL
    assert why in judged.reason


def test_few_independent_requests_cannot_tell() -> None:
    """One busy period may be all that a run saw, however many requests were in it."""
    due = np.arange(1.0, 1201.0)
    waits = np.where((due > 400) & (due < 640), 30.0, 1.0)
    judged = steadiness(due, due + waits, due + 40.0)
    assert judged.state is CANNOT_TELL
    assert "independent ones, 30 needed" in judged.reason


def test_extreme_overload_is_seen_although_the_first_requests_stay_for_long() -> None:
    assert verdict(single_server(1000, 20.0, np.random.default_rng(36))).state is GROWING
    due = single_server(1000, 20.0, np.random.default_rng(36)).due_s
    never = np.full(1000, np.nan)
    assert steadiness(due, never, never).state is GROWING  # nothing was ever served


def first_alarm(run: Run) -> float | None:
    for share in np.arange(0.05, 1.01, 0.05):
        if early_verdict(*run, now_s=share * run.due_s[-1]).state is GROWING:
            return float(share)
    return None


def test_early_verdict_never_stops_a_run_at_95_percent_load() -> None:
    rng = np.random.default_rng(37)
    alarms = [first_alarm(single_server(3000, 0.95, rng)) for _ in range(120)]
    assert sum(alarm is not None for alarm in alarms) == 0


@pytest.mark.parametrize("servers", [1, 30])
def test_early_verdict_stops_a_run_at_120_percent_load_well_before_its_end(servers: int) -> None:
    rng = np.random.default_rng(38)
    alarms = [first_alarm(many_servers(3000, 1.2, servers, rng)) for _ in range(20)]
    assert sum(alarm is not None for alarm in alarms) >= 19
    assert np.median([alarm for alarm in alarms if alarm is not None]) <= 0.4


def test_early_verdict_knows_nothing_of_the_future() -> None:
    due, first, end = single_server(3000, 1.5, np.random.default_rng(39))
    now = 0.3 * due[-1]
    so_far = due <= now
    seen = early_verdict(
        due[so_far],
        np.where(first <= now, first, np.nan)[so_far],
        np.where(end <= now, end, np.nan)[so_far],
        now,
    )
    assert seen.state is GROWING
    assert early_verdict(due, first, end, now) == seen
    assert early_verdict(due, first, end, 0.05 * due[-1]).state is CANNOT_TELL


def test_who_leaves_and_who_waits() -> None:
    run = recording(
        [
            Row(0.0, [1.0, 2.0]),
            Row(1.0, [], "failed"),
            Row(2.0, [3.0, 3.5], "failed"),
            Row(3.0, [4.0], "timed_out"),
            Row(4.0, [], "timed_out"),
            Row(5.0, [], "unfinished"),
        ],
        end_s=9.0,
    )
    np.testing.assert_array_equal(left_s(run.requests), [2.0, 1.0, 3.5, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(served_s(run.requests), [1.0, 1.0, 3.0, 4.0, np.nan, np.nan])


def test_timeouts_do_not_hide_overload() -> None:
    due, _, end = single_server(1500, 1.5, np.random.default_rng(40))
    rows = [
        Row(d, [e] if e - d < 50 else [], "finished" if e - d < 50 else "timed_out")
        for d, e in zip(due.tolist(), end.tolist(), strict=True)
    ]
    assert recording_steadiness(recording(rows, float(due[-1]))).state is GROWING


def test_a_verdict_names_what_it_looked_at() -> None:
    judged = verdict(single_server(3000, 0.7, np.random.default_rng(41)))
    assert judged.state is STEADY
    assert "does not grow: drift" in judged.reason
    assert judged.window_s is not None
    assert math.isclose(judged.window_s[1], 4285, rel_tol=0.05)
