"""How large a client a load takes: its processes, connections and open files."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slaibench.client import sizing
from slaibench.client.sizing import ClientError, raise_file_limit
from slaibench.workloads.request import Request, Turn


def requests_at(rate_rps: float, tokens: int, count: int = 1000) -> list[Request]:
    return [Request(i, i / rate_rps, 10, tokens) for i in range(count)]


def test_a_small_load_takes_one_process() -> None:
    assert sizing.num_processes(requests_at(1.6, 400), cores=64) == 1
    assert sizing.num_processes([], cores=64) == 1


def test_processes_follow_the_offered_tokens() -> None:
    """200,000 tokens/s at 15 us each, and 1,000 requests/s at 250 us, are 3.25 busy cores."""
    requests = [Request(i, i / 1000, 10, 200) for i in range(10_001)]
    assert sizing.num_processes(requests, cores=64) == 9
    assert sizing.num_processes(requests, cores=4) == 3
    assert sizing.num_processes(requests, cores=1) == 1


def test_a_burst_counts_over_the_time_its_tokens_take() -> None:
    burst = [Request(i, 0.0, 10, 100) for i in range(100)]
    assert sizing.num_processes(burst, cores=64) == 1


@given(st.integers(0, 50), st.integers(1, 9))
def test_parts_are_disjoint_and_whole(count: int, processes: int) -> None:
    requests = requests_at(10, 5, count)
    parts = sizing.split(requests, processes)
    assert len(parts) == processes
    assert sorted(position for part in parts for position, _ in part) == list(range(count))
    for part in parts:
        assert all(requests[position] is request for position, request in part)
        assert [request.due_s for _, request in part] == sorted(
            request.due_s for _, request in part
        )


@given(st.lists(st.integers(0, 5), max_size=40), st.integers(1, 4))
def test_all_turns_of_a_session_are_in_one_part(sessions: list[int], processes: int) -> None:
    """Sessions and others (5 is none) take turns."""
    requests = [
        Request(i, float(i), 1, 1, turn=None if session == 5 else Turn(session, 1))
        for i, session in enumerate(sessions)
    ]
    parts = sizing.split(requests, processes)
    assert sorted(position for part in parts for position, _ in part) == list(range(len(requests)))
    of = [{request.turn.session for _, request in part if request.turn} for part in parts]
    assert sum(map(len, of)) == len(set().union(*of))
    whole = [len(sessions) + sum(request.turn is None for _, request in part)
             for sessions, part in zip(of, parts, strict=True)]  # fmt: skip
    assert max(whole) - min(whole) <= 1


def test_spares_cover_the_densest_window() -> None:
    assert sizing.num_spares([]) == 0
    assert sizing.num_spares([0.0]) == 2
    assert sizing.num_spares([0.0] * 100) == 101
    assert sizing.num_spares([0.0, 1.0, 1.05, 1.1, 2.0], window_s=0.1 + 1e-9) == 4


resource = pytest.importorskip("resource", reason="limits of open files are a Unix notion")


@pytest.fixture
def limits() -> Iterator[tuple[int, int]]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield before
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_the_soft_limit_goes_up_to_the_hard_one(limits: tuple[int, int]) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits[1]))
    assert raise_file_limit(100) == limits[1]
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (limits[1], limits[1])


def test_too_many_connections_are_refused_with_the_way_out() -> None:
    """In a process of its own: a hard limit once lowered stays."""
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))\n"
        "from slaibench.client.sizing import raise_file_limit\n"
        "raise_file_limit(36)\n"
        "raise_file_limit(37)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(
        f"{ClientError.__module__}.{ClientError.__name__}: 37 connections are needed at once"
    )
