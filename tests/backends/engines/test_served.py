"""Runs on real servers: emulated GPU, real clock, real HTTP."""

from __future__ import annotations

import json
import os
import pickle
import signal
from collections.abc import Iterator

import numpy as np
import pytest

from slaibench.backends.base import BackendError, Progress, RunOutput, RunSettings
from slaibench.backends.engines.base import BodyFields
from slaibench.backends.engines.options import EngineOptions
from slaibench.backends.engines.served import ServedEngine
from slaibench.backends.table import ENGINES
from slaibench.catalog.model import get_model
from slaibench.catalog.profiles import get_profile
from slaibench.recording.invariants import violation
from slaibench.recording.record import Outcome
from slaibench.schedulers import registry
from slaibench.spec import Device
from slaibench.workloads.request import Request
from tests.backends.engines.loads import run, workload
from tests.backends.engines.process_tree import command_line, engines
from tests.backends.engines.strangers import foreign_requests, odd_requests
from tests.backends.needed import needed
from tests.backends.sessions import conversations, expected_due_s

PROFILE = get_profile("h100", "mistral-7b")
KV_BLOCKS = 120
ENGINE_PROCESSES = ("VLLM::Engine", "sglang::scheduler")


@pytest.fixture(scope="module", params=list(ENGINES))
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServedEngine]:
    """An emulated GPU with few KV blocks; its server is started at the first run."""
    engine = ENGINES[request.param]
    needed(engine, Device.EMULATED)
    options = EngineOptions(
        model=get_model("mistral-7b"),
        checkpoint=None,
        max_context_tokens=1024,
        token_budget=512,
        max_active=128,
        kv_blocks=KV_BLOCKS,
        prefix_caching=True,
    )
    backend = ServedEngine(
        engine, options, Device.EMULATED, profile=PROFILE, logs=tmp_path_factory.mktemp("logs")
    )
    yield backend
    backend.close()


@pytest.fixture(scope="module")
def outputs(served: ServedEngine) -> dict[str, RunOutput]:
    """The same requests under two schedulers and, where it is in it, under the engine's own rule,
    on one server."""
    texts = ["sarathi", "slai"]
    if served._engine.key != "vllm":  # whose own has a server to itself
        texts.append("engine")
    return {text: run(served, workload(), text) for text in texts}


def test_turns_are_sent_as_the_server_ends_the_ones_before(served: ServedEngine) -> None:
    wanted = conversations(8, rate_rps=20.0, longest=100, most_tokens=900)
    output = run(served, wanted, "slai")
    table = output.requests
    assert violation(table, output.steps, len(wanted)) is None
    assert table.finished.all(), table.error
    assert len(table) == len(wanted) > 15
    late_s = table.due_s - expected_due_s(wanted, table)
    assert late_s.min() > -2e-6
    # What the engine says of a request is that request's, whatever their order.
    assert (table.first_scheduled_s >= table.due_s).all()
    assert (table.first_scheduled_s <= table.first_token_s).all()
    assert output.facts["turns"]["sessions"] == {"begun": 8, "finished": 8, "cut": 0}


def test_every_request_is_served_and_every_token_received(outputs: dict[str, RunOutput]) -> None:
    for output in outputs.values():
        table = output.requests
        assert table.outcome.tolist() == [Outcome.FINISHED.value] * 12, table.error
        assert table.num_tokens.tolist() == [request.output_tokens for request in workload()]
        assert table.prompt_tokens.tolist() == [request.prompt_tokens for request in workload()]
        assert output.notes == ()


def test_times_are_in_order_across_client_and_engine(outputs: dict[str, RunOutput]) -> None:
    """Invariant 3; the two sides are different processes with one clock."""
    for output in outputs.values():
        table, steps = output.requests, output.steps
        assert (table.due_s <= table.sent_s).all()
        assert (table.sent_s <= table.first_scheduled_s).all()
        assert (table.first_scheduled_s < table.first_token_s).all()
        assert (table.last_token_s <= output.end_s).all()
        assert (steps.start_s < steps.end_s).all()
        assert (steps.end_s[:-1] <= steps.start_s[1:]).all()
        assert steps.start_s[0] >= 0
        assert steps.end_s[-1] <= output.end_s


def test_a_closed_loop_keeps_as_many_in_the_engine_as_there_are_clients(
    served: ServedEngine,
) -> None:
    output = run(served, workload(), "sarathi", concurrency=3)
    table, steps = output.requests, output.steps
    assert table.finished.all(), table.error
    assert table.request_id.tolist() == list(range(12))
    assert violation(table, steps, 12) is None
    assert np.count_nonzero(table.due_s == 0) == 3
    last = np.sort(table.last_token_s)[:9]
    assert (table.due_s[3:] >= last - 2e-6).all()
    assert (steps.active + steps.waiting).max() == 3
    assert (table.first_scheduled_s >= table.sent_s).all()


def test_the_engines_steps_are_those_of_the_run_and_no_others(
    outputs: dict[str, RunOutput],
) -> None:
    """Neither the warm-up's nor those of the requests that switch and mark the end."""
    for output in outputs.values():
        table, steps = output.requests, output.steps
        recomputed = int(steps.prefill_tokens.sum()) - int(table.prompt_tokens.sum())
        if table.num_preemptions.sum() == 0:
            assert recomputed == 0
            assert steps.decodes.sum() == (table.num_tokens - 1).sum()
        assert steps.preemptions.sum() == table.num_preemptions.sum()
        assert steps.kv_blocks_used.max() <= KV_BLOCKS
        assert steps.waiting[-1] == 0


def test_first_batches_are_batches(outputs: dict[str, RunOutput]) -> None:
    for output in outputs.values():
        starts = set(output.steps.start_s.tolist())
        # The log rounds times on the machine's clock, the table those of the run.
        near = [
            any(abs(first_s - start) < 2e-6 for start in starts)
            for first_s in output.requests.first_scheduled_s.tolist()
        ]
        assert all(near)


def test_facts_are_the_engines(served: ServedEngine, outputs: dict[str, RunOutput]) -> None:
    facts = outputs["slai"].facts
    assert (facts["kv_blocks"], facts["block_size"]) == (KV_BLOCKS, 16)
    assert facts["clock"] == "real"
    assert facts["versions"].keys() >= {served._engine.key, "torch", "python"}
    assert facts["hardware"]["gpu"] == "h100"
    assert facts["hardware"]["emulated"] is True
    assert facts["client"]["tokens"] == outputs["slai"].requests.num_tokens.sum()
    json.dumps(dict(facts))


def test_one_server_serves_all_runs(served: ServedEngine, outputs: dict[str, RunOutput]) -> None:
    assert len(list(served._logs.glob("*.log"))) == 1


def test_memory_that_runs_out_preempts_and_the_record_says_whom(served: ServedEngine) -> None:
    """4 requests of up to 45 blocks each do not fit 120."""
    requests = [Request(number, 0.0, 400, 300) for number in range(4)]
    output = run(served, requests, "sarathi")
    assert output.requests.finished.all()
    assert output.requests.num_preemptions.sum() > 0
    assert output.steps.preemptions.sum() == output.requests.num_preemptions.sum()


def test_a_scheduler_that_is_refused_is_reported_and_the_server_goes_on(
    served: ServedEngine, outputs: dict[str, RunOutput]
) -> None:
    with pytest.raises(BackendError, match=r"keeps its scheduler: .*batches of up to 4096 tokens"):
        run(served, workload(2), "sarathi:token_budget=4096")
    assert run(served, workload(2), "sarathi").requests.finished.all()
    assert len(list(served._logs.glob("*.log"))) == 1


def test_another_users_request_is_refused_and_changes_nothing(served: ServedEngine) -> None:
    """It has the address, and everything that it can see of the server's processes."""
    statuses: list[int] = []

    def intrude(progress: Progress) -> None:
        if not statuses:
            statuses.extend(foreign_requests(served, key=None))

    output = run(served, workload(40), "slai", stop=intrude, stop_every_s=0.2)
    assert statuses == [401] * len(statuses)
    assert len(statuses) > 3
    assert output.invalid is None
    assert output.requests.finished.all()
    running = served.running()
    assert running.server.request("/health")[0] == 200
    key = str(running.server.key)
    for pid in engines(os.getpid()):
        assert key not in command_line(pid)
    for file in served._logs.iterdir():
        assert key not in file.read_text(encoding="utf-8", errors="replace")


def test_a_run_in_which_somebody_else_was_served_is_no_measurement(served: ServedEngine) -> None:
    statuses: list[int] = []

    def intrude(progress: Progress) -> None:
        if not statuses:
            statuses.extend(foreign_requests(served, key=served.running().server.key))

    output = run(served, workload(40), "slai", stop=intrude, stop_every_s=0.2)
    assert 200 in statuses
    assert output.invalid is not None
    assert "the engine served somebody else as well: " in output.invalid
    assert run(served, workload(2), "slai").invalid is None


def test_no_request_ends_a_server_or_the_reading_of_its_steps(served: ServedEngine) -> None:
    running = served.running()
    for path, body in odd_requests(served):
        status, answer = running.server.request(path, body)
        assert status in (200, 400, 422, 500), (body, answer)
        assert running.server.request("/health")[0] == 200, body
    output = run(served, workload(4), "slai")
    assert output.requests.finished.all()
    assert output.invalid is None


def test_the_horizon_cuts_a_run_and_the_next_one_finds_the_engine_at_rest(
    served: ServedEngine,
) -> None:
    long = [Request(number, 0.0, 100, 900) for number in range(2)]
    horizon_s = 2.0  # a machine that others load needs more than half a second for a first token
    cut = run(served, long, "sarathi", horizon_s=horizon_s)
    assert cut.end_s == pytest.approx(horizon_s, abs=1e-6)
    assert cut.requests.outcome.tolist() == [Outcome.UNFINISHED.value] * 2
    assert cut.requests.num_tokens.min() > 0
    assert cut.steps.end_s[-1] <= horizon_s
    assert run(served, workload(2), "slai").requests.finished.all()


def test_the_stop_rule_ends_a_run_with_its_reason(served: ServedEngine) -> None:
    def stop(progress: Progress) -> str | None:
        return "enough" if np.isnan(progress.left_s).any() else None

    long = [Request(0, 0.0, 100, 900)]
    output = run(served, long, "sarathi", stop=stop, stop_every_s=0.2)
    assert output.stopped_early == "enough"
    assert output.end_s < 5


def test_a_run_without_the_schedulers_text_is_refused(served: ServedEngine) -> None:
    with pytest.raises(ValueError, match=r"settings\.scheduler is empty: sarathi is built in the"):
        served.run(workload(1), registry.build("sarathi"), RunSettings())


def test_a_request_says_its_tier_and_slo() -> None:
    request = Request(0, 0.0, 1, 1, "paying", 0.1)
    said = {"tier": "paying", "tbt_slo_s": 0.1}
    vllm, sglang = (BodyFields(ENGINES[key], "run7-") for key in ("vllm", "sglang"))
    assert vllm(request) == {"vllm_xargs": said}
    assert sglang(request) == {"custom_params": said, "rid": "run7-0"}
    assert pickle.loads(pickle.dumps(sglang))(request) == sglang(request)


def test_an_engine_that_dies_fails_its_requests_and_the_next_run_has_another(
    served: ServedEngine, outputs: dict[str, RunOutput]
) -> None:
    """It costs a start, so it is the last one on this server."""
    mine = engines(os.getpid())
    assert len(mine) >= 3  # the guardian, the server, the engine
    long = [Request(0, 0.0, 100, 900), Request(1, 3.0, 100, 10)]
    killed: list[int] = []

    def kill(progress: Progress) -> None:
        if not killed:
            engine = [pid for pid in mine if command_line(pid).startswith(ENGINE_PROCESSES)]
            killed.extend(engine)
            os.kill(engine[0], signal.SIGKILL)

    output = run(served, long, "slai", stop=kill, stop_every_s=0.5)
    assert killed
    assert output.requests.outcome.tolist() == [Outcome.FAILED.value] * 2
    assert len(output.notes) == 1
    assert output.notes[0].startswith(f"{served._engine.name} died during this run: ")
    assert str(served._logs) in output.notes[0]
    assert engines(os.getpid()) == []
    assert run(served, workload(2), "slai").requests.finished.all()
    assert len(list(served._logs.glob("*.log"))) == 2
    served.close()
    assert engines(os.getpid()) == []
    served.close()  # once more is nothing
