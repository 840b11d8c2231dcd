"""A small HTTP server in a thread, whose answers a test writes byte by byte."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from slaibench.workloads.request import Request

SSE = "text/event-stream; charset=utf-8"


class HangUpError(Exception):
    """Raised by an answer that wants its connection closed."""


@dataclass
class Received:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class Answer:
    """What can be written back."""

    writer: asyncio.StreamWriter
    headers: Mapping[str, str] = field(default_factory=dict)

    def head(self, status: int = 200, content_type: str = SSE, connection: str = "") -> None:
        more = f"Connection: {connection}\r\n" if connection else ""
        self.raw(
            f"HTTP/1.1 {status} Whatever\r\nContent-Type: {content_type}\r\n{more}"
            "Transfer-Encoding: chunked\r\n\r\n".encode()
        )

    def raw(self, data: bytes) -> None:
        self.writer.write(data)

    def chunk(self, data: bytes) -> None:
        self.raw(b"%x\r\n%s\r\n" % (len(data), data))

    def event(self, data: Any) -> None:
        text = data if isinstance(data, str) else json.dumps(data)
        self.chunk(f"data: {text}\n\n".encode())

    def token(self, text: str = " a", finish: str | None = None, **more: Any) -> None:
        self.event({"choices": [{"index": 0, "text": text, "finish_reason": finish}], **more})

    def end(self) -> None:
        self.event("[DONE]")
        self.raw(b"0\r\n\r\n")

    def whole(self, status: int, text: str, content_type: str = "application/json") -> None:
        self.raw(
            f"HTTP/1.1 {status} Whatever\r\nContent-Type: {content_type}\r\n"
            f"Content-Length: {len(text)}\r\n\r\n{text}".encode()
        )

    async def flush(self) -> None:
        await self.writer.drain()


Behaviour = Callable[[Received, Answer], Awaitable[None]]


async def tokens(received: Received, answer: Answer) -> None:
    """As many tokens as asked for, one at a time."""
    answer.head()
    for _ in range(received.body["max_tokens"]):
        answer.token()
        await answer.flush()
        await asyncio.sleep(0)
    answer.end()


async def absent(received: Received, answer: Answer) -> None:
    """Nothing is there, as of a server that has no metrics."""
    answer.whole(404, '{"detail": "Not Found"}')


def says(text: str) -> Behaviour:
    """Metrics in Prometheus' text format."""

    async def answer_metrics(received: Received, answer: Answer) -> None:
        answer.whole(200, text, "text/plain; version=0.0.4")

    return answer_metrics


class Server:
    """Where it listens, and all that was asked of it."""

    def __init__(self, behaviours: Mapping[str, Behaviour]) -> None:
        self._behaviours = {"/metrics": absent, **behaviours}
        self.received: list[Received] = []
        self.num_connections = 0
        self.port = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._listening: asyncio.Server | None = None
        self.loop = asyncio.new_event_loop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.num_connections += 1
        self._writers.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                first, *lines = head.strip().split("\r\n")
                headers = dict(line.split(": ", 1) for line in lines)
                length = int(headers.get("Content-Length", 0))
                body = json.loads(await reader.readexactly(length) or b"{}")
                received = Received(first.split(" ")[1], headers, body)
                self.received.append(received)
                name = body.get("behave") or received.path
                await self._behaviours.get(name, tokens)(received, Answer(writer))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, HangUpError, ssl.SSLError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def start(self, tls: ssl.SSLContext | None) -> None:
        self._listening = await asyncio.start_server(
            self.handle, "127.0.0.1", 0, backlog=1000, ssl=tls
        )
        self.port = self._listening.sockets[0].getsockname()[1]

    def die(self) -> None:
        """Close every socket, from any thread; nothing listens from then on."""

        async def close() -> None:
            if self._listening is not None:
                self._listening.close()
            for writer in self._writers:
                writer.transport.abort()

        asyncio.run_coroutine_threadsafe(close(), self.loop).result(10)

    async def stop(self) -> None:
        if self._listening is not None:
            self._listening.close()
        # A connection that was just accepted: a task that is cancelled before its first step closes
        # nothing. Accepting, making the connection and handling it begin a turn apart.
        for _ in range(4):
            await asyncio.sleep(0)
        for writer in list(self._writers):
            writer.transport.abort()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.01)  # The loop closes the sockets in its next turns.


@contextmanager
def serve(
    behaviours: Mapping[str, Behaviour] | None = None, tls: ssl.SSLContext | None = None
) -> Iterator[Server]:
    """A server on a free port. Behaviours are chosen by the body's ``behave``, else by path; the
    default gives as many tokens as were asked for."""
    server = Server(behaviours or {})
    loop = server.loop
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(server.start(tls), loop).result(10)
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def by_tier(request: Request) -> dict[str, str]:
    """For ``Target.extra_of``: a request's tier chooses its answer's behaviour."""
    return {"behave": request.tier}
