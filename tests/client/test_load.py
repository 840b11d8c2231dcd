"""A whole load against a real server: its ends, and what is refused. Nothing measures speed."""

from __future__ import annotations

import socket
import threading
import time

import numpy as np
import pytest

from slaibench.client.load import run_load
from slaibench.client.prompts import TokenIdPrompts, WordPrompts
from slaibench.client.target import Api, Target
from slaibench.recording.record import FloatArray
from slaibench.workloads.request import Request
from tests.client.behaviours import BEHAVIOURS, hangs_up
from tests.client.serving import Answer, HangUpError, Received, Server, by_tier, serve

PROMPTS = TokenIdPrompts(1000)


def test_chat_takes_words_and_its_own_length_field() -> None:
    async def chat(received: Received, answer: Answer) -> None:
        answer.head()
        for content in ("", *["a"] * received.body["max_completion_tokens"]):
            answer.event({"choices": [{"delta": {"role": "assistant", "content": content}}]})
        answer.end()

    with serve({"/v1/chat/completions": chat}) as server:
        target = Target(
            server.url + "/v1/",
            "m",
            api=Api.CHAT,
            max_tokens_field="max_completion_tokens",
            continuous_usage=False,
            ignore_eos=False,
        )
        result = run_load(target, [Request(0, 0.0, 9, 3)], WordPrompts())
        assert result.requests.finished.all(), result.requests.error
        body = server.received[0].body
    assert len(body["messages"][0]["content"].split()) == 9
    assert body["stream_options"] == {"include_usage": True}
    assert "ignore_eos" not in body
    assert "max_tokens" not in body


def test_the_horizon_cuts_what_goes_on() -> None:
    requests = [Request(i, due, 3, 4, tier=name) for i, (due, name) in enumerate(
        [(0.0, "plain"), (0.0, "stalls"), (0.1, "never"), (30.0, "plain")])]  # fmt: skip
    with serve(BEHAVIOURS) as server:
        target = Target(server.url, "m", extra_of=by_tier)
        result = run_load(target, requests, PROMPTS, horizon_s=1.0)
    assert result.end_s == 1.0
    assert result.stopped_early is None
    assert result.requests.request_id.tolist() == [0, 1, 2]
    assert result.requests.outcome.tolist() == ["finished", "unfinished", "unfinished"]
    assert result.requests.num_tokens.tolist() == [4, 1, 0]


def test_a_run_that_is_done_ends_before_its_horizon() -> None:
    with serve() as server:
        result = run_load(Target(server.url, "m"), [Request(0, 0.0, 3, 4)], PROMPTS, horizon_s=50)
    assert result.end_s < 50


def test_a_reason_ends_the_run() -> None:
    looks: list[tuple[float, FloatArray, FloatArray]] = []

    def look(now_s: float, due_s: FloatArray, left_s: FloatArray) -> str | None:
        looks.append((now_s, due_s, left_s))
        return "enough" if np.isfinite(left_s).any() else None

    requests = [Request(i, i * 0.05, 3, 2, tier="plain" if i else "never") for i in range(1000)]
    with serve(BEHAVIOURS) as server:
        target = Target(server.url, "m", extra_of=by_tier)
        result = run_load(target, requests, PROMPTS, look=look, look_every_s=0.2)
    now_s, due_s, left_s = looks[-1]
    assert (result.stopped_early, result.end_s) == ("enough", pytest.approx(now_s, abs=1e-5))
    assert due_s.max() <= now_s
    assert len(due_s) == len(left_s) <= len(result.requests) < 1000
    assert result.requests.due_s.max() <= result.end_s
    assert result.requests.outcome[0] == "unfinished"


def test_a_server_that_is_not_there_fails_every_request() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        result = run_load(
            Target(url, "m"), [Request(i, i * 0.01, 3, 2) for i in range(20)], PROMPTS
        )
    assert result.requests.outcome.tolist() == ["failed"] * 20
    assert all("no connection to 127.0.0.1" in error for error in result.requests.error)
    assert "refused" in result.requests.error[0].lower()


def test_a_server_that_dies_loses_no_request() -> None:
    requests = [Request(i, i * 0.01, 3, 2, tier="plain") for i in range(100)]
    with serve() as server:
        target = Target(server.url, "m")

        def look(now_s: float, due_s: FloatArray, left_s: FloatArray) -> None:
            if now_s > 0.4:
                server.die()

        result = run_load(target, requests, PROMPTS, look=look, look_every_s=0.1)
    outcomes = result.requests.outcome.tolist()
    assert len(outcomes) == 100
    assert outcomes[0] == "finished"
    assert outcomes[-1] == "failed"
    assert set(outcomes) == {"finished", "failed"}


def in_time_and_much_later(now: int, later: int) -> list[Request]:
    due = [i * 0.01 for i in range(now)] + [1000.0 + i for i in range(later)]
    return [Request(i, due_s, 3, 2) for i, due_s in enumerate(due)]


def test_nothing_is_sent_any_more_to_a_server_that_is_dead() -> None:
    """It has worked before; the run ends 1,000 s before its last request is due."""
    with serve() as server:
        dying = threading.Thread(target=lambda: (await_asked(server, 20), server.die()))
        dying.start()
        result = run_load(Target(server.url, "m"), in_time_and_much_later(200, 5), PROMPTS)
        dying.join()
    table = result.requests
    assert len(table) == 205
    assert set(table.outcome.tolist()) == {"finished", "failed"}
    assert table.finished[:10].all()
    assert len(server.received) < 200
    words = "not sent: 10 requests in a row found no connection to 127.0.0.1"
    assert all(error.startswith(words) for error in table.error[-5:].tolist())
    assert np.isnan(table.sent_s[-5:]).all()
    assert result.end_s == pytest.approx(1004.0, abs=2e-6)  # of a clock that counts from boot


def await_asked(server: Server, count: int) -> None:
    while len(server.received) < count:
        time.sleep(0.01)


def test_nothing_is_sent_any_more_where_every_request_fails() -> None:
    with serve(BEHAVIOURS) as server:
        target = Target(server.url, "m", extra_body={"behave": "bad_request"})
        result = run_load(target, in_time_and_much_later(150, 5), PROMPTS, processes=1)
    table = result.requests
    assert set(table.outcome.tolist()) == {"failed"}
    assert 100 <= len(server.received) <= 150
    assert table.error[0] == 'HTTP 400: {"message": "no such thing"}'
    words = "not sent: 100 requests in a row had failed: HTTP 400"
    assert all(error.startswith(words) for error in table.error[-5:].tolist())


def test_failures_between_tokens_stop_nothing() -> None:
    tiers = ["bad_request"] * 20 + ["plain"]
    requests = [Request(i, i * 0.01, 3, 2, tier=tiers[i % 21]) for i in range(210)]
    with serve(BEHAVIOURS) as server:
        result = run_load(Target(server.url, "m", extra_of=by_tier), requests, PROMPTS, processes=1)
    assert len(server.received) == 210
    assert result.requests.finished.sum() == 10


def test_a_connection_for_each_request() -> None:
    requests = [Request(i, i * 0.01, 3, 2) for i in range(40)]
    with serve() as server:
        target = Target(server.url, "m", new_connections=True)
        result = run_load(target, requests, PROMPTS)
        assert server.num_connections == result.facts.connections == 40
        assert {received.headers["Connection"] for received in server.received} == {"close"}
    assert result.requests.finished.all()


def test_a_server_that_hangs_up_after_each_answer_is_not_asked_twice_on_one_connection() -> None:
    requests = [Request(i, i * 0.05, 3, 2) for i in range(40)]
    with serve({"/v1/completions": hangs_up}) as server:
        result = run_load(Target(server.url, "m"), requests, PROMPTS, processes=1)
        assert server.num_connections >= 40
    assert result.requests.finished.sum() >= 39, result.requests.error  # The first may be lost.


def test_counts_that_contradict_the_events_are_said_and_counted() -> None:
    async def still(received: Received, answer: Answer) -> None:
        answer.head()
        for _ in range(received.body["max_tokens"]):
            answer.token(usage={"completion_tokens": 1})
        answer.end()

    with serve({"/v1/completions": still}) as server:
        result = run_load(Target(server.url, "m"), in_time_and_much_later(10, 0), PROMPTS)
    assert result.requests.finished.all()
    assert result.facts.counted == {"seen": 10}
    assert "token counts contradict its events" in result.notes[0]
    assert result.requests.token_times_known.all()


def test_several_tokens_an_event_leave_their_times_unknown() -> None:
    async def merged(received: Received, answer: Answer) -> None:
        answer.head()
        answer.token()
        answer.event({"choices": [], "usage": {"completion_tokens": received.body["max_tokens"]}})
        answer.end()

    requests = [Request(i, i * 0.01, 3, 2) for i in range(10)]
    with serve({"/v1/completions": merged}) as server:
        result = run_load(Target(server.url, "m", exact_lengths=False), requests, PROMPTS)
    assert result.requests.num_tokens.tolist() == [2] * 10
    assert not result.requests.token_times_known.any()
    assert "did not come one an event" in result.notes[0]


def test_an_empty_schedule_is_an_empty_table() -> None:
    result = run_load(Target("http://127.0.0.1:9", "m"), [], PROMPTS)
    assert len(result.requests) == 0
    assert result.end_s == 0.0
    assert result.facts.lag_p99_s is None


@pytest.mark.parametrize(
    ("requests", "more", "message"),
    [
        ([Request(0, 1.0, 1, 1), Request(1, 0.5, 1, 1)], {}, "sort the requests by due time"),
        ([Request(0, -1.0, 1, 1)], {}, "sort the requests"),
        ([Request(0, 0.0, 0, 1)], {}, "at least 1"),
        ([Request(0, 0.0, 1, 0)], {}, "at least 1"),
        (
            [Request(7, 0.0, 2_000_000_000, 1)],
            {},
            r"request 7 has 2000000000 prompt .* \(--max-total-tokens 16777216\)",
        ),
        ([Request(0, 0.0, 1, 1 << 24)], {}, "request 0 has 1 prompt and 16777216 output tokens"),
        ([], {"processes": 0}, "processes must be at least 1, not 0"),
        ([], {"horizon_s": 0.0}, "horizon_s must be positive"),
    ],
)
def test_what_cannot_run_is_refused_before_it_starts(
    requests: list[Request], more: dict[str, float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        run_load(Target("http://h", "m"), requests, PROMPTS, **more)  # type: ignore[arg-type]


def test_a_count_of_prompt_tokens_that_cannot_be_is_said_and_not_kept() -> None:
    async def boasting(received: Received, answer: Answer) -> None:
        answer.head()
        answer.token(usage={"prompt_tokens": 10**9, "completion_tokens": 1})
        answer.end()

    with serve({"/v1/completions": boasting}) as server:
        result = run_load(Target(server.url, "m"), [Request(0, 0.0, 20, 1)], PROMPTS)
    assert result.requests.finished.all()
    assert result.requests.prompt_tokens.tolist() == [20]
    assert [note for note in result.notes if "1,000,000,000 of a prompt of 20" in note]


@pytest.mark.parametrize("header", ["Content-Encoding: gzip", "Transfer-Encoding: gzip, chunked"])
def test_a_compressed_answer_says_so(header: str) -> None:
    async def squeezed(received: Received, answer: Answer) -> None:
        kind = "Content-Type: text/event-stream\r\nConnection: close"
        answer.raw(f"HTTP/1.1 200 OK\r\n{kind}\r\n{header}\r\n\r\n".encode())
        answer.raw(b"5\r\n\x1f\x8b\x08\0\0\r\n0\r\n\r\n")
        await answer.flush()
        raise HangUpError

    with serve({"/v1/completions": squeezed}) as server:
        result = run_load(Target(server.url, "m"), [Request(0, 0.0, 20, 1)], PROMPTS)
    assert "the answer is compressed (gzip), although identity" in result.requests.error[0]


def test_chat_with_token_ids_is_refused() -> None:
    with pytest.raises(ValueError, match="takes no token ids"):
        run_load(Target("http://h", "m", api=Api.CHAT), [], PROMPTS)


def test_a_late_server_moves_no_send() -> None:
    """Open loop: with every answer withheld, all requests are sent all the same."""
    start = time.monotonic()
    requests = [Request(i, i * 0.005, 3, 2, tier="never") for i in range(200)]
    with serve(BEHAVIOURS) as server:
        target = Target(server.url, "m", extra_of=by_tier)
        result = run_load(target, requests, PROMPTS, horizon_s=2.0)
        assert len(server.received) == 200
    assert not np.isnan(result.requests.sent_s).any()
    assert set(result.requests.outcome) == {"unfinished"}
    assert result.t0_monotonic_s >= start
