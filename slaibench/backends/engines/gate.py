"""The door of an engine's server: who does not know its key is refused, whatever the request.

An engine's own keys guard some of its routes and leave others open, and their flags can be read by
every user of the machine (``ps``). So this stands before all routes, and the key is in the
server's environment, which only its owner can read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from functools import partial
from hmac import compare_digest
from typing import Any

VARIABLE = "SLAIBENCH_SERVER_KEY"
"""Environment variable of a server: its key."""
CLASS = f"{__name__}.Gate"
"""As an engine's command line names it."""
OPEN_PATHS = ("/health",)
"""What everybody may ask: whether the server answers."""
REFUSAL = (
    "this server is not for you: it wants its own key with each request (Authorization: Bearer KEY)"
)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


class Gate:
    """ASGI middleware that lets nobody in without the key of this process's environment.

    Raises:
        ValueError: there is no key: an open door that is taken for a closed one.
    """

    def __init__(self, app: Application) -> None:
        key = os.environ.get(VARIABLE)
        if not key:
            raise ValueError(f"{VARIABLE} must hold the key that requests are asked for")
        self._app = app
        self._wanted = f"Bearer {key}".encode()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "lifespan" or self._is_open(scope) or self._has_key(scope):
            await self._app(scope, receive, send)
        elif kind == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await _refuse(send)

    @staticmethod
    def _is_open(scope: Mapping[str, Any]) -> bool:
        return (
            scope["type"] == "http"
            and scope["method"] in ("GET", "HEAD")
            and scope["path"] in OPEN_PATHS
        )

    def _has_key(self, scope: Mapping[str, Any]) -> bool:
        given = [value for name, value in scope["headers"] if name.lower() == b"authorization"]
        return len(given) == 1 and compare_digest(given[0], self._wanted)


def environment(key: str | None) -> dict[str, str]:
    """What a server's environment says of its key; an inherited one never counts."""
    return {VARIABLE: key or ""}


async def _refuse(send: Send) -> None:
    body = json.dumps({"error": {"message": REFUSAL, "type": "unauthorized", "code": 401}}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"www-authenticate", b"Bearer"),
    ]
    await send({"type": "http.response.start", "status": 401, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def guard_every_application() -> None:
    """Stand before each web application of this process, where the environment has a key."""
    if os.environ.get(VARIABLE):
        before_every_application(Gate)


def before_every_application(middleware: Callable[[Application], Application]) -> None:
    """Have each web application of this process behind a middleware; the last one is outermost.

    For a server that takes no middleware by its command line. Whatever such an application is
    built for (several processes, one for an encoder), Starlette's class is at its beginning.
    """
    from starlette.applications import Starlette  # noqa: PLC0415  (only a server has it)

    inner = Starlette.__call__

    async def behind(self: Starlette, scope: Message, receive: Receive, send: Send) -> None:
        await middleware(partial(inner, self))(scope, receive, send)

    Starlette.__call__ = behind  # type: ignore[method-assign]
