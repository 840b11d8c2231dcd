"""A server whose truth is known, to compare load generators with.

    python -m benchmarks.client_server PORT [--step-ms 20]

It speaks OpenAI's completions and chat interfaces over HTTP/1.1. Like an engine, it works in steps:
every ``--step-ms`` each request gets its next token, one write for each. Bytes are made beforehand;
each write is stamped right before it happens, on the machine's monotonic clock, and so is each
request's arrival. ``GET /truth`` gives the stamps by ``X-Request-Id`` and forgets them.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import re
import time
from typing import Any

import orjson
import uvloop

from slaibench.client.alarm import make_alarm

MODEL = "truth"
MOST_TOKENS = 4096
_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_ID = re.compile(rb"\r\nx-request-id: *([^\r]+)", re.IGNORECASE)


def _chunk(event: dict[str, Any] | bytes) -> bytes:
    data = event if isinstance(event, bytes) else orjson.dumps(event)
    data = b"data: " + data + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(data), data)


def _event(chat: bool, choices: list[dict[str, Any]], count: int | None) -> dict[str, Any]:
    """Shaped and sized as vLLM's are."""
    kind = "chat.completion.chunk" if chat else "text_completion"
    event: dict[str, Any] = {"id": "cmpl-0123456789abcdef0123456789abcdef", "object": kind}
    event |= {"created": 1760000000, "model": MODEL, "choices": choices}
    if count is not None:
        event["usage"] = {"prompt_tokens": 16, "total_tokens": 16 + count}
        event["usage"]["completion_tokens"] = count
    return event


def _tokens(chat: bool, with_usage: bool) -> list[bytes]:
    """The chunk of each token, the first at 1."""
    out = [b""]
    for count in range(1, MOST_TOKENS + 1):
        part = {"delta": {"content": " a"}} if chat else {"text": " a"}
        choice = {"index": 0, **part, "logprobs": None, "finish_reason": None}
        out.append(_chunk(_event(chat, [choice], count if with_usage else None)))
    return out


class Stream:
    """One request being answered."""

    def __init__(self, transport: asyncio.Transport, tokens: list[bytes], tail: bytes) -> None:
        self.transport = transport
        self.tokens = tokens
        self.tail = tail
        self.wanted = 0
        self.times: list[float] = []


class Engine:
    """Steps at exact times; writes each stream's next token."""

    def __init__(self, loop: asyncio.AbstractEventLoop, step_s: float) -> None:
        self._step_s = step_s
        self._alarm = make_alarm(loop, self._step)
        self._next_s = time.monotonic() + step_s
        self._alarm.set(self._next_s)
        self.streams: list[Stream] = []
        self.truth: dict[str, dict[str, Any]] = {}
        self.tokens = {
            (chat, usage): _tokens(chat, usage) for chat in (False, True) for usage in (False, True)
        }

    def begin(self, transport: asyncio.Transport, path: bytes, body: dict[str, Any], truth: Any):
        chat = b"/chat/" in path
        usage = body.get("stream_options") or {}
        wanted = int(body.get("max_completion_tokens") or body.get("max_tokens") or 16)
        end = {"index": 0, "finish_reason": "length"}
        end |= {"delta": {}} if chat else {"text": ""}
        continuous = bool(usage.get("continuous_usage_stats"))
        tail = _chunk(_event(chat, [end], wanted if continuous else None))
        if usage.get("include_usage"):
            tail += _chunk(_event(chat, [], wanted))
        stream = Stream(transport, self.tokens[chat, continuous], tail + _chunk(b"[DONE]"))
        stream.tail += b"0\r\n\r\n"
        stream.wanted = min(wanted, MOST_TOKENS)
        truth["tokens"] = stream.times
        self.streams.append(stream)

    def _step(self) -> None:
        monotonic = time.monotonic
        left = []
        for stream in self.streams:
            number = len(stream.times) + 1
            data = stream.tokens[number]
            if number == 1:
                data = _HEAD + data
            stream.times.append(monotonic())
            stream.transport.write(data)
            if number == stream.wanted:
                stream.transport.write(stream.tail)
            elif not stream.transport.is_closing():
                left.append(stream)
        self.streams = left
        while self._next_s <= monotonic():
            self._next_s += self._step_s
        self._alarm.set(self._next_s)


class Http(asyncio.Protocol):
    """Just enough HTTP for well-behaved clients."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._buffer = b""
        self._begun_s: float | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._begun_s is None:
            self._begun_s = time.monotonic()
        self._buffer += data
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(match[1]) if (match := _LENGTH.search(head)) else 0
        if len(rest) < length:
            return
        self._buffer = rest[length:]
        begun_s, self._begun_s = self._begun_s, None
        self._answer(head, rest[:length], begun_s)

    def _answer(self, head: bytes, body: bytes, begun_s: float) -> None:
        path = head.split(b" ", 2)[1]
        if head.startswith(b"POST") and b"completions" in path:
            name = match[1].decode() if (match := _ID.search(head)) else f"unnamed-{begun_s}"
            truth = self._engine.truth[name] = {"received": begun_s}
            self._engine.begin(self._transport, path, orjson.loads(body), truth)
            return
        if path.startswith(b"/truth"):
            answer: Any = self._engine.truth
            self._engine.truth = {}
        elif path.startswith(b"/v1/models"):
            answer = {"object": "list", "data": [{"id": MODEL, "object": "model"}]}
        else:
            answer = {}
        data = orjson.dumps(answer)
        self._transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
            % len(data)
            + data
        )


async def _serve(port: int, step_s: float) -> None:
    loop = asyncio.get_running_loop()
    engine = Engine(loop, step_s)
    server = await loop.create_server(lambda: Http(engine), "127.0.0.1", port, backlog=4096)
    gc.freeze()
    gc.disable()
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int, help="0: any free one, which is printed")
    parser.add_argument("--step-ms", type=float, default=20.0)
    args = parser.parse_args()
    uvloop.run(_serve(args.port, args.step_ms / 1e3))


if __name__ == "__main__":
    main()
