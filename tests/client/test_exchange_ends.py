"""What one answer comes to at its end: finished, failed or cut, and why."""

from __future__ import annotations

from typing import Any

import pytest

from slaibench.client.exchange import Exchange
from slaibench.client.quoted import Quoter
from slaibench.recording.record import Outcome
from tests.client.streams import SSE, delta, events, streaming, text


def test_an_answer_that_never_ends_is_ended() -> None:
    exchange = streaming(tokens=2, exact=False)
    for _ in range(1000):
        exchange.body(events(text()), 1.0)
    assert exchange.outcome is Outcome.FAILED
    assert "more than 120 events with output came, 2 tokens were asked for" in exchange.error
    assert exchange.num_tokens == 121


GAVE_UP = ["abort", "error", "Cancelled", {"type": "abort"}, "timeout", "out_of_memory", "unknown"]


@pytest.mark.parametrize("reason", [*GAVE_UP, "content_filter", "overloaded", 5, "null", ["stop"]])
def test_another_end_than_by_length_or_content_is_no_success(reason: object) -> None:
    exchange = streaming(tokens=2, exact=False)
    last = {"choices": [{"index": 0, "text": "b", "finish_reason": reason}]}
    exchange.body(events(text(), last, "[DONE]"), 1.0)
    exchange.ended(1.0)
    word = reason["type"] if isinstance(reason, dict) else reason
    assert exchange.outcome is Outcome.FAILED
    assert "the engine ended with" in exchange.error
    assert str(word).strip("[]'") in exchange.error


@pytest.mark.parametrize("reason", ["stop", "LENGTH", {"type": "length"}, "eos_token", "end_turn"])
def test_an_end_by_length_or_content_is_one(reason: object) -> None:
    exchange = streaming(tokens=9, exact=False)
    last = {"choices": [{"index": 0, "text": "b", "finish_reason": reason}]}
    exchange.body(events(text(), last, "[DONE]"), 1.0)
    exchange.ended(1.0)
    assert exchange.outcome is Outcome.FINISHED


@pytest.mark.parametrize("reason", [None, ""])
def test_an_end_that_nothing_explains_is_one_only_with_all_tokens(reason: str | None) -> None:
    for tokens, outcome in ((2, Outcome.FINISHED), (3, Outcome.FAILED)):
        exchange = streaming(tokens=tokens, exact=False)
        exchange.body(events(text(), text(finish=reason), "[DONE]"), 1.0)
        exchange.ended(1.0)
        assert exchange.outcome is outcome
    assert exchange.error == "2 of 3 tokens came, and no finish_reason says why"


@pytest.mark.parametrize("coding", [",gzip", ",br, chunked", ",zstd,chunked"])
def test_a_compressed_answer_is_reported_as_one(coding: str) -> None:
    exchange = Exchange(0, 0.0, 3, True)
    exchange.head(200, SSE, coding)
    exchange.body(b"\x1f\x8b\x08", 1.0)
    exchange.ended(1.0)
    assert exchange.error.startswith("HTTP 200: the answer is compressed (")
    assert "although identity was asked for" in exchange.error


def test_a_redirection_names_its_target_without_what_may_be_secret() -> None:
    exchange = Exchange(0, 0.0, 3, True, Quoter(["SECRET1"]))
    exchange.head(307, "", "", "http://me:SECRET2@other/SECRET1/v1?key=SECRET3")
    exchange.ended(1.0)
    assert exchange.error == (
        "HTTP 307: it redirects to http://...@other/***/v1?key=...: correct --url"
    )


@pytest.mark.parametrize("name", ["refusal", "function_call", "audio", "reasoning_details"])
def test_every_kind_of_output_in_a_delta_is_stamped(name: str) -> None:
    exchange = streaming(tokens=2)
    exchange.body(events(delta(**{name: ["a"]})), 1.0)
    exchange.body(events(delta("stop", **{name: ["a"]}), "[DONE]"), 2.0)
    exchange.ended(2.0)
    assert (exchange.outcome, list(exchange.token_times_s)) == (Outcome.FINISHED, [1.0, 2.0])


@pytest.mark.parametrize(
    "data",
    [
        {"error": "bad key hunter2-long"},
        {"error": {"message": "Bearer HUNTER2-LONG"}},
        "{nonsense hunter2-long",
        text(usage={"completion_tokens": "hunter2-long"}),
        text(finish="hunter2-long"),
    ],
)
def test_a_secret_that_a_stream_echoes_is_masked(data: object) -> None:
    exchange = Exchange(0, 0.0, 3, True, Quoter(["hunter2-long"]))
    exchange.head(200, SSE)
    exchange.body(events(data), 1.0)
    assert exchange.outcome is Outcome.FAILED
    assert "hunter" not in exchange.error.lower()
    assert "***" in exchange.error


def test_an_empty_finish_reason_says_nothing() -> None:
    exchange = streaming(tokens=2, exact=False)
    exchange.body(events(text(finish=""), text(finish="")), 1.0)
    exchange.lost("the server closed the connection", 2.0)
    assert (exchange.outcome, exchange.error) == (
        Outcome.FAILED,
        "the server closed the connection after 2 tokens",
    )


TWO = events(text()) + events(text(finish="length"))
TOLERATED = {
    "ping": b"event: ping\ndata: {}\n\n" + TWO + events("[DONE]"),
    "another event": TWO + b"event: stats\ndata: 3\n\n" + events("[DONE]"),
    "message by its name": b"event: message\n" + TWO + events("[DONE]"),
    "named output": b"event: chunk\n" + TWO + b"event: end\ndata: [DONE]\n\n",
    "empty data": b"data:\n\n" + TWO + b"data: \n\n" + events("[DONE]"),
    "done and a space": TWO + b"data: [DONE] \n\n",
    "done and no blank line": TWO + b"data: [DONE]",
    "half of a character": b'data: {"choices":[{"text":"\\ud83d"}]}\n\n'
    + TWO[TWO.index(b"\n\n") + 2 :],
    "no UTF-8": b'data: {"choices":[{"text":"\xff"}]}\n\n' + TWO[TWO.index(b"\n\n") + 2 :],
    "NaN": b'data: {"choices":[{"text":"a","logprobs":[NaN,-Infinity]}]}\n\n'
    + TWO[TWO.index(b"\n\n") + 2 :],
    "CR": (TWO + events("[DONE]")).replace(b"\n", b"\r"),
    "CRLF and a mark": b"\xef\xbb\xbf" + (TWO + events("[DONE]")).replace(b"\n", b"\r\n"),
    "comments": b": hello\n\n" + TWO + b": hello\n" + events("[DONE]"),
    "data over two lines": TWO.replace(
        b'"finish_reason": "length"', b'\ndata: "finish_reason": "length"'
    ),
}


@pytest.mark.parametrize("stream", TOLERATED.values(), ids=TOLERATED)
@pytest.mark.parametrize("exact", [True, False])
def test_what_does_not_touch_the_times_is_tolerated(stream: bytes, exact: bool) -> None:
    exchange = streaming(tokens=2, exact=exact)
    exchange.body(stream, 1.0)
    exchange.ended(1.0)
    assert (exchange.outcome, exchange.error, exchange.num_tokens) == (Outcome.FINISHED, "", 2)


def test_a_named_error_is_the_servers_error() -> None:
    exchange = streaming()
    exchange.body(events(text()) + b"event: error\ndata: overloaded\n\n", 1.0)
    assert exchange.error == "the server's error after 1 tokens: overloaded"


def test_an_error_body_that_never_ends_is_read_so_far() -> None:
    exchange = Exchange(0, 0.0, 3, True)
    exchange.head(500, "text/plain")
    for _ in range(3):
        exchange.body(b"x" * 1000, 1.0)
    assert exchange.outcome is Outcome.FAILED
    assert exchange.error.startswith("HTTP 500: xxx")


def test_what_is_whole_but_for_its_end_is_finished_when_its_time_is_up() -> None:
    exchange = streaming(tokens=1)
    exchange.body(events(text(finish="length")), 1.0)
    exchange.time_out("late", 9.0)
    assert exchange.outcome is Outcome.FINISHED


def test_a_servers_text_is_reported_in_characters_that_a_terminal_takes() -> None:
    exchange = streaming()
    exchange.body(events({"error": "bad\x1b[31m \ud83d"}), 1.0)
    assert exchange.error.isprintable()


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"error": {"message": "out of memory", "code": 500}}, "out of memory"),
        ({"error": "out of memory"}, "out of memory"),
        ({"object": "error", "message": "out of memory"}, "out of memory"),
    ],
)
def test_an_error_in_the_stream_is_a_failure(event: dict[str, Any], said: str) -> None:
    exchange = streaming()
    exchange.body(events(text(), event, "[DONE]"), 1.0)
    exchange.ended(1.0)
    assert (exchange.outcome, exchange.error) == (
        Outcome.FAILED,
        f"the server's error after 1 tokens: {said}",
    )


def test_an_error_field_of_null_is_no_error() -> None:
    exchange = streaming(tokens=1)
    exchange.body(events(text(error=None), "[DONE]"), 1.0)
    exchange.ended(1.0)
    assert exchange.outcome is Outcome.FINISHED


@pytest.mark.parametrize(
    "data",
    [
        "{not json",
        "3",
        "[]",
        "null",
        "{}",
        '{"choices": 3}',
        '{"choices": {"a": 1}}',
        '{"choices": [3]}',
        '{"choices": [{"delta": 5}]}',
        '{"choices": [{"text": "a"}], "usage": 4}',
        "[" * 100_000,
    ],
)
def test_what_is_no_completion_is_malformed(data: str) -> None:
    exchange = streaming()
    exchange.body(events(text(), data), 1.0)
    assert exchange.outcome is Outcome.FAILED
    assert exchange.error.startswith("malformed stream after 1 tokens: not a completion: ")


def test_a_cut_stream_keeps_its_tokens_and_says_how_many() -> None:
    exchange = streaming()
    exchange.body(events(text(), text()), 1.0)
    exchange.lost("connection lost", 2.0)
    assert (exchange.outcome, exchange.error) == (Outcome.FAILED, "connection lost after 2 tokens")
    assert list(exchange.token_times_s) == [1.0, 1.0]


def test_an_answer_that_ends_with_its_connection_is_whole_after_done() -> None:
    exchange = streaming(tokens=1)
    exchange.body(events(text(), "[DONE]"), 1.0)
    exchange.lost("the server closed the connection", 2.0)
    assert exchange.outcome is Outcome.FINISHED


def test_an_end_without_done_is_a_cut() -> None:
    exchange = streaming(tokens=1)
    exchange.body(events(text()), 1.0)
    exchange.ended(2.0)
    assert (exchange.outcome, exchange.error) == (
        Outcome.FAILED,
        "the stream ended after 1 tokens without [DONE]",
    )


def test_a_finish_reason_stands_for_done() -> None:
    exchange = streaming(tokens=1)
    exchange.body(events(text(finish="length")), 1.0)
    exchange.ended(2.0)
    assert exchange.outcome is Outcome.FINISHED


def test_a_status_is_a_failure_with_the_text_that_came_along() -> None:
    exchange = Exchange(0, 0.0, 3, True)
    exchange.head(400, "application/json")
    exchange.body(b'{"message":', 1.0)
    exchange.body(b' "too\n long"}' + b"x" * 5000, 1.0)
    exchange.ended(1.0)
    assert exchange.outcome is Outcome.FAILED
    assert exchange.error.startswith('HTTP 400: {"message": "too long"}xxx')
    assert len(exchange.error) < 400
    assert exchange.num_tokens == 0


def test_json_in_place_of_a_stream_is_a_failure() -> None:
    exchange = Exchange(0, 0.0, 3, True)
    exchange.head(200, "application/json")
    exchange.body(b"{}", 1.0)
    exchange.ended(1.0)
    assert exchange.error == "HTTP 200 without an event stream: {}"


def test_an_outcome_is_set_once() -> None:
    exchange = streaming(tokens=1)
    exchange.time_out("late", 1.0)
    exchange.body(events(text(), "[DONE]"), 2.0)
    exchange.ended(2.0)
    exchange.fail("another", 3.0)
    assert (exchange.outcome, exchange.error) == (Outcome.TIMED_OUT, "late, after 0 tokens")
    assert (exchange.left_s, exchange.num_tokens) == (1.0, 0)
