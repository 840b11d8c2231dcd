"""vLLM with speculative decoding against the simulator's: the same batches at the same times."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from slaibench.backends.base import Backend, BackendError, RunOutput, RunSettings
from slaibench.backends.speculation import Speculation
from slaibench.backends.vllm.core import emulated_vllm
from slaibench.schedulers import registry
from slaibench.spec import Device
from slaibench.studies.systems.engines import VllmSystem
from slaibench.workloads.request import Request
from tests.backends.agreement import (
    CONTEXT,
    PROFILE,
    assert_same,
    engine_options,
    requests,
    simulator_of,
)
from tests.backends.needed import needed

KV_BLOCKS = 1000
"""So few that requests are preempted at the rate of these tests."""
SPECULATION = Speculation(3, 0.7)


OPTIONS = engine_options(kv_blocks=KV_BLOCKS, speculation=SPECULATION)


@pytest.fixture(scope="module")
def vllm() -> Iterator[Backend]:
    needed(VllmSystem.ENGINE, Device.EMULATED)
    backend = emulated_vllm(OPTIONS, PROFILE)
    yield backend
    backend.close()


def simulated(wanted: list[Request], text: str, settings: RunSettings) -> RunOutput:
    return simulator_of(PROFILE, OPTIONS).run(wanted, registry.build(text), settings)


@pytest.mark.parametrize(
    "text", ["sarathi", "slai", "slai:order=fcfs,offset=fixed:0", "hrrn", "rad", "orca"]
)
def test_vllm_decides_as_the_simulator_does(vllm: Backend, text: str) -> None:
    wanted, settings = requests(50, rate_rps=3.0), RunSettings(seed=5)
    theirs = vllm.run(wanted, registry.build(text), settings)
    assert_same(simulated(wanted, text, settings), theirs)
    assert theirs.requests.finished.all()
    assert theirs.requests.num_preemptions.sum() > 0
    # Decodes gave several tokens: each request's first is its prefill's.
    decoded = theirs.requests.num_tokens.sum() - len(wanted)
    assert theirs.steps.decodes.sum() < 0.6 * decoded


def test_vllms_own_rule_is_the_simulators_too(vllm: Backend) -> None:
    wanted, settings = requests(40, rate_rps=1.0), RunSettings()
    limits = "token_budget=2048,max_active=128"
    theirs = vllm.run(wanted, registry.build(f"engine:{limits}"), settings)
    assert_same(simulated(wanted, f"vllm-default:{limits}", settings), theirs)


@pytest.mark.parametrize("rest", [1, 3, 5])
def test_no_position_beyond_the_context_is_verified(vllm: Backend, rest: int) -> None:
    """Requests that end at the longest context, or some tokens before it."""
    wanted = [
        Request(0, 0.0, CONTEXT - 40 - rest, 40),
        Request(1, 9.0, CONTEXT - 2, 2),
        Request(2, 12.0, 10, 1),
    ]
    theirs = vllm.run(wanted, registry.build("sarathi"), RunSettings())
    assert_same(simulated(wanted, "sarathi", RunSettings()), theirs)
    assert theirs.requests.num_tokens.tolist() == [40, 2, 1]


def test_a_horizon_cuts_both_alike(vllm: Backend) -> None:
    wanted, settings = requests(40, rate_rps=3.0), RunSettings(horizon_s=12.0)
    theirs = vllm.run(wanted, registry.build("slai"), settings)
    assert_same(simulated(wanted, "slai", settings), theirs)
    assert not theirs.requests.finished.all()


def test_a_budget_that_holds_no_decode_is_refused(vllm: Backend) -> None:
    with pytest.raises(BackendError, match="a decode verifies 4: give it token_budget=4 or more"):
        vllm.run(requests(2), registry.build("sarathi:token_budget=3"), RunSettings())
