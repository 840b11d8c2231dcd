"""When sending on is of no use: the server is dead, or takes nothing that it is sent."""

from __future__ import annotations

from slaibench.client.exchange import Exchange
from slaibench.recording.record import Outcome

MAX_REFUSED = 10
MAX_FAILED = 100
"""So many requests in a row without a connection, or without an answer and without one token in
between."""
_UNANSWERED = (Outcome.FAILED, Outcome.TIMED_OUT)


class Patience:
    """Looks at every request that ends, and at what speaks for a server that serves."""

    def __init__(self) -> None:
        self._failed_in_a_row = 0
        self._tokens_before = 0
        self.is_over = False

    def ended(self, exchange: Exchange, tokens: int, refused_in_a_row: int) -> str | None:
        """Why to stop sending, told once; None: go on.

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
        why = None
        if refused_in_a_row >= MAX_REFUSED:
            why = f"{MAX_REFUSED} requests in a row found {exchange.error}"
        elif self._failed_in_a_row >= MAX_FAILED:
            how = "failed" if exchange.outcome is Outcome.FAILED else "timed out"
            why = f"{MAX_FAILED} requests in a row had {how}: {exchange.error}"
        self.is_over = why is not None
        return why
