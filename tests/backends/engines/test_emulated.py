"""Engines on an emulated device against the simulator: the same decisions at the same times."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from slaibench.backends.base import Backend, BackendError, Progress, RunOutput, RunSettings
from slaibench.backends.engines.options import EngineOptions
from slaibench.catalog.model import get_model
from slaibench.recording.record import Outcome
from slaibench.schedulers import registry
from slaibench.schedulers.base import SchedulerError
from slaibench.spec import Device
from slaibench.studies.systems.engine import EngineSystem as SystemUnderTest
from slaibench.studies.systems.engines import SglangSystem, VllmSystem
from slaibench.workloads.request import Request
from tests.backends.agreement import (
    CONTEXT,
    KV_BLOCKS,
    MODEL,
    PROFILE,
    SCHEDULERS,
    assert_same,
    requests,
    simulate,
)
from tests.backends.engines import own_schedulers
from tests.backends.needed import needed
from tests.backends.sessions import conversations, expected_due_s

SYSTEMS: dict[str, type[SystemUnderTest]] = {"vllm": VllmSystem, "sglang": SglangSystem}
FOREIGN = f"{own_schedulers.__file__}:"


@pytest.fixture(scope="module", params=list(SYSTEMS))
def system(request: pytest.FixtureRequest) -> type[SystemUnderTest]:
    system = SYSTEMS[request.param]
    needed(system.ENGINE, Device.EMULATED)
    return system


@pytest.fixture(scope="module")
def emulated(
    system: type[SystemUnderTest], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Backend]:
    options = EngineOptions(
        model=get_model(MODEL),
        checkpoint=None,
        max_context_tokens=CONTEXT,
        token_budget=8192,
        max_active=1000,
        kv_blocks=KV_BLOCKS,
    )
    logs = tmp_path_factory.mktemp("logs")
    backend = system._open_emulated(options, PROFILE, logs)
    yield backend
    backend.close()


def run(backend: Backend, wanted: list[Request], text: str, **settings: Any) -> RunOutput:
    return backend.run(wanted, registry.build(text), RunSettings(scheduler=text, **settings))


@pytest.mark.parametrize("text", SCHEDULERS)
def test_an_engine_does_what_the_simulator_does(emulated: Backend, text: str) -> None:
    wanted = requests()
    ours = simulate(registry.build(text), wanted, RunSettings())
    theirs = run(emulated, wanted, text)
    assert_same(ours, theirs)
    assert theirs.requests.finished.all()
    if not text.startswith("decode-first"):
        assert theirs.requests.num_preemptions.sum() > 0


def test_the_longest_requests_get_all_their_tokens(emulated: Backend) -> None:
    wanted = [Request(0, 0.0, CONTEXT - 1, 1), Request(1, 1.0, CONTEXT - 40, 40)]
    theirs = run(emulated, wanted, "sarathi")
    assert_same(simulate(registry.build("sarathi"), wanted, RunSettings()), theirs)
    assert theirs.requests.output_tokens.tolist() == [1, 40]
    assert theirs.requests.finished.all()


@pytest.mark.parametrize("arrivals", ["burst", "gamma:cv=3"])
def test_ties_and_bursts_break_the_same_way(emulated: Backend, arrivals: str) -> None:
    wanted = requests(60, arrivals)
    ours = simulate(registry.build("slai"), wanted, RunSettings())
    assert_same(ours, run(emulated, wanted, "slai"))


@pytest.mark.parametrize(("clients", "ramp_s"), [(4, 0.0), (32, 5.0)])
def test_a_closed_loop_goes_the_same_way(emulated: Backend, clients: int, ramp_s: float) -> None:
    wanted, delivery_s = requests(), PROFILE.delivery_ms * 1e-3
    settings = RunSettings(concurrency=clients, ramp_s=ramp_s)
    ours = simulate(registry.build("slai"), wanted, settings, delivery_s=delivery_s)
    theirs = run(emulated, wanted, "slai", concurrency=clients, ramp_s=ramp_s)
    assert_same(ours, theirs)
    assert theirs.requests.finished.all()
    assert not np.array_equal(theirs.requests.due_s, [request.due_s for request in wanted])


def test_turns_of_sessions_are_sent_at_the_same_times(emulated: Backend) -> None:
    wanted = conversations(60, rate_rps=4.0, longest=2000)
    delivery_s = PROFILE.delivery_ms * 1e-3
    ours = simulate(registry.build("slai"), wanted, RunSettings(), delivery_s=delivery_s)
    theirs = run(emulated, wanted, "slai")
    assert_same(ours, theirs)
    assert (theirs.facts["turns"], theirs.notes) == (ours.facts["turns"], ours.notes)
    table = theirs.requests
    assert table.finished.all()
    assert table.num_preemptions.sum() > 0
    np.testing.assert_array_equal(table.due_s, expected_due_s(wanted, table))


def test_the_engines_own_rule_is_sent_turns_as_others_end(emulated: Backend) -> None:
    wanted = conversations(20)
    table = run(emulated, wanted, "engine:token_budget=512").requests
    assert table.finished.all()
    assert (np.diff(table.due_s) >= 0).all()
    np.testing.assert_array_equal(table.due_s, expected_due_s(wanted, table))


def test_a_horizon_cuts_both_alike_and_leaves_nothing_behind(emulated: Backend) -> None:
    wanted, settings = requests(), RunSettings(horizon_s=30.0)
    ours = simulate(registry.build("slai"), wanted, settings)
    theirs = run(emulated, wanted, "slai", horizon_s=30.0)
    assert_same(ours, theirs)
    assert (theirs.requests.outcome == Outcome.UNFINISHED.value).any()
    again = run(emulated, wanted, "slai", horizon_s=30.0)
    assert_same(theirs, again)  # invariant 4, on a core that was left in the middle


def test_a_stop_rule_ends_both_at_the_same_time(emulated: Backend) -> None:
    def enough(progress: Progress) -> str | None:
        return "enough" if progress.now_s > 20 else None

    wanted, settings = requests(), RunSettings(stop=enough, stop_every_s=3.0)
    ours = simulate(registry.build("sarathi"), wanted, settings)
    theirs = run(emulated, wanted, "sarathi", stop=enough, stop_every_s=3.0)
    assert_same(ours, theirs)
    assert ours.stopped_early == "enough"


def test_what_can_never_be_served_is_refused_alike(emulated: Backend) -> None:
    wanted = [Request(0, 0.0, CONTEXT, 1), Request(1, 0.0, 100, 3)]
    ours = simulate(registry.build("sarathi"), wanted, RunSettings())
    theirs = run(emulated, wanted, "sarathi")
    assert_same(ours, theirs)
    assert theirs.requests.outcome.tolist() == ["failed", "finished"]


def test_the_engines_own_rule_serves_everybody_too(
    system: type[SystemUnderTest], emulated: Backend
) -> None:
    wanted = requests()
    output = run(emulated, wanted, "engine:token_budget=512")
    assert output.requests.finished.all()
    assert (output.steps.prefill_tokens + output.steps.decodes).max() <= 512
    mixed = (output.steps.prefill_tokens > 0) & (output.steps.decodes > 0)
    assert mixed.any() == (system is VllmSystem)  # each as it is shipped
    assert "differs from stock: " in output.notes[-1]


def test_the_engines_own_rule_can_be_cut_and_leaves_nothing_behind(emulated: Backend) -> None:
    wanted, text = requests(40, arrivals="burst"), "engine:token_budget=512"
    whole = run(emulated, wanted, text)
    cut = run(emulated, wanted, text, horizon_s=3.0)
    assert (cut.requests.outcome == Outcome.UNFINISHED.value).any()
    assert_same(whole, run(emulated, wanted, text))  # invariant 4, after a cut


def test_vllms_own_rule_is_the_one_that_the_simulator_has_of_it(
    system: type[SystemUnderTest], emulated: Backend
) -> None:
    if system is not VllmSystem:
        pytest.skip("SGLang has a rule of its own")
    wanted, limits = requests(), "token_budget=2048,max_active=128"
    ours = simulate(registry.build(f"vllm-default:{limits}"), wanted, RunSettings())
    assert_same(ours, run(emulated, wanted, f"engine:{limits}"))
    assert ours.requests.num_preemptions.sum() > 0


def test_facts_name_the_engine_and_its_cache(
    system: type[SystemUnderTest], emulated: Backend
) -> None:
    output = run(emulated, requests(5), "slai")
    engine = system.ENGINE
    assert output.facts["versions"] == {engine.key: engine.check(Device.EMULATED)}
    assert (output.facts["kv_blocks"], output.facts["block_size"]) == (KV_BLOCKS, 16)
    assert output.facts["clock"] == "virtual"


@pytest.mark.parametrize(
    ("text", "way_out"),
    [
        ("sarathi:token_budget=9000", r"--(max-num-batched-tokens|chunked-prefill-size) 9000"),
        ("sarathi:max_active=2000", "max_active=1000"),
    ],
)
def test_a_scheduler_that_wants_more_than_the_engine_is_refused(
    emulated: Backend, text: str, way_out: str
) -> None:
    with pytest.raises(BackendError, match=way_out):
        run(emulated, requests(5), text)


def test_a_scheduler_that_never_runs_anything_is_reported(emulated: Backend) -> None:
    with pytest.raises(SchedulerError, match=r"invariant 8.*5 requests waiting"):
        run(emulated, [Request(i, 0.0, 10, 2) for i in range(5)], f"{FOREIGN}Never")
    assert run(emulated, requests(5), "slai").requests.finished.all()


def test_a_scheduler_may_withhold_everything_for_a_while(emulated: Backend) -> None:
    """Requests hold KV blocks, and no batch runs: engines see to it that nothing leaks then."""
    wanted = [Request(i, 0.0, 100, 5) for i in range(3)]
    ours = simulate(registry.build(f"{FOREIGN}Naps"), wanted, RunSettings())
    assert_same(ours, run(emulated, wanted, f"{FOREIGN}Naps"))
    assert np.diff(ours.steps.start_s).min() == pytest.approx(own_schedulers.Naps.REST_S)


def test_unfinished_prompts_get_the_chunks_that_a_scheduler_gives_them(
    system: type[SystemUnderTest], emulated: Backend
) -> None:
    wanted = [Request(0, 0.0, 3000, 5), Request(1, 0.01, 2000, 5)]
    ours = simulate(registry.build(f"{FOREIGN}TwoChunks"), wanted, RunSettings())
    if system is SglangSystem:
        with pytest.raises(SchedulerError, match="SGLang keeps track of one unfinished prompt"):
            run(emulated, wanted, f"{FOREIGN}TwoChunks")
        return
    assert_same(ours, run(emulated, wanted, f"{FOREIGN}TwoChunks"))
