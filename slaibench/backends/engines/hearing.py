"""Headers that say a request's own targets and tenant, heard by a server of ours.

They go into the request's body, where our schedulers look for what it says of itself; what the
body says already stands (``slaibench.endpoint.target_headers`` has the names).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import partial
from typing import Any

from slaibench.backends.engines.gate import (
    Application,
    Message,
    Receive,
    Send,
    before_every_application,
)
from slaibench.endpoint.target_headers import said_in

VARIABLE = "SLAIBENCH_HEARS_HEADERS"
"""Environment variable of a server: whether it does."""
ROUTES = ("/completions",)
"""Ends of the paths that take requests."""


class Hearing:
    """ASGI middleware that puts what headers say into a field of the body.

    Args:
        field: where the engine takes what our schedulers look at.
    """

    def __init__(self, app: Application, field: str) -> None:
        self._app = app
        self._field = field

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        said = _said(scope)
        if not said:
            await self._app(scope, receive, send)
            return
        body = b""
        while True:
            message = await receive()
            if message["type"] != "http.request":  # the client has gone
                break
            body += message.get("body", b"")
            if not message.get("more_body", False):
                body = self._with(body, said)
                message = {"type": "http.request", "body": body, "more_body": False}
                break
        waiting = [message]

        async def replayed() -> Message:
            return waiting.pop() if waiting else await receive()

        await self._app({**scope, "headers": _sized(scope["headers"], len(body))}, replayed, send)

    def _with(self, body: bytes, said: Mapping[str, Any]) -> bytes:
        """The body with it; as it is, where it is none that a request could have."""
        try:
            fields = json.loads(body)
        except (ValueError, RecursionError):
            return body
        own = fields.get(self._field) if isinstance(fields, dict) else body
        if not isinstance(own, dict | None):
            return body
        stands = {name: value for name, value in (own or {}).items() if value is not None}
        return json.dumps({**fields, self._field: {**said, **stands}}).encode()


class InXargs(Hearing):
    """For vLLM, which names a class on its command line."""

    def __init__(self, app: Application) -> None:
        super().__init__(app, "vllm_xargs")


CLASS = f"{__name__}.{InXargs.__name__}"
"""As vLLM's command line names it."""


def environment(*, hears: bool) -> dict[str, str]:
    """What a server's environment says of it; an inherited word never counts."""
    return {VARIABLE: "1" if hears else ""}


def hear_in_every_application(field: str) -> None:
    """Stand before each web application of this process, where the environment says so."""
    if os.environ.get(VARIABLE):
        before_every_application(partial(Hearing, field=field))


def _said(scope: Mapping[str, Any]) -> dict[str, float | str]:
    if scope["type"] != "http" or scope["method"] != "POST" or not scope["path"].endswith(ROUTES):
        return {}
    headers = {name.decode("latin-1"): text.decode("latin-1") for name, text in scope["headers"]}
    return said_in({name.lower(): text for name, text in headers.items()})


def _sized(headers: list[tuple[bytes, bytes]], length: int) -> list[tuple[bytes, bytes]]:
    others = [(name, text) for name, text in headers if name.lower() != b"content-length"]
    return [*others, (b"content-length", str(length).encode())]
