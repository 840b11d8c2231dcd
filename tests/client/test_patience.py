"""When sending stops: both sides of each limit."""

from __future__ import annotations

from slaibench.client.exchange import Exchange
from slaibench.client.patience import MAX_FAILED, MAX_REFUSED, Patience


def failed() -> Exchange:
    one = Exchange(0, 0.0, 1, True)
    one.fail("HTTP 400: no", 1.0)
    return one


def timed_out() -> Exchange:
    one = Exchange(0, 0.0, 1, True)
    one.time_out("not done 2 s after it was due", 1.0)
    return one


def finished() -> Exchange:
    one = Exchange(0, 0.0, 1, True)
    one.head(200, "text/event-stream")
    one.body(b'data: {"choices": [{"text": "a"}]}\n\ndata: [DONE]\n\n', 1.0)
    one.ended(1.0)
    return one


def test_a_server_without_a_connection_is_given_up_at_its_limit() -> None:
    patience = Patience()
    assert patience.ended(failed(), 0, MAX_REFUSED - 1) is None
    why = patience.ended(failed(), 0, MAX_REFUSED)
    assert why == "10 requests in a row found HTTP 400: no"
    assert patience.is_over
    assert patience.ended(failed(), 0, MAX_REFUSED) is None  # It is told once.


def test_failures_in_a_row_are_given_up_at_their_limit() -> None:
    patience = Patience()
    told = [patience.ended(failed(), 0, 0) for _ in range(MAX_FAILED)]
    assert told == [None] * (MAX_FAILED - 1) + ["100 requests in a row had failed: HTTP 400: no"]


def test_a_server_that_never_answers_is_given_up_as_well() -> None:
    patience = Patience()
    told = [patience.ended(timed_out(), 0, 0) for _ in range(MAX_FAILED)]
    why = "100 requests in a row had timed out: not done 2 s after it was due, after 0 tokens"
    assert told == [None] * (MAX_FAILED - 1) + [why]


def test_whatever_speaks_for_the_server_begins_the_count_anew() -> None:
    for one, tokens in ((finished(), 0), (failed(), 1)):
        patience = Patience()
        told = [patience.ended(failed(), 0, 0) for _ in range(MAX_FAILED - 1)]
        told += [patience.ended(one, tokens, 0)]
        told += [patience.ended(failed(), tokens, 0) for _ in range(MAX_FAILED - 2)]
        assert told == [None] * len(told)
