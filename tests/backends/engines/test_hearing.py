"""What headers say of a request gets into its body, and nothing else changes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from slaibench.backends.engines.gate import Message
from slaibench.backends.engines.hearing import Hearing, InXargs

SAYS = ((b"X-LLM-D-SLO-TTFT-MS", b"300"), (b"x-gateway-inference-fairness-id", b"a%20b"))
HEARD = {"ttft_slo_s": 0.3, "tenant": "a b"}


class App:
    """Reads a request as a server does."""

    def __init__(self) -> None:
        self.headers: Mapping[bytes, bytes] = {}
        self.body = b""
        self.last = ""

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        self.headers = dict(scope["headers"])
        message = await receive()
        while message["type"] == "http.request":
            self.body += message["body"]
            if not message.get("more_body", False):
                message = await receive()
                break
            message = await receive()
        self.last = message["type"]


def heard(
    *parts: bytes, path: str = "/v1/completions", headers: tuple[tuple[bytes, bytes], ...] = SAYS
) -> App:
    app = App()
    messages: list[Message] = [
        {"type": "http.request", "body": part, "more_body": part is not parts[-1]} for part in parts
    ]
    messages.append({"type": "http.disconnect"})

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        raise AssertionError("it answers nothing by itself")

    length = (b"Content-Length", str(sum(map(len, parts))).encode())
    scope = {"type": "http", "method": "POST", "path": path, "headers": [length, *headers]}
    asyncio.run(InXargs(app)(scope, receive, send))
    assert app.last == "http.disconnect"  # who goes away is still seen
    return app


def test_headers_get_into_the_body_with_its_length() -> None:
    app = heard(b'{"prompt": "a",', b' "max_tokens": 3}')
    assert json.loads(app.body) == {"prompt": "a", "max_tokens": 3, "vllm_xargs": HEARD}
    assert app.headers[b"content-length"] == str(len(app.body)).encode()
    assert b"Content-Length" not in app.headers


def test_what_the_body_says_stands() -> None:
    body = {"prompt": "a", "vllm_xargs": {"tenant": "mine", "ttft_slo_s": None, "tier": "chat"}}
    app = heard(json.dumps(body).encode())
    assert json.loads(app.body)["vllm_xargs"] == {**HEARD, "tenant": "mine", "tier": "chat"}


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'"a"', b'{"vllm_xargs": "a"}', b"[" * 9999])
def test_a_body_that_is_none_is_left_to_the_server(body: bytes) -> None:
    assert heard(body).body == body


@pytest.mark.parametrize(
    ("path", "headers"), [("/tokenize", SAYS), ("/v1/completions", ((b"x-slo-ttft-ms", b"soon"),))]
)
def test_other_requests_pass_as_they_are(
    path: str, headers: tuple[tuple[bytes, bytes], ...]
) -> None:
    app = heard(b'{"prompt":"a"}', path=path, headers=headers)
    assert app.body == b'{"prompt":"a"}'


def test_an_engine_s_own_field_is_used() -> None:
    made = Hearing(App(), "custom_params")._with(b"{}", HEARD)
    assert json.loads(made) == {"custom_params": HEARD}
