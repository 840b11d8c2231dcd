"""Answers of a server, spoilt at random: what a client must live through."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
COUNTS = (0, 1, 2, 3, 4, 5, -1, 1.5, 4.0, 10**9, 10**30, 1e308, True, None, "4", [4], {"a": 1})
REASONS = (None, "", "length", "stop", "abort", "error", 3, True, {"type": "abort"}, [])
TEXTS = ("a", "", " b c", "\ud83d", "\u2028", "\x00", "x" * 3000, None, 7, ["a"], {"b": 1})
LINES = (
    b"", b": note", b"event: ping", b"event: error", b"event: message", b"data:", b"data: {}",
    b"data: [DONE]", b"data: [DONE] ", b"data: null", b"data: 3", b'data: {"error": "dead"}',
    b"data: " + b"[" * 5000, b"id: 1", b"retry: x", b"data", b"\xff\xfe", b"data: NaN",
    b'data: {"choices": [{"text": "a", "logprobs": NaN}]}',
)  # fmt: skip
ENDS = (b"\n", b"\r\n", b"\r", b"\n\n", b"")


def answer(rng: random.Random, tokens: int) -> bytes:
    """The bytes of one answer, head and body; where they end, the server hangs up."""
    body = _body(rng, tokens)
    for _ in range(rng.choice((0, 0, 0, 1, 3))):
        body = rng.choice(_SPOILS)(rng, body)
    framing = rng.choice((b"", b"length", b"chunked", b"wrong length"))
    head = HEAD
    if framing == b"chunked":
        head += b"Transfer-Encoding: chunked\r\n"
        body = _chunked(rng, body)
    elif framing:
        length = len(body) if framing == b"length" else rng.choice((0, len(body) // 2, 10**12))
        head += b"Content-Length: %d\r\n" % length
    whole = head + b"\r\n" + body
    return rng.choice(_SPOILS)(rng, whole) if rng.random() < 0.2 else whole


def _body(rng: random.Random, tokens: int) -> bytes:
    odd = rng.choice((0.0, 0.0, 0.1, 0.5))
    end = rng.choice(ENDS[:3])
    summed = rng.random() < 0.5
    parts = []
    for number in range(rng.choice((tokens, tokens, tokens, 0, tokens - 1, tokens + 1, 300))):
        reason = "length" if number == tokens - 1 else None
        reason = rng.choice(REASONS) if rng.random() < odd else reason
        text = rng.choice(TEXTS) if rng.random() < odd else "a"
        choice = {"delta": {"content": text}} if rng.random() < 0.3 else {"text": text}
        event = {"choices": [{"index": 0, "finish_reason": reason, **choice}]}
        if summed:
            count = rng.choice(COUNTS) if rng.random() < odd else number + 1
            event["usage"] = {"completion_tokens": count, "prompt_tokens": rng.choice(COUNTS[:4])}
        parts.append(b"data: " + json.dumps(event).encode() + 2 * end)
        if rng.random() < odd:
            parts.append(rng.choice(LINES) + rng.choice(ENDS))
    if rng.random() < 0.4:
        usage = {"completion_tokens": rng.choice(COUNTS), "prompt_tokens": 5}
        parts.append(b"data: " + json.dumps({"choices": [], "usage": usage}).encode() + 2 * end)
    return b"".join(parts) + (b"data: [DONE]" + 2 * end if rng.random() < 0.8 else b"")


def _chunked(rng: random.Random, body: bytes) -> bytes:
    parts, place = [], 0
    while place < len(body):
        size = rng.choice((1, 7, 100, 5000))
        part = body[place : place + size]
        parts.append(b"%x\r\n%s\r\n" % (len(part), part))
        place += size
    return b"".join(parts) + rng.choice((b"0\r\n\r\n", b"0\r\n\r\n", b"0\r\nX: y\r\n\r\n", b""))


def _flip(rng: random.Random, data: bytes) -> bytes:
    spoilt = bytearray(data)
    for _ in range(min(len(spoilt), rng.randint(1, 8))):
        spoilt[rng.randrange(len(spoilt))] = rng.randrange(256)
    return bytes(spoilt)


def _cut(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randint(0, len(data))]


def _drop(rng: random.Random, data: bytes) -> bytes:
    begin = rng.randint(0, len(data))
    return data[:begin] + data[begin + rng.randint(1, 60) :]


def _double(rng: random.Random, data: bytes) -> bytes:
    begin = rng.randint(0, len(data))
    piece = data[begin : begin + rng.randint(1, 400)]
    return data[:begin] + piece * rng.choice((2, 2, 50)) + data[begin:]


def _insert(rng: random.Random, data: bytes) -> bytes:
    begin = rng.randint(0, len(data))
    noise = rng.choice(
        (rng.randbytes(rng.randint(1, 50)), rng.choice(LINES) + b"\n", b"\n", b"\x00")
    )
    return data[:begin] + noise + data[begin:]


_SPOILS: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    _flip,
    _cut,
    _drop,
    _double,
    _insert,
)
