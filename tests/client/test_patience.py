"""When sending stops: both sides of each limit."""

from __future__ import annotations

from slaibench.client.exchange import Exchange
from slaibench.client.patience import DONE_GRACE_S, MAX_FAILED, MAX_REFUSED, Patience, TimeLimits
from slaibench.recording.record import Outcome


def failed() -> Exchange:
    exchange = Exchange(0, 0.0, 1, True)
    exchange.fail("HTTP 400: no", 1.0)
    return exchange


def timed_out() -> Exchange:
    exchange = Exchange(0, 0.0, 1, True)
    exchange.time_out("not done 2 s after it was due", 1.0)
    return exchange


def finished() -> Exchange:
    exchange = Exchange(0, 0.0, 1, True)
    exchange.head(200, "text/event-stream")
    exchange.body(b'data: {"choices": [{"text": "a"}]}\n\ndata: [DONE]\n\n', 1.0)
    exchange.ended(1.0)
    return exchange


def test_a_server_without_a_connection_is_given_up_at_its_limit() -> None:
    patience = Patience()
    assert patience.ended(failed(), 0, MAX_REFUSED - 1) is None
    why = patience.ended(failed(), 0, MAX_REFUSED)
    assert why == "10 requests in a row found HTTP 400: no"
    assert patience.is_over
    assert patience.ended(failed(), 0, MAX_REFUSED) is None  # It is said once.


def test_failures_in_a_row_are_given_up_at_their_limit() -> None:
    patience = Patience()
    reasons = [patience.ended(failed(), 0, 0) for _ in range(MAX_FAILED)]
    assert reasons == [None] * (MAX_FAILED - 1) + ["100 requests in a row had failed: HTTP 400: no"]


def test_a_server_that_never_answers_is_given_up_as_well() -> None:
    patience = Patience()
    reasons = [patience.ended(timed_out(), 0, 0) for _ in range(MAX_FAILED)]
    why = "100 requests in a row had timed out: not done 2 s after it was due, after 0 tokens"
    assert reasons == [None] * (MAX_FAILED - 1) + [why]


def test_whatever_speaks_for_the_server_begins_the_count_anew() -> None:
    for sign, tokens in ((finished(), 0), (failed(), 1)):
        patience = Patience()
        reasons = [patience.ended(failed(), 0, 0) for _ in range(MAX_FAILED - 1)]
        reasons += [patience.ended(sign, tokens, 0)]
        reasons += [patience.ended(failed(), tokens, 0) for _ in range(MAX_FAILED - 2)]
        assert reasons == [None] * len(reasons)


def streaming(due_s: float, body: bytes = b"") -> Exchange:
    """A request of an answer that has begun at 1 s."""
    exchange = Exchange(0, due_s, 1, True)
    exchange.head(200, "text/event-stream")
    exchange.last_read_s = 1.0
    exchange.body(body, 1.0)
    return exchange


def test_a_request_has_its_time_from_when_it_was_due() -> None:
    limits = TimeLimits(timeout_s=10.0, read_timeout_s=None)
    early, late = streaming(0.0), streaming(1.0)
    limits.add(early)
    limits.add(late)
    assert list(limits.end_overdue(9.9)) == []
    assert list(limits.end_overdue(10.0)) == [early]
    assert early.error == "not done 10 s after it was due, after 0 tokens"
    assert list(limits.end_overdue(10.9)) == []
    assert late.outcome is None


def test_a_stream_that_fell_silent_has_less_time_than_one_that_has_not_begun() -> None:
    limits = TimeLimits(timeout_s=100.0, read_timeout_s=5.0)
    silent, unread = streaming(0.0), Exchange(1, 0.0, 1, True)
    limits.add(silent)
    limits.add(unread)
    assert list(limits.end_overdue(5.9)) == []
    assert list(limits.end_overdue(6.0)) == [silent]
    assert silent.error == "silent for 5 s, after 0 tokens"
    assert unread.outcome is None


def test_an_answer_that_goes_on_after_its_end_is_ended_there() -> None:
    limits = TimeLimits(timeout_s=100.0, read_timeout_s=None)
    exchange = streaming(0.0, b'data: {"choices": [{"text": "a"}]}\n\ndata: [DONE]\n\n')
    limits.add(exchange)
    assert list(limits.end_overdue(1.0 + DONE_GRACE_S)) == []
    assert list(limits.end_overdue(1.1 + DONE_GRACE_S)) == [exchange]
    assert (exchange.outcome, exchange.left_s) == (Outcome.FINISHED, 1.0)
