"""What one answer comes to: its tokens, their times, its outcome."""

from __future__ import annotations

import json
from typing import Any

import pytest

from slaibench.client.exchange import Exchange
from slaibench.recording.record import Outcome

SSE = "text/event-stream"


def exchange(asked: int = 3, exact: bool = True) -> Exchange:
    made = Exchange(0, 0.0, asked, exact)
    made.head(200, SSE)
    return made


def events(*many: Any) -> bytes:
    return b"".join(
        b"data: "
        + (each.encode() if isinstance(each, str) else json.dumps(each).encode())
        + b"\n\n"
        for each in many
    )


def text(content: str = "a", finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "text": content, "finish_reason": finish}], **more}


def delta(finish: str | None = None, **content: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": content, "finish_reason": finish}]}


def usage(completion: int, prompt: int = 7) -> dict[str, Any]:
    return {"usage": {"completion_tokens": completion, "prompt_tokens": prompt}}


def test_each_event_with_text_is_a_token_at_the_time_of_its_read() -> None:
    one = exchange()
    for now_s in (1.0, 2.0, 3.0):
        one.body(events(text()), now_s)
    one.body(events("[DONE]"), 4.0)
    one.ended(4.0)
    assert list(one.token_times_s) == [1.0, 2.0, 3.0]
    assert (one.outcome, one.error, one.left_s) == (Outcome.FINISHED, "", 4.0)


def test_tokens_of_one_read_have_one_time() -> None:
    one = exchange()
    one.body(events(text(), text(), text(), "[DONE]"), 1.0)
    one.ended(1.0)
    assert list(one.token_times_s) == [1.0, 1.0, 1.0]


def test_the_servers_own_count_is_believed() -> None:
    """Speculative decoding and stream intervals put several tokens into an event; a token whose
    text is held back (half a character) shows none."""
    one = exchange(asked=6)
    one.body(events(text("", **usage(1))), 1.0)
    one.body(events(text("abc", **usage(4))), 2.0)
    one.body(events(text("abc", "length", **usage(6)), {"choices": [], **usage(6)}, "[DONE]"), 3.0)
    one.ended(3.0)
    assert list(one.token_times_s) == [1.0, 2.0, 2.0, 2.0, 3.0, 3.0]
    assert one.outcome is Outcome.FINISHED
    assert one.prompt_tokens == 7


def test_events_without_output_carry_no_token() -> None:
    one = exchange(asked=2)
    one.body(events(delta(role="assistant", content="")), 1.0)
    one.body(events(delta(content="a"), delta(content="b")), 2.0)
    one.body(events(delta("length"), {"choices": [], **usage(2)}, "[DONE]"), 3.0)
    one.ended(3.0)
    assert list(one.token_times_s) == [2.0, 2.0]
    assert one.outcome is Outcome.FINISHED


@pytest.mark.parametrize(
    "event",
    [
        delta(reasoning_content="hm"),
        delta(reasoning="hm"),
        delta(tool_calls=[{"index": 0}]),
        {"choices": [{"index": 0, "text": "", "token_ids": [5]}]},
    ],
)
def test_output_that_is_no_text_is_a_token_too(event: dict[str, Any]) -> None:
    one = exchange(asked=1)
    one.body(events(event), 1.0)
    assert one.num_tokens == 1


@pytest.mark.parametrize("came", [2, 4])
def test_another_number_of_tokens_than_asked_is_a_failure(came: int) -> None:
    one = exchange(asked=3)
    one.body(events(*[text()] * came, "[DONE]"), 1.0)
    one.ended(1.0)
    assert (one.outcome, one.error) == (
        Outcome.FAILED,
        f"{came} tokens came, 3 were asked for",
    )
    assert one.num_tokens == came


@pytest.mark.parametrize("came", [2, 4])
def test_another_number_is_accepted_where_lengths_are_free(came: int) -> None:
    one = exchange(asked=3, exact=False)
    one.body(events(*[text()] * came, "[DONE]"), 1.0)
    one.ended(1.0)
    assert one.outcome is Outcome.FINISHED


def test_a_stream_without_a_token_is_never_finished() -> None:
    one = exchange(exact=False)
    one.body(events("[DONE]"), 1.0)
    one.ended(1.0)
    assert (one.outcome, one.error) == (Outcome.FAILED, "the stream held no token")


def test_tokens_the_events_do_not_show_are_told_of() -> None:
    one = exchange(asked=3)
    one.body(events(text(), {"choices": [], **usage(3)}, "[DONE]"), 1.0)
    one.ended(1.0)
    assert one.outcome is Outcome.FAILED
    assert "1 tokens came, 3 were asked for; the server counts 3" in one.error


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"error": {"message": "out of memory", "code": 500}}, "out of memory"),
        ({"error": "out of memory"}, "out of memory"),
        ({"object": "error", "message": "out of memory"}, "out of memory"),
    ],
)
def test_an_error_in_the_stream_is_a_failure(event: dict[str, Any], said: str) -> None:
    one = exchange()
    one.body(events(text(), event, "[DONE]"), 1.0)
    one.ended(1.0)
    assert (one.outcome, one.error) == (
        Outcome.FAILED,
        f"the server's error after 1 tokens: {said}",
    )


def test_an_error_field_of_null_is_no_error() -> None:
    one = exchange(asked=1)
    one.body(events(text(error=None), "[DONE]"), 1.0)
    one.ended(1.0)
    assert one.outcome is Outcome.FINISHED


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
        '{"choices": [{"text": "a"}], "usage": {"completion_tokens": "many"}}',
    ],
)
def test_what_is_no_completion_is_malformed(data: str) -> None:
    one = exchange()
    one.body(events(text(), data), 1.0)
    assert one.outcome is Outcome.FAILED
    assert one.error.startswith("malformed stream after 1 tokens: not a completion: ")


def test_a_cut_stream_keeps_its_tokens_and_says_how_many() -> None:
    one = exchange()
    one.body(events(text(), text()), 1.0)
    one.lost("connection lost", 2.0)
    assert (one.outcome, one.error) == (Outcome.FAILED, "connection lost after 2 tokens")
    assert list(one.token_times_s) == [1.0, 1.0]


def test_an_answer_that_ends_with_its_connection_is_whole_after_done() -> None:
    one = exchange(asked=1)
    one.body(events(text(), "[DONE]"), 1.0)
    one.lost("the server closed the connection", 2.0)
    assert one.outcome is Outcome.FINISHED


def test_an_end_without_done_is_a_cut() -> None:
    one = exchange(asked=1)
    one.body(events(text()), 1.0)
    one.ended(2.0)
    assert (one.outcome, one.error) == (
        Outcome.FAILED,
        "the stream ended after 1 tokens without [DONE]",
    )


def test_a_finish_reason_stands_for_done() -> None:
    one = exchange(asked=1)
    one.body(events(text(finish="length")), 1.0)
    one.ended(2.0)
    assert one.outcome is Outcome.FINISHED


def test_a_status_is_a_failure_with_the_text_that_came_along() -> None:
    one = Exchange(0, 0.0, 3, True)
    one.head(400, "application/json")
    one.body(b'{"message":', 1.0)
    one.body(b' "too\n long"}' + b"x" * 5000, 1.0)
    one.ended(1.0)
    assert one.outcome is Outcome.FAILED
    assert one.error.startswith('HTTP 400: {"message": "too long"}xxx')
    assert len(one.error) < 400
    assert one.num_tokens == 0


def test_json_in_place_of_a_stream_is_a_failure() -> None:
    one = Exchange(0, 0.0, 3, True)
    one.head(200, "application/json")
    one.body(b"{}", 1.0)
    one.ended(1.0)
    assert one.error == "HTTP 200 without an event stream: {}"


def test_an_outcome_is_set_once() -> None:
    one = exchange(asked=1)
    one.time_out("late", 1.0)
    one.body(events(text(), "[DONE]"), 2.0)
    one.ended(2.0)
    one.fail("another", 3.0)
    assert (one.outcome, one.error) == (Outcome.TIMED_OUT, "late, after 0 tokens")
    assert (one.left_s, one.num_tokens) == (1.0, 0)
