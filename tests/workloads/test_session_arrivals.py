"""When turns of sessions are due: the rate, a steady state, common random numbers, recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from slaibench.workloads import registry
from slaibench.workloads.arrivals import ArrivalProcess
from slaibench.workloads.content import Piece
from slaibench.workloads.errors import WorkloadError
from slaibench.workloads.generate import generate, num_recorded
from slaibench.workloads.schedule import check_schedule, followers_of
from slaibench.workloads.tiers import DEFAULT_TIERS, parse_tiers


def requests(text, arrivals="poisson", tiers=DEFAULT_TIERS, **changes):
    arguments = {"rate_rps": 4.0, "num_requests": 2000, "seed": 1} | changes
    made = generate(registry.resolve(str(text)), ArrivalProcess.parse(arrivals), tiers, **arguments)
    check_schedule(made)
    assert [r.request_id for r in made] == list(range(len(made)))
    assert len(made) == arguments["num_requests"]
    return made


def texts(request):
    """What a request asks, whenever it comes: its sizes and the streams of its prompt."""
    return (request.prompt_tokens, request.output_tokens, request.tier, request.pieces)


@pytest.mark.parametrize("arrivals", ["poisson", "gamma:cv=2", "constant"])
@pytest.mark.parametrize("text", ["chat:think=20", "agent:max_total=12000"])
def test_the_rate_is_that_of_requests_from_the_beginning_on(text, arrivals):
    """Over seeds, since turns of a session come together."""
    counts = np.array(
        [
            np.histogram(
                [r.due_s for r in requests(text, arrivals, num_requests=1500, seed=seed)],
                bins=[0, 100, 200, 300],
            )[0]
            for seed in range(12)
        ]
    )
    error = counts.std(axis=0) / np.sqrt(len(counts))
    assert (np.abs(counts.mean(axis=0) - 400) < 4 * error + 8).all(), counts


def test_a_run_begins_in_the_middle_of_sessions():
    number = np.array([r.turn.number for r in requests("chat:think=30", num_requests=4000)])
    first, last = number[:1000].mean(), number[-1000:].mean()
    assert first == pytest.approx(last, rel=0.12)
    assert number[:50].max() > 1


def test_a_turn_waits_for_the_one_before_where_that_is_in_the_run():
    made = requests("chat:turns=4,think=5")
    ids = {(r.turn.session, r.turn.number): r for r in made}
    for request in made:
        before = ids.get((request.turn.session, request.turn.number - 1))
        if before is None:
            assert request.turn.follows is None
            assert request.turn.think_s == 0
            continue
        assert request.turn.follows == before.request_id
        assert request.due_s == pytest.approx(before.due_s + request.turn.think_s)
        assert request.prompt_tokens > before.prompt_tokens + before.output_tokens
        assert request.pieces[: len(before.pieces)] == before.pieces
        assert request.tier == before.tier
    waiting = sum(len(followers) for followers in followers_of(made).values())
    assert waiting > len(made) / 2
    assert {r.turn.session for r in made} == set(range(max(r.turn.session for r in made) + 1))


def test_a_session_is_the_same_at_every_rate_and_begins_at_another_time():
    slow, fast = (requests("chat", rate_rps=rate, num_requests=1000) for rate in (2.0, 8.0))
    first = {r.pieces: r for r in slow if r.turn.number == 1}
    both = [(first[r.pieces], r) for r in fast if r.pieces in first]
    assert len(both) > 100
    for one, other in both:
        assert texts(one) == texts(other)
    begun = [(a.due_s, b.due_s) for a, b in both if a.due_s > 0]
    np.testing.assert_allclose([4 * b for _, b in begun], [a for a, _ in begun])
    pauses = {r.pieces: r.turn.think_s for r in slow if r.turn.follows is not None}
    assert all(
        pauses[r.pieces] == r.turn.think_s
        for r in fast
        if r.turn.follows is not None and r.pieces in pauses
    )


def test_the_same_seed_and_more_requests_keep_the_first():
    few, again, many = (requests("agent", num_requests=n) for n in (300, 300, 900))
    assert few == again == many[:300]
    assert requests("agent", num_requests=300, seed=2) != few


def test_other_tiers_leave_sessions_as_they_were():
    base = requests("chat", num_requests=300)
    other = requests("chat", tiers=parse_tiers("a:0.5:0.1,b:0.5:0.2"), num_requests=300)
    assert [(r.due_s, r.pieces, r.turn) for r in base] == [
        (r.due_s, r.pieces, r.turn) for r in other
    ]


def test_a_burst_is_of_whole_sessions():
    made = requests("chat:think=1", "burst", rate_rps=None, num_requests=100)
    assert {r.due_s for r in made if r.turn.number == 1} == {0.0}
    assert max(r.turn.number for r in made) > 2
    still = requests("chat:think=0", "burst", rate_rps=None, num_requests=100)
    assert {r.due_s for r in still} == {0.0}


def test_a_cap_ends_sessions_and_the_rate_stays():
    made = requests("chat:think=20", max_total_tokens=1500, num_requests=4000)
    assert max(r.prompt_tokens + r.output_tokens for r in made) <= 1500
    assert len(made) / made[-1].due_s == pytest.approx(4, rel=0.1)
    with pytest.raises(WorkloadError, match=r"only \d+ of \d+ turns have at most max_total_tokens"):
        requests("chat", max_total_tokens=203)


def test_sessions_that_last_too_long_are_refused():
    with pytest.raises(WorkloadError, match=r"sessions last up to .*lower the rate"):
        requests("chat:think=1000000", rate_rps=10.0)
    with pytest.raises(WorkloadError, match="chat has no recorded arrival times"):
        requests("chat", "trace", rate_rps=None)
    with pytest.raises(WorkloadError, match="poisson arrivals need a rate"):
        requests("chat", rate_rps=None)


HEADER = "arrival_s,prompt_tokens,output_tokens,session_id,elapsed_s\n"
LOG = HEADER + "".join(
    f"{row}\n"
    for row in (
        "0,10,5,a,1",
        "1,20,5,b,1",
        "2,30,5,a,1",  # 15 tokens before it
        "4,10,5,,1",
        "6,22,5,b,3",  # shorter than what came before
        "9,50,5,a,1",
        "12,60,5,b,1",
    )
)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.csv"
    path.write_text(LOG)
    return path


def test_open_turns_come_at_recorded_times(log):
    made = requests(log, "trace:scale=2", rate_rps=None, num_requests=7)
    assert [r.due_s for r in made] == [0, 2, 4, 8, 12, 18, 24]
    assert [(r.turn.session, r.turn.number) for r in made] == [
        *((0, 1), (1, 1), (0, 2), (2, 1), (1, 2), (0, 3), (1, 3))
    ]
    assert all(r.turn.follows is None for r in made)
    one, fresh = made[2].pieces, made[4].pieces
    assert one == (*made[0].pieces, Piece(-1, 0, 5), one[-1])
    assert one[-1].length == 15
    assert len(fresh) == 1
    assert len({piece.stream for r in made for piece in r.pieces if piece.stream > 0}) == 7


def test_half_open_turns_wait_as_long_as_they_were_apart(log):
    made = requests(f"{log}:turns=half-open", "trace", rate_rps=None, num_requests=7)
    by_size = {r.prompt_tokens: r for r in made}
    assert [(by_size[p].due_s, by_size[p].turn.think_s) for p in (30, 22, 50, 60)] == [
        *((1, 1), (5, 4), (7, 6), (8, 3))
    ]
    assert by_size[50].turn.follows == by_size[30].request_id
    drawn = requests(f"{log}:turns=half-open,think=0", "trace", rate_rps=None, num_requests=7)
    assert [r.due_s for r in drawn] == [0, 0, 0, 1, 1, 1, 4]


def test_a_cap_takes_the_later_turns_of_a_recorded_session_along(log):
    source = registry.resolve(str(log))
    assert num_recorded(source, None) == 7
    assert num_recorded(source, 34) == 4
    made = requests(log, "trace:scale=1", rate_rps=None, num_requests=4, max_total_tokens=34)
    assert [(r.prompt_tokens, r.due_s) for r in made] == [(10, 0), (20, 1), (10, 4), (22, 6)]
    with pytest.raises(WorkloadError, match="has 4 requests of at most 34 tokens, 5 were asked"):
        requests(log, "trace", rate_rps=None, num_requests=5, max_total_tokens=34)


def test_recorded_times_are_stretched_to_the_rate(log):
    made = requests(log, "trace", rate_rps=1.0, num_requests=7)
    assert [r.due_s for r in made] == [0, 0.5, 1, 2, 3, 4.5, 6]
    assert made == requests(log, "trace:scale=0.5", rate_rps=None, num_requests=7)
