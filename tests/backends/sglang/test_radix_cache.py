"""What SGLang's radix cache finds, the simulator's finds: the same batches, retractions and all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from slaibench.backends.base import Backend, RunOutput, RunSettings
from slaibench.backends.sglang.launch import SglangEngine, emulated_sglang
from slaibench.catalog.profiles import get_profile
from slaibench.schedulers import registry
from slaibench.spec import Device
from slaibench.workloads.request import Request
from tests.backends.agreement import (
    MODEL,
    assert_same,
    engine_options,
    requests,
    simulator_of,
)
from tests.backends.needed import needed
from tests.backends.prompts import KINDS, with_prompts
from tests.backends.sessions import conversations

SCHEDULERS = ("sarathi", "slai", "hrrn:max_started=1")
KV_BLOCKS = 800
"""So few that requests are preempted, and beginnings given up, at the rates of these tests."""


@dataclass(frozen=True)
class Both:
    """SGLang on an emulated GPU, and the simulator with its cache."""

    sglang: Backend
    simulator: Backend

    def run(self, wanted: list[Request], text: str, horizon_s: float | None = None) -> RunOutput:
        """The run of both, which is the same, and so is what each request found."""
        settings = RunSettings(scheduler=text, horizon_s=horizon_s)
        theirs = self.sglang.run(wanted, registry.build(text), settings)
        assert_same(self.simulator.run(wanted, registry.build(text), settings), theirs)
        return theirs


@pytest.fixture(scope="module", params=[False, True], ids=["synchronous", "asynchronous"])
def both(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Both]:
    needed(SglangEngine(), Device.EMULATED)
    profile = get_profile("h100", MODEL)
    options = engine_options(kv_blocks=KV_BLOCKS, prefix_caching=True, asynchronous=request.param)
    sglang = emulated_sglang(options, profile, tmp_path_factory.mktemp("logs"))
    yield Both(sglang, simulator_of(profile, options, "sglang"))
    sglang.close()


@pytest.mark.parametrize("text", SCHEDULERS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_batch_is_the_simulators(both: Both, text: str, kind: str) -> None:
    wanted = with_prompts(requests(30, rate_rps=8.0), kind)
    table = both.run(wanted, text).requests
    assert table.finished.all()
    assert (table.cached_tokens.sum() > 0) == (kind != "prompts of their own")
    if kind == "prompts of their own":
        assert table.num_preemptions.sum() > 0


@pytest.mark.parametrize("text", SCHEDULERS)
def test_turns_of_half_open_sessions_find_what_was_said(both: Both, text: str) -> None:
    table = both.run(conversations(20, rate_rps=3.0, longest=1500), text).requests
    assert table.finished.all()
    assert table.cached_tokens[table.turn == 1].sum() == 0
    assert table.cached_tokens[table.turn > 1].sum() > 0


@pytest.mark.parametrize("text", SCHEDULERS)
def test_a_burst_of_prompts_that_begin_alike(both: Both, text: str) -> None:
    shared = with_prompts(requests(30, rate_rps=8.0), "three beginnings")
    table = both.run([replace(request, due_s=0.0) for request in shared], text).requests
    assert table.finished.all()
    assert table.num_preemptions.sum() > 0


def test_a_run_that_is_cut_leaves_an_empty_cache(both: Both) -> None:
    wanted = with_prompts(requests(30, rate_rps=8.0), "three beginnings")
    first = both.run(wanted, "slai", horizon_s=4.0)
    assert not first.requests.finished.all()
    assert_same(first, both.run(wanted, "slai", horizon_s=4.0))


def test_under_sglangs_own_rule_what_is_not_found_is_computed(both: Both) -> None:
    text = "engine:token_budget=512"
    wanted = with_prompts(requests(20, rate_rps=1.0), "three beginnings")
    output = both.sglang.run(wanted, registry.build(text), RunSettings(scheduler=text))
    table = output.requests
    assert table.finished.all()
    assert table.num_preemptions.sum() == 0
    assert table.cached_tokens.sum() > 0
    computed = output.steps.prefill_tokens.sum()
    assert computed + table.cached_tokens.sum() == table.prompt_tokens.sum()
