"""Connections: opened before they are needed, kept while they are fresh, never waited for.

There is no limit on how many: a request that finds no idle connection opens its own, so a slow
server cannot hold back the schedule. A request is written once, on one connection; nothing is ever
sent again.
"""

from __future__ import annotations

import asyncio
import errno
import ssl
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from slaibench.client.connection import Connection, Inbox, TrafficCounts
from slaibench.client.exchange import Exchange
from slaibench.client.refusals import connection_error
from slaibench.endpoint.url import Address

MAX_IDLE_S = 3.0
"""Servers close a connection that idles (uvicorn, hence vLLM and SGLang: after 5 s). A request
written at that moment would be lost, so older ones are replaced before."""
_OUT_OF_FILES = (errno.EMFILE, errno.ENFILE)
PREPARE_S = 10.0
"""How long a server may take to accept the connections that are opened beforehand."""


class ConnectionPool:
    """The connections of one client process.

    Args:
        num_spares: idle connections to keep ready.
        on_end: called with each exchange that has ended.
        new_connections: open one for each request, when it is due, and none before.
        tls: how connections are encrypted; None: they are not.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        address: Address,
        *,
        num_spares: int,
        inbox: Inbox,
        on_end: Callable[[Exchange], None],
        new_connections: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._loop = loop
        self._address = address
        self._num_spares = 0 if new_connections else num_spares
        self.reuses = not new_connections
        """Whether a connection is used again after an answer."""
        self._inbox = inbox
        self._on_end = on_end
        self._tls = tls
        self._ip = address.host
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()
        self._serving: dict[Exchange, Connection] = {}
        self._opening: set[asyncio.Task[None]] = set()
        self._num_opening_spares = 0
        self._refused = False
        self.refused_in_a_row = 0
        """Requests in a row for which no connection could be had: the server's doing."""
        self.counts = TrafficCounts()

    async def prepare(self) -> None:
        """Find the address that answers and open the spares. A server that cannot be reached now
        is no error here: each request will say so itself."""
        if not self._num_spares:
            return
        with suppress(OSError):
            first = await asyncio.wait_for(self._connect(self._address.host), PREPARE_S)
            # Names are looked up once: later connections must not wait for it.
            self._ip = first.peer_ip or self._address.host
            self.idle(first)
            self.refill()
            await asyncio.wait_for(asyncio.gather(*self._opening), PREPARE_S)

    def keep(self, num_spares: int) -> None:
        """Keep so many idle connections ready from now on; those that there are stay."""
        self._num_spares = min(self._num_spares, num_spares)

    def send(self, exchange: Exchange, data: bytes) -> None:
        """Write a request now if a connection idles, else as soon as a new one is open."""
        while self._idle:
            connection = self._idle.pop()
            if connection.is_usable:
                self._write(connection, exchange, data)
                self.refill()
                return
        self._start(self._open_for(exchange, data))

    def refill(self) -> None:
        """Open spares up to their number, unless the server refused the last one."""
        missing = self._num_spares - len(self._idle) - self._num_opening_spares
        if not self._refused:
            for _ in range(missing):
                self._num_opening_spares += 1
                self._start(self._open_spare())

    def refresh(self) -> None:
        """Replace what has idled too long; call now and then."""
        limit_s = time.monotonic() - MAX_IDLE_S
        stale = [idle for idle in self._idle if idle.idle_since_s < limit_s]
        self._idle = [idle for idle in self._idle if idle.idle_since_s >= limit_s]
        for connection in stale:
            connection.abandon()
        self.refill()

    def drop(self, exchange: Exchange) -> None:
        """Close the connection of an exchange that was given up."""
        connection = self._serving.pop(exchange, None)
        if connection is not None:
            connection.abandon()

    async def close(self) -> None:
        """Close everything; exchanges that go on are left as they are."""
        for task in self._opening:
            task.cancel()
        for connection in list(self._all):
            connection.abandon()
        self._idle.clear()
        await asyncio.gather(*self._opening, return_exceptions=True)
        await asyncio.sleep(0)  # The loop closes sockets in its next turn.

    # What its connections call (``Owner``)

    def idle(self, connection: Connection) -> None:
        """As ``Owner``."""
        connection.idle_since_s = time.monotonic()
        self._idle.append(connection)

    def opened(self, connection: Connection) -> None:
        """As ``Owner``."""
        self.counts.connections += 1
        self._all.add(connection)

    def lost(self, connection: Connection) -> None:
        """As ``Owner``."""
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
            if connection.num_served and time.monotonic() - connection.idle_since_s < MAX_IDLE_S:
                # This server closes after each answer. A request that is written on a connection
                # before its end is heard of would be lost.
                self.reuses = False

    def ended(self, exchange: Exchange) -> None:
        """As ``Owner``."""
        self._serving.pop(exchange, None)
        self._on_end(exchange)

    def _write(self, connection: Connection, exchange: Exchange, data: bytes) -> None:
        self._serving[exchange] = connection
        connection.send(exchange, data)

    def _start(self, opening: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(opening)
        self._opening.add(task)
        task.add_done_callback(self._is_open)

    def _is_open(self, task: asyncio.Task[None]) -> None:
        self._opening.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # A defect, since sockets' errors are dealt with: whoever runs the loop must know.
            self._loop.call_exception_handler({"message": "open", "exception": error})

    async def _connect(self, host: str) -> Connection:
        _, connection = await self._loop.create_connection(
            lambda: Connection(self, self._inbox, self.counts),
            host,
            self._address.port,
            ssl=self._tls,
            server_hostname=self._address.host if self._tls else None,
        )
        if not connection.is_usable:
            raise ConnectionResetError(errno.ECONNRESET, "closed as soon as it was open")
        return connection

    async def _open_spare(self) -> None:
        try:
            self.idle(await self._connect(self._ip))
        except OSError:
            self._refused = True
        finally:
            self._num_opening_spares -= 1

    async def _open_for(self, exchange: Exchange, data: bytes) -> None:
        try:
            connection = await self._connect(self._ip)
        except OSError as error:
            self.refused_in_a_row += error.errno not in _OUT_OF_FILES
            if exchange.outcome is None:
                exchange.fail(self._reason(error), time.monotonic())
                self._on_end(exchange)
            return
        self._refused = False
        self.refused_in_a_row = 0
        if exchange.outcome is None:
            self._write(connection, exchange, data)
        else:
            self.idle(connection)
        self.refill()

    def _reason(self, error: OSError) -> str:
        if error.errno in _OUT_OF_FILES:
            return "no connection: too many open files; raise the limit (ulimit -n)"
        return f"no connection to {self._address.authority}: {connection_error(error)}"
