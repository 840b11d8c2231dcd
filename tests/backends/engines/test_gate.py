"""Nobody passes the door of a server of ours without its key, whatever the request."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from slaibench.backends.engines import gate
from slaibench.backends.engines.gate import Gate, Message

KEY = "a-secret"


class App:
    """Counts who came through."""

    def __init__(self) -> None:
        self.served: list[Mapping[str, Any]] = []

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        self.served.append(scope)


def ask(app: Any, scope: Mapping[str, Any]) -> list[Message]:
    """What is sent in answer to a request."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError("a body is not read before the key")

    asyncio.run(app(dict(scope), receive, send))
    return sent


def http(path: str, key: str | None = None, method: str = "POST") -> dict[str, Any]:
    headers = [] if key is None else [(b"authorization", f"Bearer {key}".encode())]
    return {"type": "http", "method": method, "path": path, "headers": headers}


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> App:
    monkeypatch.setenv(gate.VARIABLE, KEY)
    return App()


@pytest.mark.parametrize(
    "scope",
    [
        http("/generate"),
        http("/v1/completions", "another"),
        http("/v1/models", method="GET"),
        http("/flush_cache", method="GET"),
        http("/load_lora_adapter", ""),
        http("/health"),
        http("/health/", method="GET"),
        http("/metrics", method="GET"),
        {**http("/x"), "headers": [(b"authorization", KEY.encode())]},
        {**http("/x"), "headers": [(b"authorization", f"Bearer {KEY}".encode())] * 2},
    ],
)
def test_who_does_not_know_the_key_is_refused(scope: dict[str, Any], app: App) -> None:
    start, body = ask(Gate(app), scope)
    assert (start["status"], app.served) == (401, [])
    assert b"not for you" in body["body"]


def test_who_knows_it_is_served_and_everybody_may_ask_for_health(app: App) -> None:
    wanted = [http("/generate", KEY), http("/health", method="GET"), {"type": "lifespan"}]
    for scope in wanted:
        assert ask(Gate(app), scope) == []
    assert app.served == wanted


def test_a_socket_without_the_key_is_closed(app: App) -> None:
    scope = {"type": "websocket", "path": "/v1/realtime", "headers": []}
    assert ask(Gate(app), scope) == [{"type": "websocket.close", "code": 1008}]
    assert app.served == []


@pytest.mark.parametrize("key", [None, ""])
def test_a_door_without_a_key_is_not_taken_for_a_closed_one(
    key: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if key is None:
        monkeypatch.delenv(gate.VARIABLE, raising=False)
    else:
        monkeypatch.setenv(gate.VARIABLE, key)
    with pytest.raises(ValueError, match=gate.VARIABLE):
        Gate(App())


def test_every_application_of_a_process_can_be_guarded(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    starlette = pytest.importorskip("starlette.applications")
    monkeypatch.setattr(starlette.Starlette, "__call__", starlette.Starlette.__call__)
    gate.guard_every_application()
    assert ask(starlette.Starlette(), http("/generate"))[0]["status"] == 401
    assert ask(starlette.Starlette(), http("/generate", KEY))[0]["status"] == 404


def test_a_server_inherits_no_key() -> None:
    assert gate.environment(None)[gate.VARIABLE] == ""
    assert gate.environment(KEY) == {gate.VARIABLE: KEY}
