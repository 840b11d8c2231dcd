"""One HTTP/1.1 connection: a request written, its answer read, then the next.

Speed trick *stamp first, parse later*: a read is only stamped and laid aside, and parsed a few at a
time between turns of the event loop, which reads whatever has come meanwhile. When 400 streams get
a token at once, the last one's stamp waits for 399 reads and not for 399 parses as well. Its twin
without the trick is ``Inbox(at_once=True)``; benchmarks/client_accuracy.py measures both.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Any, Protocol, cast

import httptools

from slaibench.client.exchange import Exchange

PARSED_IN_A_ROW = 8
"""Reads parsed before sockets get a turn again: about 50 us of work."""
MAX_LAID_ASIDE = 2000
LARGE_READ_BYTES = 16 << 10
"""More reads, or a larger one, are parsed at once: answers that come faster than they are parsed
must not fill the memory. No read of tokens is so large."""
USED_BEFORE = (
    "; it had answered on this connection before (--new-connections opens one for each request)"
)
MAX_HEAD_BYTES = 1 << 20
"""Of an answer's headers, and of whatever else comes between two pieces of its body."""


class TrafficCounts:
    """What a client process counts while it runs."""

    __slots__ = ("connections", "reads", "reads_of_several", "tokens")

    def __init__(self) -> None:
        self.connections = 0
        self.reads = 0
        """Network reads that brought at least one token."""
        self.reads_of_several = 0
        self.tokens = 0


class Inbox:
    """Reads that are stamped and not yet parsed, in the order they came.

    Args:
        at_once: parse each read before the next one is taken.
    """

    __slots__ = ("_at_once", "_items", "_loop", "_scheduled", "after_each")

    def __init__(self, loop: asyncio.AbstractEventLoop, at_once: bool = False) -> None:
        self._loop = loop
        self._at_once = at_once
        self._items: deque[tuple[Connection, bytes, float]] = deque()
        self._scheduled = False
        self.after_each = _nothing
        """Called between reads, so that a long row of them does not make a request late."""

    def put(self, connection: Connection, data: bytes, now_s: float) -> None:
        """Lay a read aside that came at ``now_s``, or parse it at once."""
        if self._at_once:
            connection.parse(data, now_s)
        else:
            self._items.append((connection, data, now_s))
            if len(data) > LARGE_READ_BYTES or len(self._items) > MAX_LAID_ASIDE:
                self.drain()
            elif not self._scheduled:
                self._scheduled = True
                self._loop.call_soon(self._drain_some)
        self.after_each(now_s)

    def drain(self) -> None:
        """Parse all that is there."""
        while self._items:
            self._parse_next()

    def _drain_some(self) -> None:
        for _ in range(min(PARSED_IN_A_ROW, len(self._items))):
            self._parse_next()
        self._scheduled = bool(self._items)
        if self._scheduled:
            self._loop.call_soon(self._drain_some)

    def _parse_next(self) -> None:
        connection, data, read_s = self._items.popleft()
        connection.parse(data, read_s)
        self.after_each(time.monotonic())


def _nothing(now_s: float) -> None:
    """Until something is to be done between reads."""


class Owner(Protocol):
    """Whom a connection works for."""

    reuses: bool
    """Whether a connection is used again after an answer."""

    def opened(self, connection: Connection) -> None:
        """It is open."""

    def idle(self, connection: Connection) -> None:
        """It is free for another exchange."""

    def lost(self, connection: Connection) -> None:
        """It is of no more use."""

    def ended(self, exchange: Exchange) -> None:
        """The exchange that it served has ended."""


class Connection(asyncio.Protocol):
    """Serves one exchange at a time, on behalf of its owner."""

    def __init__(self, owner: Owner, inbox: Inbox, counts: TrafficCounts) -> None:
        self._owner = owner
        self._inbox = inbox
        self._counts = counts
        self._transport: asyncio.Transport | None = None
        self._parser: Any = None
        self._exchange: Exchange | None = None
        self._content_type = ""
        self._coding = ""
        self._location: str | None = None
        self._read_s = 0.0
        self._num_headless = 0
        """Bytes that came since the last piece of a body."""
        self.num_served = 0
        """Answers that came to their end here."""
        self.idle_since_s = 0.0

    def send(self, exchange: Exchange, data: bytes) -> None:
        """Write a request. ``sent_s`` is stamped right before the call that hands its first byte
        to the socket (with TLS: before it is encrypted); the event loop makes that call at once,
        since nothing else waits on an idle connection."""
        assert self._transport is not None
        assert self._exchange is None
        self._exchange = exchange
        self._forget_head()
        self._num_headless = 0
        exchange.sent_s = time.monotonic()
        self._transport.write(data)

    def abandon(self) -> None:
        """Close without waiting, whatever goes on here. Its owner must have let it go."""
        self._exchange = None
        if self._transport is not None:
            self._transport.abort()

    @property
    def peer_ip(self) -> str | None:
        """The address at the other end."""
        peer = self._transport.get_extra_info("peername") if self._transport is not None else None
        return str(peer[0]) if peer else None

    @property
    def is_usable(self) -> bool:
        """Whether a request can be written on it."""
        return self._transport is not None and not self._transport.is_closing()

    def parse(self, data: bytes, read_s: float) -> None:
        """Take a read apart that came at ``read_s``."""
        exchange = self._exchange
        if exchange is None:
            return
        self._read_s = read_s
        before = exchange.num_tokens
        self._num_headless += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            raise error.__context__ or error from None  # A defect here is not the server's.
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            exchange.fail(f"not an HTTP/1.1 answer ({error})", read_s)
        if self._num_headless > MAX_HEAD_BYTES:
            exchange.fail(
                f"not an HTTP/1.1 answer (more than {MAX_HEAD_BYTES} bytes of headers)", read_s
            )
        new = exchange.num_tokens - before
        if new > 0:
            counts = self._counts
            counts.reads += 1
            counts.tokens += new
            if new > 1:
                counts.reads_of_several += 1
        if self._exchange is exchange and exchange.outcome is not None:
            # It failed in the midst of its answer: what else comes is of no use.
            self._finish(reusable=False)

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._parser = httptools.HttpResponseParser(self)
        self._owner.opened(self)

    def data_received(self, data: bytes) -> None:
        now_s = time.monotonic()
        exchange = self._exchange
        if exchange is not None:
            exchange.last_read_s = now_s
            self._inbox.put(self, data, now_s)
        else:
            self.abandon()  # Whatever it says belongs to no request.

    def connection_lost(self, exc: Exception | None) -> None:
        now_s = time.monotonic()
        self._inbox.drain()
        self._transport = self._parser = None
        exchange, self._exchange = self._exchange, None
        self._owner.lost(self)
        if exchange is not None:
            reason = f"connection lost ({exc})" if exc else "the server closed the connection"
            used = self.num_served and exchange.last_read_s is None
            exchange.lost(reason, now_s, USED_BEFORE if used else "")
            self._owner.ended(exchange)

    # httptools' side

    def on_message_begin(self) -> None:
        self._forget_head()  # That of 100 Continue, and the like.

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name == b"content-type":
            self._content_type = value.decode("latin-1")
        elif name in (b"content-encoding", b"transfer-encoding"):
            self._coding += "," + value.decode("latin-1")
        elif name == b"location":
            self._location = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if self._exchange is not None and status >= 200:
            self._exchange.head(status, self._content_type, self._coding, self._location)

    def on_body(self, data: bytes) -> None:
        self._num_headless = 0
        if self._exchange is not None:
            self._exchange.body(data, self._read_s)

    def on_message_complete(self) -> None:
        if self._exchange is None or self._parser.get_status_code() < 200:
            return  # 100 Continue and the like: the answer is still to come.
        self._exchange.ended(self._read_s)
        self._finish(reusable=self._parser.should_keep_alive())

    def _forget_head(self) -> None:
        self._content_type = self._coding = ""
        self._location = None

    def _finish(self, reusable: bool) -> None:
        exchange, self._exchange = self._exchange, None
        assert exchange is not None
        self.num_served += 1
        if reusable and self.is_usable and self._owner.reuses:
            self.idle_since_s = time.monotonic()
            self._owner.idle(self)
        else:
            self._owner.lost(self)
            self.abandon()
        self._owner.ended(exchange)
