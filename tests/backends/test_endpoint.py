"""The endpoint backend against real servers: what it asks first, refuses, and hands back."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest

from slaibench.backends.base import BackendError, Progress, RunOutput, RunSettings
from slaibench.backends.endpoint import EndpointBackend, EndpointOptions
from slaibench.endpoint.dialect import Dialect
from slaibench.measure.closed_loop import loop_audit
from slaibench.schedulers.sarathi import Sarathi
from slaibench.workloads.request import Request
from tests.client.serving import Answer, HangUpError, Received, says, serve, tokens

REQUESTS = [Request(i, i * 0.01, 6, 2) for i in range(10)]
Behaviour = Callable[[Received, Answer], Awaitable[None]]


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def models(*names: str) -> Behaviour:
    async def answer_models(received: Received, answer: Answer) -> None:
        listed = ", ".join(f'{{"id": "{name}"}}' for name in names)
        answer.whole(200, f'{{"object": "list", "data": [{listed}]}}')

    return answer_models


def run(
    behaviours: dict[str, Behaviour], settings: RunSettings | None = None, **options: Any
) -> tuple[RunOutput, list[Received]]:
    with serve({"/v1/models": models("m"), **behaviours}) as server:
        backend = EndpointBackend(EndpointOptions(server.url, **options))
        output = backend.run(REQUESTS, Sarathi(), settings or RunSettings())
        backend.close()
        return output, server.received


def test_a_run_has_every_request_no_step_and_the_clients_word() -> None:
    output, received = run({}, RunSettings(seed=3))
    assert output.requests.finished.all()
    assert len(output.requests) == len(REQUESTS)
    assert len(output.steps) == 0
    assert output.facts["clock"] == "real"
    assert output.facts["client"]["tokens"] == 20
    assert output.facts["client"]["processes"] == 1
    assert output.notes == ()
    assert {request.body["model"] for request in received if request.body} == {"m"}
    assert {request.body["seed"] for request in received if request.body} == {3}


def test_the_stop_rule_sees_progress_and_ends_the_run() -> None:
    seen: list[Progress] = []

    def stop(progress: Progress) -> str | None:
        seen.append(progress)
        return "enough"

    output, _ = run({}, RunSettings(stop=stop, stop_every_s=0.03))
    assert output.stopped_early == "enough"
    assert len(output.requests) < len(REQUESTS)
    assert len(seen[0].due_s) == len(seen[0].left_s) == len(output.requests)


def test_a_closed_loop_sends_as_answers_end() -> None:
    output, received = run({}, RunSettings(concurrency=2))
    table = output.requests
    assert table.finished.all()
    assert len(table) == len([request for request in received if request.body]) == len(REQUESTS)
    assert table.due_s[:2].tolist() == [0.0, 0.0]
    assert (table.due_s[2:] != [request.due_s for request in REQUESTS[2:]]).all()
    audit = loop_audit(table, 2)
    assert audit.turn_max_s is not None
    assert audit.turn_max_s >= 0


def test_nothing_that_listens_is_said() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        backend = EndpointBackend(EndpointOptions(url))
        with pytest.raises(BackendError, match=r"nothing answers at .*start the server"):
            backend.run(REQUESTS, Sarathi(), RunSettings())


def test_a_wrong_model_is_answered_with_those_there_are() -> None:
    with pytest.raises(BackendError, match="has no model 'x'; it has a, b"):
        run({"/v1/models": models("a", "b")}, model="x")


def test_one_of_several_models_must_be_named() -> None:
    with pytest.raises(BackendError, match="serves 2 models: name one of a, b"):
        run({"/v1/models": models("a", "b")})


async def no_such_route(received: Received, answer: Answer) -> None:
    answer.whole(404, "not found")


async def two_and_a_cut(received: Received, answer: Answer) -> None:
    answer.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n[1")
    await answer.flush()
    raise HangUpError


@pytest.mark.parametrize("behaviour", [no_such_route, two_and_a_cut])
def test_a_named_model_is_asked_for_where_the_server_lists_none(behaviour: Behaviour) -> None:
    output, received = run({"/v1/models": behaviour}, model="m")
    assert output.requests.finished.all()
    assert output.notes == ("the server does not say which models it has (/v1/models)",)
    assert {request.body["model"] for request in received if request.body} == {"m"}


@pytest.mark.parametrize(
    ("key", "message"), [(None, "it wants an API key"), ("k", "the API key was refused")]
)
def test_a_refused_key_is_said(key: str | None, message: str) -> None:
    async def no(received: Received, answer: Answer) -> None:
        answer.whole(401, "who are you")

    with pytest.raises(BackendError, match=f"{message}.*who are you.*OPENAI_API_KEY"):
        run({"/v1/models": no}, api_key=key)


@pytest.mark.parametrize(
    ("status", "text"), [(404, "not found"), (200, "<html>"), (200, "{}"), (200, "[1]")]
)
def test_another_kind_of_server_is_said(status: int, text: str) -> None:
    async def other(received: Received, answer: Answer) -> None:
        answer.whole(status, text, "text/html")

    with pytest.raises(BackendError, match="is no OpenAI-compatible server"):
        run({"/v1/models": other})


def test_the_key_comes_from_the_environment_and_goes_nowhere_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    output, received = run({})
    assert {request.headers["Authorization"] for request in received} == {"Bearer sk-secret"}
    assert "sk-secret" not in repr(output)


def test_words_are_calibrated_by_the_servers_tokenizer() -> None:
    async def tokenize(received: Received, answer: Answer) -> None:
        answer.whole(200, f'{{"count": {1 + len(received.body["prompt"].split())}}}')

    output, received = run({"/tokenize": tokenize}, prompts="text")
    prompts = [request.body["prompt"] for request in received if "completions" in request.path]
    assert {len(prompt.split()) for prompt in prompts} == {5}
    assert output.notes == ()


def test_without_a_tokenizer_lengths_are_said_to_be_approximate() -> None:
    async def none(received: Received, answer: Answer) -> None:
        answer.whole(404, "no such path")

    output, received = run({"/tokenize": none}, prompts="text")
    prompts = [request.body["prompt"] for request in received if "completions" in request.path]
    assert {len(prompt.split()) for prompt in prompts} == {6}
    assert "approximate" in output.notes[0]


def test_chat_uses_text() -> None:
    output, received = run({"/v1/chat/completions": tokens}, api="chat")
    assert output.requests.finished.all(), output.requests.error
    assert any("messages" in request.body for request in received if "chat" in request.path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"url": "nonsense://"}, "is not one like"),
        ({"api": "embeddings"}, "api must be completions or chat"),
        ({"prompts": "images"}, "prompts must be one of token-ids, text, conv"),
        ({"api": "chat", "prompts": "token-ids"}, "takes no token ids"),
        ({"vocab_size": 0}, "vocab_size must be at least 1"),
        ({"processes": 0}, "processes must be at least 1"),
        ({"timeout_s": 0}, "timeout_s"),
    ],
)
def test_options_no_run_could_use_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EndpointOptions(**{"url": "http://h", **options})


def test_requests_may_have_other_lengths_where_that_is_allowed() -> None:
    async def fewer(received: Received, answer: Answer) -> None:
        answer.head()
        answer.token(finish="stop")
        answer.end()

    dialect = Dialect(exact_lengths=False, ignore_eos=False)
    output, _ = run({"/v1/completions": fewer}, dialect=dialect)
    assert output.requests.finished.all()
    assert np.array_equal(output.requests.num_tokens, np.ones(len(REQUESTS)))


METRICS = (
    'vllm:num_requests_running{engine="0",model_name="m"} 3\n'
    'vllm:num_requests_waiting{engine="0",model_name="m"} 1\n'
    'vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.5\n'
)


def test_a_servers_metrics_are_kept_beside_the_run() -> None:
    output, received = run({"/metrics": says(METRICS)})
    assert output.server is not None
    assert set(output.server.running.tolist()) == {3.0}
    assert np.isnan(output.server.preemptions).all()
    assert output.facts["server_metrics"]["engines"] == 1
    assert output.notes == ()
    assert "/metrics" in {request.path for request in received}


def test_a_server_without_metrics_is_asked_once_and_none_on_request_never() -> None:
    with serve({"/v1/models": models("m")}) as server:
        backend = EndpointBackend(EndpointOptions(server.url))
        for _ in range(2):
            output = backend.run(REQUESTS, Sarathi(), RunSettings())
            assert output.server is None
            assert "server_metrics" not in output.facts
            assert output.notes == ()
        assert [request.path for request in server.received].count("/metrics") == 1
    output, received = run({"/metrics": says(METRICS)}, metrics_url="none")
    assert output.server is None
    assert "/metrics" not in {request.path for request in received}


def test_metrics_that_were_asked_for_and_are_not_there_are_a_note_of_a_run_that_goes_on() -> None:
    with serve() as other:
        output, _ = run({"/metrics": says(METRICS)}, metrics_url=f"{other.url}/metrics")
    assert output.requests.finished.all()
    (note,) = output.notes
    assert "could not be read: HTTP 404" in note
