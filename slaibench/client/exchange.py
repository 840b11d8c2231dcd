"""One request and its answer: what came when, and how it ended. No sockets, no clock."""

from __future__ import annotations

from array import array

from slaibench.client.completion import CompletionError, excerpt, read_event
from slaibench.client.sse import SseError, SseFramer
from slaibench.recording.record import Outcome

MAX_ERROR_BYTES = 2000
_DONE = b"[DONE]"


class Exchange:
    """Collects one answer. All times are on the caller's clock, seconds.

    Args:
        index: the request's position in the schedule.
        due_s: when it should be sent.
        asked_tokens: output tokens asked for.
        exact_lengths: whether another number of tokens is a failure.

    Attributes:
        sent_s: when its first byte went to the socket; None: not sent.
        token_times_s: a time for each token; tokens of one network read have the same.
        outcome: None until it has ended, and set once.
        error: why it failed or timed out, else empty.
        left_s: when it ended.
        last_read_s: the latest read; None before the first.
        prompt_tokens: as the server counted them; None: it did not say.
    """

    __slots__ = (
        "_asked_tokens",
        "_done",
        "_error_body",
        "_exact",
        "_framer",
        "_status",
        "_usage_tokens",
        "due_s",
        "error",
        "index",
        "last_read_s",
        "left_s",
        "outcome",
        "prompt_tokens",
        "sent_s",
        "token_times_s",
    )

    def __init__(self, index: int, due_s: float, asked_tokens: int, exact_lengths: bool) -> None:
        self.index = index
        self.due_s = due_s
        self.sent_s: float | None = None
        self.token_times_s = array("d")
        self.outcome: Outcome | None = None
        self.error = ""
        self.left_s: float | None = None
        self.last_read_s: float | None = None
        self.prompt_tokens: int | None = None
        self._asked_tokens = asked_tokens
        self._exact = exact_lengths
        self._framer = SseFramer()
        self._done = False
        self._usage_tokens: int | None = None
        self._status = 0
        self._error_body: bytes | None = None

    def head(self, status: int, content_type: str) -> None:
        """The answer's status and kind are known; its body follows."""
        self._status = status
        if status != 200 or "event-stream" not in content_type.lower():
            self._error_body = b""

    def body(self, data: bytes, now_s: float) -> None:
        """A part of the answer's body, read at ``now_s``."""
        if self._error_body is not None:
            if len(self._error_body) < MAX_ERROR_BYTES:
                self._error_body += data[:MAX_ERROR_BYTES]
            return
        if self.outcome is not None:
            return
        try:
            for event in self._framer.feed(data):
                self._event(event, now_s)
                if self.outcome is not None:
                    return
        except (SseError, CompletionError) as error:
            self.fail(f"malformed stream after {self.num_tokens} tokens: {error}", now_s)

    def ended(self, now_s: float) -> None:
        """The server sent all of its answer."""
        if self.outcome is not None:
            return
        num, asked = self.num_tokens, self._asked_tokens
        if self._error_body is not None:
            kind = "" if self._status != 200 else " without an event stream"
            text = excerpt(self._error_body)
            self.fail(f"HTTP {self._status}{kind}: {text}".removesuffix(": "), now_s)
        elif not self._done:
            self.fail(f"the stream ended after {num} tokens without [DONE]", now_s)
        elif self._exact and num != asked:
            said = "" if self._usage_tokens in (None, num) else self._said()
            self.fail(f"{num} tokens came, {asked} were asked for{said}", now_s)
        elif not num:
            self.fail("the stream held no token", now_s)
        else:
            self._end(Outcome.FINISHED, "", now_s)

    def lost(self, reason: str, now_s: float) -> None:
        """The connection is gone; no more will come."""
        if self.outcome is None and self.is_complete:
            self.ended(now_s)  # An answer without a length ends with its connection.
        else:
            self.fail(f"{reason} after {self.num_tokens} tokens", now_s)

    def fail(self, reason: str, now_s: float) -> None:
        """It cannot be had."""
        self._end(Outcome.FAILED, reason, now_s)

    def time_out(self, reason: str, now_s: float) -> None:
        """It took too long."""
        self._end(Outcome.TIMED_OUT, f"{reason}, after {self.num_tokens} tokens", now_s)

    @property
    def num_tokens(self) -> int:
        return len(self.token_times_s)

    @property
    def is_complete(self) -> bool:
        """Whether the server said that the output is whole, though its answer may go on."""
        return self._done

    def _event(self, data: bytes, now_s: float) -> None:
        if data == _DONE:
            self._done = True
            return
        times = self.token_times_s
        event = read_event(data, len(times))
        if event.error is not None:
            self.fail(f"the server's error after {len(times)} tokens: {event.error}", now_s)
            return
        if event.new_tokens == 1:
            times.append(now_s)
        elif event.new_tokens:
            times.extend([now_s] * event.new_tokens)
        if event.completion_tokens is not None:
            self._usage_tokens = event.completion_tokens
        if event.prompt_tokens is not None:
            self.prompt_tokens = event.prompt_tokens
        if event.finished:
            self._done = True

    def _said(self) -> str:
        return (
            f"; the server counts {self._usage_tokens}: its events hold several tokens, or none "
            "that show, so their times are not known (continuous usage would tell)"
        )

    def _end(self, outcome: Outcome, error: str, now_s: float) -> None:
        if self.outcome is None:
            self.outcome, self.error, self.left_s = outcome, error, now_s
