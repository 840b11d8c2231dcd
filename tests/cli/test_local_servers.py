"""Servers of this machine, found by a short look."""

from __future__ import annotations

import pytest

from slaibench.cli.local_servers import LocalServer, local_servers
from slaibench.cli.server import only_server
from tests.client.serving import Answer, Received, serve


async def _models(received: Received, answer: Answer) -> None:
    answer.whole(200, '{"data": [{"id": "m"}, {"id": "n"}]}')


async def _page(received: Received, answer: Answer) -> None:
    answer.whole(200, "<html>", "text/html")


def test_only_what_lists_models_is_a_server_and_is_asked_once() -> None:
    with serve({"/v1/models": _models}) as server, serve({"/v1/models": _page}) as other:
        seen = local_servers((server.port, other.port, 9))
        assert seen == (LocalServer(f"http://localhost:{server.port}", ("m", "n")),)
        assert [received.path for received in server.received] == ["/v1/models"]


async def _closed(received: Received, answer: Answer) -> None:
    answer.whole(401, '{"error": "no key"}')


def test_one_that_wants_a_key_is_seen_and_sent_none() -> None:
    with serve({"/v1/models": _closed}) as server:
        (seen,) = local_servers((server.port,))
        assert seen.wants_key
        assert "authorization" not in server.received[0].headers
    with pytest.raises(ValueError, match=f"set OPENAI_API_KEY and give --url {seen.url}"):
        only_server([seen])
    with pytest.raises(ValueError, match=r"usual ports \(8000, .*give --url"):
        only_server([])


def test_many_models_are_named_in_part() -> None:
    assert LocalServer("", ("a", "b", "c", "d", "e")).models_words == "a, b, c and 2 more"
