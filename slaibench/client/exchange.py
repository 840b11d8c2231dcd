"""One request and its answer: what came when, and how it ended. No sockets, no clock."""

from __future__ import annotations

from array import array

from slaibench.client.completion import (
    PLAIN,
    CompletionError,
    read_event,
    read_named_event,
)
from slaibench.client.quoted import Quoter
from slaibench.client.refusals import compressed, redirected, way_out
from slaibench.client.sse import NamedEvent, SseError, SseFramer
from slaibench.client.tokens import Counted, Tokens, TokensError
from slaibench.recording.record import Outcome

MAX_ERROR_BYTES = 2000
_DONE = b"[DONE]"
_NO_CODING = ("", "chunked", "identity")


class Exchange:
    """Collects one answer. All times are on the caller's clock, seconds.

    Args:
        index: the request's position in the schedule.
        due_s: when it should be sent.
        output_tokens: how many were asked for.
        exact_lengths: whether another number of tokens is a failure.
        quote: how the server's words are shown.

    Attributes:
        sent_s: when its first byte went to the socket; None: not sent.
        outcome: None until it has ended, and set once.
        error: why it failed or timed out, else empty.
        left_s: when it ended.
        last_read_s: the latest read; None before the first.
        done_s: when ``[DONE]`` was read; None: not yet.
        cached_tokens: of the prompt, which the server says that it had in its prefix cache.
    """

    __slots__ = (
        "_about",
        "_complete",
        "_error_body",
        "_exact",
        "_framer",
        "_output_tokens",
        "_quote",
        "_says_end",
        "_settled",
        "_status",
        "_tokens",
        "cached_tokens",
        "done_s",
        "due_s",
        "error",
        "index",
        "last_read_s",
        "left_s",
        "outcome",
        "sent_s",
    )

    def __init__(
        self,
        index: int,
        due_s: float,
        output_tokens: int,
        exact_lengths: bool,
        quote: Quoter = PLAIN,
    ) -> None:
        self.index = index
        self.due_s = due_s
        self.sent_s: float | None = None
        self.outcome: Outcome | None = None
        self.error = ""
        self.left_s: float | None = None
        self.last_read_s: float | None = None
        self.done_s: float | None = None
        self.cached_tokens = 0
        self._output_tokens = output_tokens
        self._exact = exact_lengths
        self._framer = SseFramer()
        self._tokens = Tokens(output_tokens)
        self._settled: tuple[array[float], Counted] | None = None
        self._quote = quote
        self._complete = False
        self._says_end = False
        """Whether a finish reason came."""
        self._status = 0
        self._about = ""
        """What an answer's headers say of why it cannot be used."""
        self._error_body: bytes | None = None

    def head(
        self, status: int, content_type: str, coding: str = "", location: str | None = None
    ) -> None:
        """The answer's status and kind are known; its body follows.

        Args:
            coding: how the body is coded, beside ``chunked``: of both headers that may say so.
            location: where the server sends us instead.
        """
        self._status = status
        codings = ", ".join(
            name for name in map(str.strip, coding.lower().split(",")) if name not in _NO_CODING
        )
        if status != 200 or "event-stream" not in content_type.lower():
            self._error_body = b""
        if codings:
            self._error_body = b""
            self._about = compressed(codings, self._quote)
        elif location is not None and 300 <= status < 400:
            self._about = redirected(location, self._quote)

    def body(self, data: bytes, now_s: float) -> None:
        """A part of the answer's body, read at ``now_s``."""
        if self.outcome is not None:
            return
        if self._error_body is not None:
            self._error_body += data[:MAX_ERROR_BYTES]
            if len(self._error_body) >= MAX_ERROR_BYTES:
                self.ended(now_s)  # Its beginning says enough, however long it goes on.
            return
        try:
            for event in self._framer.feed(data):
                self._event(event, now_s)
                if self.outcome is not None:
                    return
        except (SseError, CompletionError, TokensError) as error:
            self.fail(f"malformed stream after {self.num_tokens} tokens: {error}", now_s)

    def ended(self, now_s: float) -> None:
        """The server sent all of its answer."""
        if self.outcome is not None:
            return
        if self._error_body is not None:
            if self._about:
                self.fail(f"HTTP {self._status}: {self._about}", now_s)
                return
            kind = "" if self._status != 200 else " without an event stream"
            text = self._quote(self._error_body)
            said = f"HTTP {self._status}{kind}: {text}".removesuffix(": ")
            self.fail(said + way_out(self._status, text), now_s)
            return
        self._flush(now_s)
        if self.outcome is not None:
            return
        if not self._complete:
            self.fail(f"the stream ended after {self.num_tokens} tokens without [DONE]", now_s)
            return
        self._settled = self._tokens.settled(whole=True)
        num, wanted, usage = self.num_tokens, self._output_tokens, self._tokens.usage
        said = "" if usage in (None, num) else f"; the server counts {usage}"
        if not num:
            self.fail(f"the stream held no token{said}", now_s)
        elif self._exact and num != wanted:
            self.fail(f"{num} tokens came, {wanted} were asked for{said}", now_s)
        elif num < wanted and not self._says_end:
            self.fail(f"{num} of {wanted} tokens came, and no finish_reason says why{said}", now_s)
        else:
            self._end(Outcome.FINISHED, "", now_s)

    def lost(self, reason: str, now_s: float, remark: str = "") -> None:
        """The connection is gone; no more will come."""
        if self.outcome is None and self._error_body is None:
            self._flush(now_s)
        if self.outcome is None and (self._complete or self._error_body):
            self.ended(now_s)  # An answer without a length ends with its connection.
        else:
            self.fail(f"{reason} after {self.num_tokens} tokens{remark}", now_s)

    def fail(self, reason: str, now_s: float) -> None:
        """It cannot be had."""
        self._end(Outcome.FAILED, reason, now_s)

    def time_out(self, reason: str, now_s: float) -> None:
        """It took too long; what is complete but for its end is finished all the same."""
        if self.outcome is None and self._complete:
            self.ended(now_s)
        else:
            self._end(Outcome.TIMED_OUT, f"{reason}, after {self.num_tokens} tokens", now_s)

    @property
    def num_tokens(self) -> int:
        """Tokens so far; once it has ended, all of them."""
        return self._tokens.num if self._settled is None else len(self._settled[0])

    @property
    def token_times_s(self) -> array[float]:
        """A time for each token; tokens of one network read have the same."""
        return (self._settled or self._tokens.settled(whole=False))[0]

    @property
    def counted(self) -> Counted:
        """By what its tokens were counted, once it has ended."""
        return (self._settled or self._tokens.settled(whole=False))[1]

    @property
    def prompt_tokens(self) -> int | None:
        """As the server counted them; None: it did not say."""
        return self._tokens.prompt_tokens

    def _event(self, data: bytes | NamedEvent, now_s: float) -> None:
        name = b""
        if isinstance(data, NamedEvent):
            name, data = data
        if not data.startswith(b"{") and (bare := data.strip()) in (b"", _DONE):
            if bare:
                self._complete = True
                self.done_s = now_s
            return
        quote = self._quote
        event = read_named_event(name, data, quote) if name else read_event(data, quote)
        if event is None:
            return
        if event.error is not None:
            tokens = self.num_tokens
            self.fail(f"the server's error after {tokens} tokens: {event.error}", now_s)
            return
        self._tokens.add(event, now_s)
        if event.prompt_tokens:
            self._tokens.prompt_tokens = event.prompt_tokens
        if event.cached_tokens:
            self.cached_tokens = event.cached_tokens
        if event.finished:
            self._complete = self._says_end = True

    def _flush(self, now_s: float) -> None:
        """Take what the stream's end left without a blank line, if it is whole."""
        try:
            for event in self._framer.flush():
                self._event(event, now_s)
        except (SseError, CompletionError, TokensError):
            return  # A piece of an event: cut off.

    def _end(self, outcome: Outcome, error: str, now_s: float) -> None:
        if self.outcome is None:
            self.outcome, self.error, self.left_s = outcome, error, now_s
            if self._settled is None:
                self._settled = self._tokens.settled(whole=False)
