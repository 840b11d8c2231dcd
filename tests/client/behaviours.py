"""Ways in which a server may answer, and what each must come to with four tokens asked for."""

from __future__ import annotations

import asyncio
import json
import socket

from slaibench.recording.record import Outcome
from tests.client.serving import Answer, HangUpError, Received


async def several_a_read(received: Received, answer: Answer) -> None:
    event = json.dumps({"choices": [{"index": 0, "text": "a", "finish_reason": None}]})
    answer.head()
    answer.chunk(f"data: {event}\n\ndata: {event}\n\ndata: {event}\n\n".encode())
    await answer.flush()
    await asyncio.sleep(0.05)
    answer.token()
    answer.end()


async def byte_by_byte(received: Received, answer: Answer) -> None:
    event = json.dumps({"choices": [{"index": 0, "text": "ä", "finish_reason": None}]})
    stream = f": hello\r\n\r\ndata: {event}\r\n\r\n".encode() * received.body["max_tokens"]
    answer.head()
    for byte in stream:
        answer.chunk(bytes([byte]))
        await answer.flush()
    answer.end()


async def cut(received: Received, answer: Answer) -> None:
    answer.head()
    answer.token()
    answer.token()
    await answer.flush()
    await asyncio.sleep(0.02)
    raise HangUpError


async def reset(received: Received, answer: Answer) -> None:
    sock = answer.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    raise HangUpError


async def malformed(received: Received, answer: Answer) -> None:
    answer.head()
    answer.token()
    answer.event("{nonsense")
    answer.end()


async def bad_request(received: Received, answer: Answer) -> None:
    answer.whole(400, '{"message": "no such thing"}')


async def broken(received: Received, answer: Answer) -> None:
    answer.whole(500, "sorry", "text/plain")


async def moved(received: Received, answer: Answer) -> None:
    answer.raw(b"HTTP/1.1 307 Moved\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")


async def no_http(received: Received, answer: Answer) -> None:
    answer.raw(b"SSH-2.0-OpenSSH_9.6\r\n")


async def upgrade(received: Received, answer: Answer) -> None:
    answer.raw(b"HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x01a")


async def error_object(received: Received, answer: Answer) -> None:
    answer.head()
    answer.token()
    answer.event({"error": {"message": "engine dead"}})
    answer.end()


async def never(received: Received, answer: Answer) -> None:
    await asyncio.sleep(60)


async def stalls(received: Received, answer: Answer) -> None:
    answer.head()
    answer.token()
    await answer.flush()
    await asyncio.sleep(60)


async def slow(received: Received, answer: Answer) -> None:
    await asyncio.sleep(0.3)
    answer.head()
    for _ in range(received.body["max_tokens"]):
        answer.token()
    answer.end()


async def fewer(received: Received, answer: Answer) -> None:
    answer.head()
    answer.token(finish="stop")
    answer.end()


async def until_closed(received: Received, answer: Answer) -> None:
    answer.raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
    for _ in range(received.body["max_tokens"]):
        answer.raw(b'data: {"choices": [{"text": "a"}]}\n\n')
    answer.raw(b"data: [DONE]\n\n")
    raise HangUpError


async def closing(received: Received, answer: Answer) -> None:
    answer.head(connection="close")
    for _ in range(received.body["max_tokens"]):
        answer.token()
    answer.end()
    raise HangUpError


async def interim(received: Received, answer: Answer) -> None:
    answer.raw(b"HTTP/1.1 100 Continue\r\n\r\n")
    answer.head()
    for _ in range(received.body["max_tokens"]):
        answer.token(usage={"prompt_tokens": 77, "completion_tokens": _ + 1})
    answer.end()


async def long_head(received: Received, answer: Answer) -> None:
    answer.raw(b"HTTP/1.1 200 OK\r\nX: ")
    for _ in range(40):
        answer.raw(b"x" * 100_000)
        await answer.flush()
    raise HangUpError


async def no_blank_line(received: Received, answer: Answer) -> None:
    answer.head()
    for _ in range(80):
        answer.chunk(b"data: x\n" * 10_000)
        await answer.flush()
    answer.end()


async def endless_refusal(received: Received, answer: Answer) -> None:
    answer.head(503, "text/plain")
    for _ in range(10_000):
        answer.chunk(b"busy " * 100)
        await answer.flush()


async def endless_output(received: Received, answer: Answer) -> None:
    answer.head()
    for _ in range(100_000):
        answer.token()
        await answer.flush()


async def goes_on_after_done(received: Received, answer: Answer) -> None:
    answer.head()
    for _ in range(received.body["max_tokens"]):
        answer.token()
    answer.event("[DONE]")
    while True:
        answer.chunk(b": still here\n\n")
        await answer.flush()
        await asyncio.sleep(0.1)


async def hangs_up(received: Received, answer: Answer) -> None:
    answer.head()
    for _ in range(received.body["max_tokens"]):
        answer.token()
    answer.end()
    await answer.flush()
    raise HangUpError


BEHAVIOURS = {
    behaviour.__name__: behaviour
    for behaviour in (
        several_a_read, byte_by_byte, cut, reset, malformed, bad_request, broken, moved, no_http,
        upgrade, error_object, never, stalls, slow, fewer, until_closed, closing, interim,
        long_head, no_blank_line, endless_refusal, endless_output, goes_on_after_done,
    )
}  # fmt: skip

EXPECTED = {
    "plain": (Outcome.FINISHED, 4, ""),
    "several_a_read": (Outcome.FINISHED, 4, ""),
    "byte_by_byte": (Outcome.FINISHED, 4, ""),
    "slow": (Outcome.FINISHED, 4, ""),
    "until_closed": (Outcome.FINISHED, 4, ""),
    "closing": (Outcome.FINISHED, 4, ""),
    "interim": (Outcome.FINISHED, 4, ""),
    "cut": (Outcome.FAILED, 2, "the server closed the connection after 2 tokens"),
    "reset": (Outcome.FAILED, 0, "connection"),
    "malformed": (Outcome.FAILED, 1, "malformed stream after 1 tokens: not a completion: {nonse"),
    "bad_request": (Outcome.FAILED, 0, 'HTTP 400: {"message": "no such thing"}'),
    "broken": (Outcome.FAILED, 0, "HTTP 500: sorry"),
    "moved": (Outcome.FAILED, 0, "HTTP 307: it redirects to /elsewhere: correct --url"),
    "no_http": (Outcome.FAILED, 0, "not an HTTP/1.1 answer"),
    "upgrade": (Outcome.FAILED, 0, "not an HTTP/1.1 answer"),
    "error_object": (Outcome.FAILED, 1, "the server's error after 1 tokens: engine dead"),
    "fewer": (Outcome.FAILED, 1, "1 tokens came, 4 were asked for"),
    "long_head": (Outcome.FAILED, 0, "not an HTTP/1.1 answer (more than 1048576 bytes of headers)"),
    "no_blank_line": (Outcome.FAILED, 0, "malformed stream after 0 tokens: an event of more than"),
    "endless_refusal": (Outcome.FAILED, 0, "HTTP 503: busy busy"),
    "endless_output": (Outcome.FAILED, 141, "malformed stream after 141 tokens: more than 140"),
    "goes_on_after_done": (Outcome.FINISHED, 4, ""),
    "never": (Outcome.TIMED_OUT, 0, "not done 4 s after it was due, after 0 tokens"),
    "stalls": (Outcome.TIMED_OUT, 1, "silent for 1 s, after 1 tokens"),
}
