"""Requests before a run: whatever answers, there is an end and a reason."""

from __future__ import annotations

import asyncio
import socket

import pytest

from slaibench.client import fetch as module
from slaibench.client.fetch import FetchError, fetch, served_models
from slaibench.client.target import Target
from tests.client.serving import Answer, Behaviour, Received, serve

SHORT_S = 0.3


async def trickling_head(received: Received, answer: Answer) -> None:
    answer.raw(b"HTTP/1.1 200 OK\r\n")
    while True:
        answer.raw(b"X: y\r\n")
        await answer.flush()
        await asyncio.sleep(0.05)


async def trickling_body(received: Received, answer: Answer) -> None:
    answer.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        answer.raw(b" ")
        await answer.flush()
        await asyncio.sleep(0.05)


async def silence(received: Received, answer: Answer) -> None:
    await asyncio.sleep(60)


async def endless(received: Received, answer: Answer) -> None:
    answer.raw(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        answer.raw(b" " * 10_000)
        await answer.flush()


async def long_line(received: Received, answer: Answer) -> None:
    answer.raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000)


async def nested(received: Received, answer: Answer) -> None:
    answer.whole(200, "[" * 50_000)


async def no_http(received: Received, answer: Answer) -> None:
    answer.raw(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (trickling_head, "no whole answer within 0.3 s|more than 100 headers"),
        (trickling_body, "no whole answer within 0.3 s"),
        (silence, "no whole answer within 0.3 s|timed out"),
        (endless, "an answer of more than 100000 bytes"),
        (long_line, "more than 65536 bytes"),
        (nested, "not JSON"),
        (no_http, "SSH"),
    ],
)
def test_every_answer_has_an_end(
    behaviour: Behaviour, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_ANSWER_BYTES", 100_000)
    with (
        serve({"/v1/models": behaviour}) as server,
        pytest.raises(FetchError, match=words) as caught,
    ):
        fetch(Target(server.url, ""), "/v1/models", timeout_s=SHORT_S)
    assert caught.value.reached


async def echo(received: Received, answer: Answer) -> None:
    answer.whole(401, f"bad {received.headers}", "text/plain")


async def echo_no_http(received: Received, answer: Answer) -> None:
    answer.raw(f"bad {received.headers['X-Key']}\r\n\r\n".encode())


async def squeezed(received: Received, answer: Answer) -> None:
    answer.raw(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\n\x1f")


async def moved(received: Received, answer: Answer) -> None:
    answer.raw(
        b"HTTP/1.1 307 Go\r\nContent-Length: 0\r\nLocation: http://a:hunter2@h/x?k=hunter3\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (echo, r"HTTP 401: bad .*Bearer \*\*\*"),
        (echo_no_http, r"bad \*\*\*"),
        (squeezed, r"HTTP 200: the answer is compressed \(gzip\)"),
        (moved, r"HTTP 307: it redirects to http://\.\.\.@h/x\?k=\.\.\.: correct --url"),
    ],
)
def test_answers_are_reported_without_what_is_secret(behaviour: Behaviour, words: str) -> None:
    with (
        serve({"/v1/models": behaviour}) as server,
        pytest.raises(FetchError, match=words) as caught,
    ):
        fetch(Target(server.url, "", api_key="hunter2", headers={"X-Key": "hunter4"}), "/v1/models")
    assert "hunter" not in str(caught.value)


def test_where_nothing_listens_nothing_is_reached() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        target = Target(f"http://127.0.0.1:{free.getsockname()[1]}", "")
        with pytest.raises(FetchError, match="refused") as caught:
            fetch(target, "/v1/models")
    assert not caught.value.reached


def test_the_query_and_the_headers_go_along() -> None:
    async def models(received: Received, answer: Answer) -> None:
        answer.whole(200, '{"data": [{"id": "half \\ud83d"}]}')

    with serve({"/a/models?k=v": models}) as server:
        target = Target(server.url + "/a/completions?k=v", "", headers={"X-Team": "a"})
        assert served_models(target) == ["half ?"]
        assert server.received[0].headers["X-Team"] == "a"
