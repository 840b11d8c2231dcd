"""An endpoint as a venue: a server over real sockets, and what a study knows of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slaibench.recording import store
from slaibench.study.bench import prepare
from slaibench.study.sweep import sweep
from slaibench.study.venues.table import describe_run
from tests.client.serving import Answer, Asked, Server, serve
from tests.study.studies import study


async def models(asked: Asked, answer: Answer) -> None:
    answer.whole(200, json.dumps({"data": [{"id": "their-model"}]}))


async def two_models(asked: Asked, answer: Answer) -> None:
    answer.whole(200, json.dumps({"data": [{"id": "a"}, {"id": "b"}]}))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serve({"/v1/models": models}) as found:
        yield found


def endpoint(url: str, **fields: Any) -> Any:
    small = {"num_requests": 20, "rates": (40.0,), "workload": "fixed:prompt=20,output=5"}
    return study(**{**small, "backend": "endpoint", "url": url, "schedulers": ("theirs",)} | fields)


def test_a_study_of_a_server_is_recorded_like_any_other(server: Server, tmp_path: Path) -> None:
    (cell,) = sweep(endpoint(server.url), tmp_path).cells
    assert (cell.cell.venue, cell.cell.place) == ("endpoint", server.url)
    assert (cell.cell.model, cell.cell.scheduler_source) == ("their-model", None)
    recording = store.read(cell.folder)
    assert recording.requests.finished.all()
    assert len(recording.steps) == 0
    assert recording.run["kv_blocks"] is None
    assert recording.run["backend"]["clock"] == "real"
    assert recording.run["client"]
    assert describe_run(recording.run) == (
        f"endpoint {server.url}: measured, model their-model over the completions interface"
    )
    bodies = [asked.body for asked in server.asked if asked.path == "/v1/completions"]
    assert {len(body["prompt"]) for body in bodies} == {20}
    assert {body["model"] for body in bodies} == {"their-model"}


def test_plain_openai_gets_no_field_that_it_has_not(server: Server, tmp_path: Path) -> None:
    before = len(server.asked)
    (cell,) = sweep(endpoint(server.url, only_openai=True), tmp_path).cells
    (other,) = prepare(endpoint(server.url)).cells()
    assert cell.cell != other
    bodies = [asked.body for asked in server.asked[before:] if asked.path == "/v1/completions"]
    assert bodies
    assert not any("ignore_eos" in body for body in bodies)


def test_the_model_is_asked_for_unless_it_is_named(server: Server) -> None:
    assert prepare(endpoint(server.url)).spec.model == "their-model"
    assert prepare(endpoint("http://127.0.0.1:9", model="m")).spec.model == "m"
    with pytest.raises(ValueError, match=r"does not say which model.*correct --url, or name"):
        prepare(endpoint("http://127.0.0.1:9"))
    with (
        serve({"/v1/models": two_models}) as several,
        pytest.raises(ValueError, match=r"serves 2 models: name one with --model: \['a', 'b'\]"),
    ):
        prepare(endpoint(several.url))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"api": "chats"}, "completions or chat, not 'chats'"),
        ({"prompts": "words"}, "token-ids or text, not 'words'"),
        ({"api": "chat", "prompts": "token-ids"}, "takes no token ids"),
        ({"url": "ftp://x"}, "is not one like http://localhost:8000"),
        ({"max_context_tokens": 24}, "the context asked for holds 24"),
    ],
)
def test_what_no_server_takes_is_refused(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        prepare(endpoint(**{"url": "http://127.0.0.1:9", "model": "m", **fields}))


def test_a_chat_interface_is_given_text() -> None:
    spec = prepare(endpoint("http://127.0.0.1:9", model="m", api="chat")).spec
    assert spec.prompts == "text"
