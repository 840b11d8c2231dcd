"""Every way in which a server may answer has its outcome, and nothing is lost on the way."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from slaibench.client.connection import USED_BEFORE
from slaibench.client.load import LoadResult, run_load
from slaibench.client.prompts import TokenIdPrompts
from slaibench.client.target import Target
from slaibench.recording.record import Outcome
from slaibench.workloads.request import Request
from tests.client.behaviours import BEHAVIOURS, EXPECTED
from tests.client.serving import Server, by_tier, serve

PROMPTS = TokenIdPrompts(1000)


@pytest.fixture(scope="module")
def mixed() -> Iterator[tuple[LoadResult, Server, list[Request]]]:
    """Each behaviour five times over, in turn, by two processes."""
    names = list(EXPECTED) * 5
    requests = [Request(100 + i, i * 0.01, 5, 4, tier=name) for i, name in enumerate(names)]
    with serve(BEHAVIOURS) as server:
        target = Target(
            server.url, "m", timeout_s=4.0, read_timeout_s=1.0, extra_of=by_tier, api_key="secret"
        )
        yield run_load(target, requests, PROMPTS, processes=2), server, requests


@pytest.mark.parametrize("behaviour", EXPECTED)
def test_every_way_of_answering_has_its_outcome(
    mixed: tuple[LoadResult, Server, list[Request]], behaviour: str
) -> None:
    table = mixed[0].requests
    outcome, tokens, error = EXPECTED[behaviour]
    rows = np.flatnonzero(table.tier == behaviour)
    assert len(rows) == 5
    for row in rows:
        assert table.outcome[row] == outcome.value, table.error[row]
        assert table.num_tokens[row] == tokens
        assert str(table.error[row]).startswith(error)
        assert bool(table.error[row]) == (outcome is not Outcome.FINISHED)


def test_each_request_is_sent_once_and_recorded_once(
    mixed: tuple[LoadResult, Server, list[Request]],
) -> None:
    result, server, requests = mixed
    ids = [received.headers["X-Request-Id"] for received in server.received]
    assert sorted(ids) == sorted(f"slaibench-{request.request_id}" for request in requests)
    assert result.requests.request_id.tolist() == [request.request_id for request in requests]


def test_order_of_a_requests_times(mixed: tuple[LoadResult, Server, list[Request]]) -> None:
    """Invariant 3."""
    table = mixed[0].requests
    assert (table.sent_s >= table.due_s).all()
    got = table.num_tokens > 0
    assert (table.first_token_s[got] >= table.sent_s[got]).all()
    for begin, end in zip(table.token_offsets, table.token_offsets[1:], strict=False):
        assert (np.diff(table.token_times_s[begin:end]) >= 0).all()
    assert np.isnan(table.first_scheduled_s).all()
    assert mixed[0].end_s >= table.last_token_s[got].max()


def test_token_times_are_whole_microseconds(
    mixed: tuple[LoadResult, Server, list[Request]],
) -> None:
    times = mixed[0].requests.token_times_s
    assert (times == np.rint(times * 1e6).astype(np.int64) / 1e6).all()


def test_tokens_of_one_read_are_reported(mixed: tuple[LoadResult, Server, list[Request]]) -> None:
    result = mixed[0]
    table = result.requests
    for row in np.flatnonzero(table.tier == "several_a_read"):
        times = table.token_times_s[table.token_offsets[row] : table.token_offsets[row + 1]]
        assert times[0] == times[1] == times[2] < times[3]
    assert result.facts.reads_of_several >= 5
    assert result.facts.tokens == table.num_tokens.sum()
    assert result.facts.reads < result.facts.tokens


def test_the_servers_count_of_prompt_tokens_is_kept(
    mixed: tuple[LoadResult, Server, list[Request]],
) -> None:
    table = mixed[0].requests
    assert set(table.prompt_tokens[table.tier == "interim"].tolist()) == {77}
    assert set(table.prompt_tokens[table.tier == "plain"].tolist()) == {5}


def test_body_and_headers(mixed: tuple[LoadResult, Server, list[Request]]) -> None:
    received = mixed[1].received[0]
    assert received.path == "/v1/completions"
    assert received.headers["Authorization"] == "Bearer secret"
    prompt = received.body.pop("prompt")
    assert len(prompt) == 5
    assert received.body.pop("behave") in EXPECTED
    assert received.body == {
        "model": "m", "max_tokens": 4, "stream": True, "ignore_eos": True, "temperature": 0,
        "seed": 0, "stream_options": {"include_usage": True, "continuous_usage_stats": True},
    }  # fmt: skip


def test_the_key_is_in_no_repr_and_no_fact(
    mixed: tuple[LoadResult, Server, list[Request]],
) -> None:
    assert "secret" not in repr(Target("http://h", "m", api_key="secret", headers={"a": "secret"}))
    assert "secret" not in repr(mixed[0])


def test_parsing_later_comes_to_the_same_as_parsing_at_once() -> None:
    """The client's speed trick against its slow twin."""
    requests = [Request(i, i * 0.01, 5, 4, tier=name) for i, name in enumerate(EXPECTED)]
    came = []
    for parse_at_once in (False, True):
        with serve(BEHAVIOURS) as server:
            target = Target(server.url, "m", timeout_s=4.0, read_timeout_s=1.0, extra_of=by_tier)
            result = run_load(target, requests, PROMPTS, parse_at_once=parse_at_once)
            table = result.requests
            # Whether a connection that is lost had been used before is by chance.
            errors = [error.removesuffix(USED_BEFORE) for error in table.error.tolist()]
            came.append((table.outcome.tolist(), table.num_tokens.tolist(), errors))
    assert came[0] == came[1]


def test_connections_are_kept_and_used_again() -> None:
    requests = [Request(i, i * 0.02, 5, 1) for i in range(50)]
    with serve() as server:
        result = run_load(Target(server.url, "m"), requests, PROMPTS)
        assert server.num_connections == result.facts.connections < 50
    assert result.requests.finished.all()
