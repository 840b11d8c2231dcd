"""When waiting is of no use: for one request, or for a server that is dead or takes nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from slaibench.client.exchange import Exchange
from slaibench.recording.record import Outcome

MAX_REFUSED = 10
MAX_FAILED = 100
"""So many requests in a row without a connection, or without an answer and without one token in
between."""
DONE_GRACE_S = 2.0
"""An answer may go on so long after its ``[DONE]``; nothing that it could still say counts."""
_UNANSWERED = (Outcome.FAILED, Outcome.TIMED_OUT)


class Patience:
    """Looks at every request that ends, and at what speaks for a server that serves.

    Args:
        most_failures: so many may fail or time out in all; None: any number that is not in a row.
    """

    def __init__(self, most_failures: int | None = None) -> None:
        self._most_failures = most_failures
        self._failed = 0
        self._failed_in_a_row = 0
        self._tokens_before = 0
        self.is_over = False

    def ended(self, exchange: Exchange, tokens: int, refused_in_a_row: int) -> str | None:
        """Why to stop sending, said once; None: go on.

        Args:
            exchange: the request that ended.
            tokens: tokens received so far, of all requests.
            refused_in_a_row: requests for which there was no connection, since the last one.
        """
        if self.is_over:
            return None
        failed = exchange.outcome in _UNANSWERED
        if not failed or tokens != self._tokens_before:
            self._failed_in_a_row = 0
        self._tokens_before = tokens
        self._failed_in_a_row += failed
        self._failed += failed
        why = None
        if refused_in_a_row >= MAX_REFUSED:
            why = f"{MAX_REFUSED} requests in a row found {exchange.error}"
        elif self._failed_in_a_row >= MAX_FAILED:
            how = "failed" if exchange.outcome is Outcome.FAILED else "timed out"
            why = f"{MAX_FAILED} requests in a row had {how}: {exchange.error}"
        elif self._most_failures is not None and self._failed > self._most_failures:
            why = f"more than {self._most_failures} requests had failed: {exchange.error}"
        self.is_over = why is not None
        return why


class TimeLimits:
    """Requests on their way, and the time that each has.

    Args:
        timeout_s: after a request is due.
        read_timeout_s: after something was read of its answer; None: no limit.
    """

    def __init__(self, timeout_s: float, read_timeout_s: float | None) -> None:
        self._timeout_s = timeout_s
        self._read_timeout_s = read_timeout_s
        self._waiting: deque[Exchange] = deque()

    def add(self, exchange: Exchange) -> None:
        """Take a request in; in the order of their due times."""
        self._waiting.append(exchange)

    def end_overdue(self, now_s: float) -> Iterator[Exchange]:
        """End those that are past a limit, each before it is given out."""
        waiting = self._waiting
        for exchange in waiting:
            done_s = exchange.done_s
            if exchange.outcome is None and done_s is not None and done_s < now_s - DONE_GRACE_S:
                exchange.ended(done_s)
                yield exchange
        late_s = now_s - self._timeout_s
        while waiting and (waiting[0].outcome is not None or waiting[0].due_s <= late_s):
            exchange = waiting.popleft()
            if exchange.outcome is None:
                exchange.time_out(f"not done {self._timeout_s:g} s after it was due", now_s)
                yield exchange
        if self._read_timeout_s is None:
            return
        silent_s = now_s - self._read_timeout_s
        for exchange in waiting:
            read_s = exchange.last_read_s
            if exchange.outcome is None and read_s is not None and read_s <= silent_s:
                exchange.time_out(f"silent for {self._read_timeout_s:g} s", now_s)
                yield exchange
