"""vLLM's own scheduler with its own limits, and classes of somebody's that take its place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest

from slaibench.backends.base import BackendError, RunOutput, RunSettings
from slaibench.backends.engines.options import EngineOptions
from slaibench.backends.simulator.backend import Simulator
from slaibench.backends.vllm.core import EmulatedVllm, emulated_vllm
from slaibench.catalog.model import get_model
from slaibench.catalog.profile import Profile
from slaibench.catalog.profiles import get_profile
from slaibench.costmodel import CostModel
from slaibench.schedulers import registry
from slaibench.schedulers.base import SchedulerError
from slaibench.spec import Device, StudySpec
from slaibench.studies.prepared import prepare
from slaibench.studies.scheduler_info import DEBUG
from slaibench.studies.systems.engines import VllmSystem
from tests.backends.agreement import CONTEXT, MODEL, assert_same, requests
from tests.backends.needed import needed

PROFILE = get_profile("h100", MODEL)
CLASSES = f"{Path(__file__).with_name('own_classes.py')}:"
KV_BLOCKS = 800
"""So few that requests are preempted."""


def opened(*, asynchronous: bool, profile: Profile = PROFILE) -> EmulatedVllm:
    options = EngineOptions(
        model=get_model(MODEL),
        checkpoint=None,
        max_context_tokens=CONTEXT,
        token_budget=512,
        max_active=128,
        kv_blocks=KV_BLOCKS,
        asynchronous=asynchronous,
    )
    return emulated_vllm(options, profile)


@pytest.fixture(scope="module")
def ahead() -> Iterator[EmulatedVllm]:
    needed(VllmSystem.ENGINE, Device.EMULATED)
    backend = opened(asynchronous=True)
    yield backend
    backend.close()


@pytest.fixture(scope="module")
def in_turn() -> Iterator[EmulatedVllm]:
    needed(VllmSystem.ENGINE, Device.EMULATED)
    backend = opened(asynchronous=False)
    yield backend
    backend.close()


def run(backend: EmulatedVllm, text: str, count: int = 12) -> RunOutput:
    wanted = requests(count, rate_rps=4.0)
    return backend.run(wanted, registry.build(text), RunSettings(scheduler=text))


def same_bytes(one: RunOutput, other: RunOutput) -> bool:
    return all(
        getattr(ours, field.name).tobytes() == getattr(theirs, field.name).tobytes()
        for ours, theirs in ((one.requests, other.requests), (one.steps, other.steps))
        for field in fields(ours)
    )


@pytest.mark.parametrize("asynchronous", [True, False])
def test_stock_vllm_does_what_the_simulators_rule_of_it_does(
    request: pytest.FixtureRequest, asynchronous: bool
) -> None:
    backend = request.getfixturevalue("ahead" if asynchronous else "in_turn")
    simulator = Simulator(
        CostModel(PROFILE, asynchronous=asynchronous),
        total_blocks=KV_BLOCKS,
        max_context_tokens=CONTEXT,
        delivery_s=PROFILE.delivery_ms * 1e-3,
        asynchronous=asynchronous,
    )
    rule = registry.build("vllm-default:token_budget=8192,max_active=1024")
    ours = simulator.run(requests(30, rate_rps=4.0), rule, RunSettings())
    theirs = run(backend, "engine", 30)
    assert_same(ours, theirs)
    assert theirs.requests.num_preemptions.sum() > 0
    assert (theirs.steps.prefill_tokens + theirs.steps.decodes).max() > 512  # not the study's


def test_a_class_that_changes_nothing_is_stock_byte_for_byte(
    ahead: EmulatedVllm, in_turn: EmulatedVllm
) -> None:
    assert same_bytes(run(ahead, f"{CLASSES}Same"), run(ahead, "engine"))
    assert same_bytes(run(in_turn, f"{CLASSES}SameSynchronous"), run(in_turn, "engine"))
    assert not same_bytes(run(ahead, f"{CLASSES}ShortestFirst"), run(ahead, "engine"))


def test_a_synchronous_class_runs_in_the_asynchronous_loop_and_pays_for_it(
    ahead: EmulatedVllm, in_turn: EmulatedVllm
) -> None:
    """vLLM 0.32 neither refuses it nor leaves its loop."""
    slow, stock = run(ahead, f"{CLASSES}SameSynchronous"), run(ahead, "engine")
    assert slow.requests.finished.all()
    assert slow.end_s > 1.02 * stock.end_s
    assert "a synchronous class in the asynchronous loop" in slow.notes[0]
    assert "synchronous class" not in run(in_turn, f"{CLASSES}SameSynchronous").notes[0]


def test_each_run_has_an_object_of_the_class_of_its_own(ahead: EmulatedVllm) -> None:
    first = run(ahead, f"{CLASSES}Remembers")
    run(ahead, "slai")
    assert same_bytes(first, run(ahead, f"{CLASSES}Remembers"))
    assert not same_bytes(first, run(ahead, "engine"))


def test_what_differs_from_stock_is_said(ahead: EmulatedVllm, in_turn: EmulatedVllm) -> None:
    (stock,) = run(ahead, "engine", 3).notes
    assert stock == (
        "vLLM as shipped: batches of 8,192 tokens, 1,024 requests; differs from stock: "
        "no prefix caching (stock: on)"
    )
    (other,) = run(in_turn, f"{CLASSES}Same:max_active=64", 3).notes
    assert other.startswith("Same of own_classes.py in the place of vLLM's own scheduler: batches")
    assert "max_active=64 (stock 1,024), synchronous scheduling (stock: asynchronous)" in other


def test_limits_that_are_given_bind(ahead: EmulatedVllm) -> None:
    output = run(ahead, "engine:token_budget=256,max_active=4")
    assert (output.steps.prefill_tokens + output.steps.decodes).max() == 256
    assert output.steps.active.max() == 4


def test_requests_that_a_class_ends_are_unfinished(ahead: EmulatedVllm) -> None:
    output = run(ahead, f"{CLASSES}Rejects")
    assert 0 < output.requests.finished.sum() < len(output.requests)
    assert (output.requests.num_tokens[~output.requests.finished] == 0).all()


def test_without_a_gpu_of_the_catalog_limits_must_be_given() -> None:
    needed(VllmSystem.ENGINE, Device.EMULATED)
    backend = opened(asynchronous=True, profile=replace(PROFILE, gpu="another"))
    with pytest.raises(BackendError, match="give it token_budget= and max_active="):
        run(backend, "engine", 2)
    assert run(backend, "engine:token_budget=512,max_active=8", 2).requests.finished.all()
    backend.close()


def test_a_class_that_raises_ends_the_study_with_its_name_and_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    needed(VllmSystem.ENGINE, Device.EMULATED)
    monkeypatch.setenv(DEBUG, "1")  # in this process, which has imported vLLM
    spec = StudySpec.model_validate(
        {
            "backend": "vllm",
            "schedulers": (f"{CLASSES}Raises",),
            "rates": (8.0,),
            "num_requests": 40,
            "num_seeds": 1,
        }
    )
    message = r"Raises at 8 .*KeyError.*own_classes\.py, line"
    with prepare(spec) as prepared, pytest.raises(SchedulerError, match=message):
        prepared.run(prepared.first_cell())


@pytest.mark.parametrize("backend", ["sim", "sglang"])
def test_other_backends_say_that_a_class_is_vllms(
    monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    needed(VllmSystem.ENGINE, Device.EMULATED)
    monkeypatch.setenv(DEBUG, "1")
    text = f"{CLASSES}Same"
    spec = StudySpec.model_validate({"backend": backend, "schedulers": (text,), "rates": (1.0,)})
    with pytest.raises(ValueError, match=r"Same' is a class of vLLM's.*--backend vllm"):
        prepare(spec)
