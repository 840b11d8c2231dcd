"""An endpoint as a system under test: a server over real sockets, and what a study knows of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slaibench.measure.slo import NO_TOKEN_TIMES
from slaibench.recording import store
from slaibench.studies.from_disk import gather, group_cells
from slaibench.studies.prepared import prepare
from slaibench.studies.systems.table import describe_run
from tests.client.serving import Answer, Received, Server, serve, tokens
from tests.studies.studies import study, sweep


async def models(received: Received, answer: Answer) -> None:
    answer.whole(200, json.dumps({"data": [{"id": "their-model"}]}))


async def closed(received: Received, answer: Answer) -> None:
    answer.whole(401, "no", "text/plain")


async def two_models(received: Received, answer: Answer) -> None:
    answer.whole(200, json.dumps({"data": [{"id": "a"}, {"id": "b"}]}))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serve({"/v1/models": models}) as running:
        yield running


def endpoint(url: str, **fields: Any) -> Any:
    small = {"num_requests": 20, "rates": (40.0,), "workload": "fixed:prompt=20,output=5"}
    return study(**{**small, "backend": "endpoint", "url": url, "schedulers": ("theirs",)} | fields)


def test_a_study_of_a_server_is_recorded_like_any_other(server: Server, tmp_path: Path) -> None:
    (cell,) = sweep(endpoint(server.url), tmp_path).cells
    assert (cell.cell.system, cell.cell.place) == ("endpoint", server.url)
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
    bodies = [received.body for received in server.received if received.path == "/v1/completions"]
    assert {len(body["prompt"]) for body in bodies} == {20}
    assert {body["model"] for body in bodies} == {"their-model"}


def test_plain_openai_gets_no_field_that_it_has_not(server: Server, tmp_path: Path) -> None:
    before = len(server.received)
    (cell,) = sweep(endpoint(server.url, only_openai=True), tmp_path).cells
    (other,) = prepare(endpoint(server.url)).cells()
    assert cell.cell != other
    bodies = [
        received.body for received in server.received[before:] if received.path == "/v1/completions"
    ]
    assert bodies
    assert not any("ignore_eos" in body for body in bodies)


@pytest.mark.parametrize(
    ("dialect", "identity"),
    [
        ({"ignore_eos": False}, {"ignore_eos": False}),
        ({"exact_lengths": False}, {"exact_lengths": False}),
        ({"continuous_usage": False}, {"continuous_usage": False}),
        ({"max_tokens_field": "max_completion_tokens"}, None),
        ({"extra_body": {"temperature": None}}, None),
        ({"new_connections": True}, None),
    ],
)
def test_what_changes_the_requests_is_part_of_what_a_recording_is_known_by(
    server: Server, dialect: dict[str, Any], identity: dict[str, Any] | None
) -> None:
    (plain,) = prepare(endpoint(server.url)).cells()
    (cell,) = prepare(endpoint(server.url, dialect=dialect)).cells()
    assert plain.dialect is None
    assert "dialect" not in plain.spec()
    assert cell.dialect == (identity or dialect)
    assert not cell.asks_the_same(plain)


def test_a_certificate_that_is_not_checked_changes_no_measurement(server: Server) -> None:
    (plain,) = prepare(endpoint(server.url)).cells()
    (cell,) = prepare(endpoint(server.url, dialect={"insecure": True})).cells()
    assert cell == plain


def test_only_openai_is_the_sum_of_three(server: Server) -> None:
    three = {"ignore_eos": False, "exact_lengths": False, "continuous_usage": False}
    (short,) = prepare(endpoint(server.url, only_openai=True)).cells()
    (long,) = prepare(endpoint(server.url, dialect=three)).cells()
    assert short == long
    assert short.only_openai
    assert short.dialect is None


def test_a_headers_value_is_written_down_nowhere(tmp_path: Path) -> None:
    headers = {"X-Key": "hunter2", "X-B": "b"}
    with serve({"/v1/models?sig=hunter2": models}) as server:
        result = sweep(
            endpoint(server.url + "/v1?sig=hunter2", dialect={"headers": headers}), tmp_path
        )
    assert {received.headers["X-Key"] for received in server.received} == {"hunter2"}
    assert server.received[-1].path == "/v1/completions?sig=hunter2"
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if b"hunter2" in path.read_bytes()]
    assert not [path for path in tmp_path.rglob("*") if "hunter2" in str(path)]
    assert "hunter2" not in json.dumps(result.to_json())
    assert "hunter2" not in repr(result.spec)
    swept = gather(group_cells([result.cells[0].folder]).popitem()[1])
    with pytest.raises(ValueError, match="a URL's query are kept in no file"):
        prepare(swept.spec)
    with pytest.raises(ValueError, match=r"header 'X-.*' is kept in no file"):
        prepare(swept.spec.model_copy(update={"url": server.url}))


SECRETS = {
    **{"key": "sk-KEEPOUT1", "query": "KEEPOUT2/a", "header": "KEEPOUT3"},
    **{"body": "KEEPOUT4", "nested": "KEEPOUT5"},
}


async def echo(received: Received, answer: Answer) -> None:
    answer.whole(
        401, f"bad {received.headers} {json.dumps(received.body)[-150:]} {received.path}"[-900:]
    )


def test_what_a_server_echoes_of_our_secrets_is_kept_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRETS["key"])
    body = {"api_key": SECRETS["body"], "more": {"authorization": f"Bearer {SECRETS['nested']}"}}
    dialect = {"headers": {"X-Key": SECRETS["header"]}, "extra_body": body}
    query = "?sig=KEEPOUT2%2Fa"
    with serve({f"/v1/models{query}": models, f"/v1/completions{query}": echo}) as server:
        result = sweep(endpoint(f"{server.url}/v1{query}", dialect=dialect), tmp_path)
        assert server.received[-1].body["api_key"] == SECRETS["body"]
        refused = prepare(endpoint(f"{server.url}/v1{query}", model="m", dialect=dialect))
    (cell,) = result.cells
    assert "HTTP 401: bad" in str(cell.summary.invalid)
    written = json.dumps(result.to_json()) + repr(result.spec) + repr(refused)
    assert "KEEPOUT" not in written + "".join(result.warnings)
    errors = store.read(cell.folder).requests.error.tolist()
    assert not [error for error in errors if "KEEPOUT" in error]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in files if b"KEEPOUT" in path.read_bytes()]
    swept = gather(group_cells([cell.folder]).popitem()[1])
    again = swept.spec.model_copy(update={"url": server.url})
    assert again.dialect is not None
    headless = again.dialect.model_copy(update={"headers": {}})
    with pytest.raises(ValueError, match="give --extra-body with the values"):
        prepare(again.model_copy(update={"dialect": headless}))


async def silent(received: Received, answer: Answer) -> None:
    await asyncio.sleep(60)


def test_a_server_that_answers_nothing_is_given_up_and_told(tmp_path: Path) -> None:
    with serve({"/v1/models": models, "/v1/completions": silent}) as server:
        spec = endpoint(server.url, timeout_s=0.5, num_requests=150)
        result = sweep(spec, tmp_path)
    (cell,), (point,) = result.cells, result.points
    message = "150 of 150 requests timed out: not done 0.5 s after it was due, after 0 tokens"
    if "not sent" in str(cell.summary.invalid):
        message = "150 of 150 requests failed or timed out: "
    assert str(cell.summary.invalid).startswith(message)
    assert any(message in warning for warning in result.warnings)
    assert sum(failure["requests"] for failure in point.to_json()["failures"]) == 150
    assert not point.to_json()["saturated"]


def test_a_request_that_no_memory_holds_is_refused_before_it_is_made() -> None:
    with pytest.raises(ValueError, match=r"leave longer ones out with --max-total-tokens 16777216"):
        prepare(
            endpoint("http://127.0.0.1:9", model="m", workload="fixed:prompt=2000000000,output=4")
        )


def test_another_value_of_a_header_is_another_cell(server: Server) -> None:
    cells = [
        prepare(endpoint(server.url, dialect={"headers": {"X-Route": value}})).cells()[0]
        for value in ("a", "b")
    ]
    assert cells[0] != cells[1]


def test_a_whole_url_names_its_interface(server: Server) -> None:
    spec = prepare(endpoint(server.url + "/v1/chat/completions")).spec
    assert (spec.api, spec.prompts, spec.model) == ("chat", "text", "their-model")
    with pytest.raises(ValueError, match="is not that of the completions interface"):
        prepare(endpoint(server.url + "/v1/chat/completions", api="completions"))


def test_what_was_no_measurement_is_run_again(tmp_path: Path) -> None:
    answers: list[int] = []

    async def first_refused(received: Received, answer: Answer) -> None:
        answers.append(1)
        if len(answers) <= 20:
            answer.whole(400, "Unsupported parameter: ignore_eos")
        else:
            await tokens(received, answer)

    with serve({"/v1/models": models, "/v1/completions": first_refused}) as spoilt:
        spec = endpoint(spoilt.url)
        (first,) = sweep(spec, tmp_path).cells
        (second,) = sweep(spec, tmp_path).cells
        (third,) = sweep(spec, tmp_path).cells
    assert first.summary.invalid == (
        "20 of 20 requests failed: HTTP 400: Unsupported parameter: ignore_eos "
        "(--no-ignore-eos --any-length may help)"
    )
    assert (second.summary.invalid, second.reused, second.folder) == (None, False, first.folder)
    assert (third.summary.invalid, third.reused) == (None, True)


async def merged(received: Received, answer: Answer) -> None:
    answer.head()
    answer.token()
    answer.token(finish="length")
    answer.event({"choices": [], "usage": {"completion_tokens": received.body["max_tokens"]}})
    answer.end()


def test_several_tokens_an_event_are_counted_and_tbt_is_not_reported(tmp_path: Path) -> None:
    with serve({"/v1/models": models, "/v1/completions": merged}) as server:
        spec = endpoint(server.url, only_openai=True, slo="ttft_p50<5,tbt_p99<tier")
        result = sweep(spec, tmp_path)
    (cell,), (point,) = result.cells, result.points
    assert cell.summary.metrics.counts.finished == 20
    assert cell.summary.metrics.overall.ttft.n > 0
    assert cell.summary.metrics.overall.tbt.n == 0
    document = point.to_json()
    assert document["tbt_p99_all_s"] is None
    assert document["goodput_rps"] is None
    assert document["output_tokens_per_s"] == pytest.approx(5 * document["throughput_rps"], rel=0.3)
    assert store.read(cell.folder).requests.num_tokens.tolist() == [5] * 20
    assert any("did not come one an event" in warning for warning in result.warnings)
    tier, _ = point.tiers.popitem()
    why = result.targets.why_not_measured([cell.summary], "tbt_p99<tier", tier)
    assert why == NO_TOKEN_TIMES


def test_the_model_is_asked_for_unless_it_is_named(server: Server) -> None:
    assert prepare(endpoint(server.url)).spec.model == "their-model"
    assert prepare(endpoint("http://127.0.0.1:9", model="m")).spec.model == "m"
    with pytest.raises(ValueError, match=r"does not say which model.*correct --url, or name"):
        prepare(endpoint("http://127.0.0.1:9"))
    with (
        serve({"/v1/models": two_models}) as several,
        pytest.raises(ValueError, match=r"serves 2 models: name one with --model: a, b"),
    ):
        prepare(endpoint(several.url))
    with (
        serve({"/v1/models": closed}) as other,
        pytest.raises(ValueError, match=r"401.*: give its key in OPENAI_API_KEY"),
    ):
        prepare(endpoint(other.url))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"api": "chats"}, "completions or chat, not 'chats'"),
        ({"prompts": "words"}, "one of token-ids, text, conversation, not 'words'"),
        ({"api": "chat", "prompts": "token-ids"}, "takes no token ids"),
        ({"prompts": "conversation", "workload": "chat"}, "workload 'chat' has no texts"),
        ({"prompts": "conversation", "shared_prefix": 9}, "leave one of them out"),
        ({"url": "ftp://x"}, "is not one like http://localhost:8000"),
        ({"max_context_tokens": 24}, "the context asked for holds 24"),
    ],
)
def test_what_no_server_takes_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        prepare(endpoint(**{"url": "http://127.0.0.1:9", "model": "m", **fields}))


def test_a_chat_interface_is_given_text() -> None:
    spec = prepare(endpoint("http://127.0.0.1:9", model="m", api="chat")).spec
    assert spec.prompts == "text"
