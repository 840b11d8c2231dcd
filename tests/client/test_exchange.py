"""What one answer comes to while it goes on: its tokens, their times, their count."""

from __future__ import annotations

from typing import Any

import pytest

from slaibench.client.tokens import Counted
from slaibench.recording.record import Outcome
from tests.client.streams import delta, events, streaming, text, usage


def test_each_event_with_text_is_a_token_at_the_time_of_its_read() -> None:
    exchange = streaming()
    for now_s in (1.0, 2.0, 3.0):
        exchange.body(events(text()), now_s)
    exchange.body(events("[DONE]"), 4.0)
    exchange.ended(4.0)
    assert list(exchange.token_times_s) == [1.0, 2.0, 3.0]
    assert (exchange.outcome, exchange.error, exchange.left_s) == (Outcome.FINISHED, "", 4.0)


def test_tokens_of_one_read_have_one_time() -> None:
    exchange = streaming()
    exchange.body(events(text(), text(), text(), "[DONE]"), 1.0)
    exchange.ended(1.0)
    assert list(exchange.token_times_s) == [1.0, 1.0, 1.0]


def test_the_servers_own_count_is_believed() -> None:
    """Speculative decoding and stream intervals put several tokens into an event; a token whose
    text is held back (half a character) shows none."""
    exchange = streaming(tokens=6)
    exchange.body(events(text("", **usage(1))), 1.0)
    exchange.body(events(text("abc", **usage(4))), 2.0)
    exchange.body(
        events(text("abc", "length", **usage(6)), {"choices": [], **usage(6)}, "[DONE]"), 3.0
    )
    exchange.ended(3.0)
    assert list(exchange.token_times_s) == [1.0, 2.0, 2.0, 2.0, 3.0, 3.0]
    assert exchange.outcome is Outcome.FINISHED
    assert exchange.prompt_tokens == 7


@pytest.mark.parametrize(
    ("details", "cached"),
    [
        ({"cached_tokens": 4}, 4),
        ({"cached_tokens": 7}, 7),
        ({"cached_tokens": 8}, 0),  # more than the prompt has
        ({"cached_tokens": -1}, 0),
        ({"cached_tokens": "4"}, 0),
        ({"cached_tokens": None}, 0),
        ({"cached_tokens": True}, 0),
        ({}, 0),
        (None, 0),
        ([4], 0),
    ],
)
def test_what_the_server_found_in_its_cache_is_kept_where_it_can_be(
    details: Any, cached: int
) -> None:
    said = usage(1)
    said["usage"]["prompt_tokens_details"] = details
    exchange = streaming(tokens=1)
    exchange.body(events(text("a", "length"), {"choices": [], **said}, "[DONE]"), 1.0)
    exchange.ended(1.0)
    assert exchange.outcome is Outcome.FINISHED
    assert exchange.cached_tokens == cached


def test_events_without_output_carry_no_token() -> None:
    exchange = streaming(tokens=2)
    exchange.body(events(delta(role="assistant", content="")), 1.0)
    exchange.body(events(delta(content="a"), delta(content="b")), 2.0)
    exchange.body(events(delta("length"), {"choices": [], **usage(2)}, "[DONE]"), 3.0)
    exchange.ended(3.0)
    assert list(exchange.token_times_s) == [2.0, 2.0]
    assert exchange.outcome is Outcome.FINISHED


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
    exchange = streaming(tokens=1)
    exchange.body(events(event), 1.0)
    assert exchange.num_tokens == 1


@pytest.mark.parametrize("came", [2, 4])
def test_another_number_of_tokens_than_asked_is_a_failure(came: int) -> None:
    exchange = streaming(tokens=3)
    exchange.body(events(*[text()] * came, "[DONE]"), 1.0)
    exchange.ended(1.0)
    assert (exchange.outcome, exchange.error) == (
        Outcome.FAILED,
        f"{came} tokens came, 3 were asked for",
    )
    assert exchange.num_tokens == came


@pytest.mark.parametrize("came", [2, 4])
def test_another_number_is_accepted_where_lengths_are_free(came: int) -> None:
    exchange = streaming(tokens=3, exact=False)
    exchange.body(events(*[text()] * (came - 1), text(finish="stop"), "[DONE]"), 1.0)
    exchange.ended(1.0)
    assert exchange.outcome is Outcome.FINISHED


def test_a_stream_without_a_token_is_never_finished() -> None:
    exchange = streaming(exact=False)
    exchange.body(events("[DONE]"), 1.0)
    exchange.ended(1.0)
    assert (exchange.outcome, exchange.error) == (Outcome.FAILED, "the stream held no token")


@pytest.mark.parametrize("exact", [True, False])
def test_several_tokens_an_event_are_counted_by_the_server_and_have_no_times(exact: bool) -> None:
    """Real vLLM under load, without continuous usage: 7 events for 32 tokens."""
    exchange = streaming(tokens=4, exact=exact)
    exchange.body(events(text("a b")), 1.0)
    exchange.body(events(text("c d", "length"), {"choices": [], **usage(4)}, "[DONE]"), 2.0)
    exchange.ended(2.0)
    assert (exchange.outcome, exchange.num_tokens) == (Outcome.FINISHED, 4)
    assert (exchange.token_times_s[0], exchange.token_times_s[-1]) == (1.0, 2.0)
    assert exchange.counted is Counted.TOTAL


def test_tokens_in_pieces_are_counted_by_the_server() -> None:
    exchange = streaming(tokens=2)
    for now_s in (1.0, 2.0, 3.0, 4.0):
        exchange.body(events(text()), now_s)
    exchange.body(events({"choices": [], **usage(2)}, "[DONE]"), 5.0)
    exchange.ended(5.0)
    assert (exchange.outcome, exchange.counted) == (Outcome.FINISHED, Counted.TOTAL)
    assert list(exchange.token_times_s) == [1.0, 4.0]


SUMS = {
    "never grow": [1, 1, 1, 1],
    "are zero": [0, 0, 0, 0],
    "are zero up to the end": [0, 0, 0, 4],
    "are the total from the start": [4, 4, 4, 4],
    "fall": [1, 2, 1, 3],
}


@pytest.mark.parametrize("sums", SUMS.values(), ids=SUMS)
@pytest.mark.parametrize("exact", [True, False])
def test_sums_that_do_not_grow_with_the_output_are_not_believed(
    sums: list[int], exact: bool
) -> None:
    exchange = streaming(tokens=4, exact=exact)
    for now_s, total in enumerate(sums):
        exchange.body(events(text(**usage(total))), float(now_s))
    exchange.body(events("[DONE]"), 4.0)
    exchange.ended(4.0)
    assert list(exchange.token_times_s) == [0.0, 1.0, 2.0, 3.0]
    assert exchange.outcome is Outcome.FINISHED
    assert exchange.counted is (Counted.USAGE if sums[-1] == 4 else Counted.SEEN)


def test_output_without_a_token_of_its_own_counts_as_none() -> None:
    """A piece of text that was held back, or a token that a parser cut in two."""
    exchange = streaming(tokens=4)
    for now_s, total in enumerate([1, 2, 3, 3, 4]):
        exchange.body(events(text(**usage(total))), float(now_s))
    exchange.body(events("[DONE]"), 5.0)
    exchange.ended(5.0)
    assert (exchange.outcome, exchange.counted) == (Outcome.FINISHED, Counted.USAGE)
    assert list(exchange.token_times_s) == [0.0, 1.0, 2.0, 4.0]


def test_tokens_that_show_nothing_come_with_their_events() -> None:
    """Special tokens have no text; vLLM sends an event for each."""
    exchange = streaming(tokens=3)
    for now_s in (1.0, 2.0):
        exchange.body(events(text("")), now_s)
    exchange.body(events(text("", "length"), {"choices": [], **usage(3)}, "[DONE]"), 3.0)
    exchange.ended(3.0)
    assert list(exchange.token_times_s) == [1.0, 2.0, 3.0]
    assert (exchange.outcome, exchange.counted) == (Outcome.FINISHED, Counted.USAGE)


def test_a_last_event_that_only_says_why_is_no_token() -> None:
    exchange = streaming(tokens=2)
    exchange.body(
        events(text(), text(), text("", "length"), {"choices": [], **usage(2)}, "[DONE]"), 1.0
    )
    exchange.ended(1.0)
    assert (exchange.outcome, exchange.num_tokens, exchange.counted) == (
        Outcome.FINISHED,
        2,
        Counted.USAGE,
    )


@pytest.mark.parametrize("count", [1.5, -1, True, "4", [4], 10**9, 10**30, 5])
@pytest.mark.parametrize("exact", [True, False])
def test_a_count_that_cannot_be_fails_its_own_request_alone(count: object, exact: bool) -> None:
    exchange = streaming(tokens=4, exact=exact)
    exchange.body(events(text(usage={"completion_tokens": count})), 1.0)
    assert exchange.outcome is Outcome.FAILED
    assert "completion_tokens" in exchange.error
    assert len(exchange.token_times_s) <= 4


@pytest.mark.parametrize("count", [1.5, -1, "7", 10**30])
def test_a_prompts_count_that_cannot_be_fails_its_request(count: object) -> None:
    exchange = streaming(tokens=1)
    exchange.body(events(text(usage={"completion_tokens": 1, "prompt_tokens": count})), 1.0)
    assert "usage.prompt_tokens is no whole number" in exchange.error
