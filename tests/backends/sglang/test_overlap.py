"""SGLang's overlap loop on an emulated device against the simulator's asynchronous scheduling."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from slaibench.backends.base import Backend, RunOutput, RunSettings
from slaibench.backends.sglang.arguments import engine_args
from slaibench.backends.sglang.launch import SglangEngine, emulated_sglang
from slaibench.catalog.profile import Profile
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

RATES = {"rtx6000-ada": (1.0, 1.6), "h100": (4.0, 6.0)}
"""Requests per second; of the second GPU, with so few blocks that requests are preempted."""
SCHEDULERS = ("sarathi", "slai", "hrrn:max_started=1")
ASYNCHRONOUS = engine_options(asynchronous=True)


@pytest.fixture(scope="module", params=list(RATES))
def profile(request: pytest.FixtureRequest) -> Profile:
    needed(SglangEngine(), Device.EMULATED)
    return get_profile(request.param, MODEL)


@pytest.fixture(scope="module")
def emulated(profile: Profile, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    backend = emulated_sglang(ASYNCHRONOUS, profile, tmp_path_factory.mktemp("logs"))
    yield backend
    backend.close()


def simulate(profile: Profile, wanted: list[Request], settings: RunSettings) -> RunOutput:
    simulator = simulator_of(profile, ASYNCHRONOUS)
    return simulator.run(wanted, registry.build(settings.scheduler or ""), settings)


def both(
    profile: Profile, emulated: Backend, wanted: list[Request], settings: RunSettings
) -> RunOutput:
    """The run of both, which is the same."""
    theirs = emulated.run(wanted, registry.build(settings.scheduler or ""), settings)
    assert_same(simulate(profile, wanted, settings), theirs)
    return theirs


@pytest.mark.parametrize("text", SCHEDULERS)
@pytest.mark.parametrize("nth", [0, 1])
def test_every_batch_is_the_simulators(
    profile: Profile, emulated: Backend, text: str, nth: int
) -> None:
    wanted = requests(50, rate_rps=RATES[profile.gpu][nth])
    output = both(profile, emulated, wanted, RunSettings(scheduler=text))
    assert output.requests.finished.all()
    # The device has the next batch before it is done with the one before.
    assert (output.steps.start_s[1:] == output.steps.end_s[:-1]).mean() > 0.5


@pytest.mark.parametrize("text", SCHEDULERS)
def test_who_is_preempted_in_flight_keeps_its_token(
    profile: Profile, emulated: Backend, text: str
) -> None:
    """All at once: more than there are blocks for."""
    wanted = [replace(request, due_s=0.0) for request in requests(80, rate_rps=1.0)]
    output = both(profile, emulated, wanted, RunSettings(scheduler=text))
    assert output.requests.num_preemptions.sum() > 0
    assert output.requests.finished.all()


def test_a_run_that_is_cut_leaves_nothing_behind(profile: Profile, emulated: Backend) -> None:
    wanted = requests(50, rate_rps=RATES[profile.gpu][0])
    settings = RunSettings(scheduler="slai", horizon_s=5.0)
    first = both(profile, emulated, wanted, settings)
    assert not first.requests.finished.all()
    assert_same(first, both(profile, emulated, wanted, settings))


def test_clients_of_a_closed_loop_send_at_the_same_times(
    profile: Profile, emulated: Backend
) -> None:
    settings = RunSettings(scheduler="sarathi", concurrency=6)
    output = both(profile, emulated, requests(50, rate_rps=1.0), settings)
    assert len(np.unique(output.requests.due_s)) > 10


def test_sglangs_own_rule_serves_everybody_too(profile: Profile, emulated: Backend) -> None:
    text = "engine:token_budget=512"
    wanted = requests(50, rate_rps=RATES[profile.gpu][0])
    output = emulated.run(wanted, registry.build(text), RunSettings(scheduler=text))
    assert output.requests.finished.all()
    assert (output.steps.end_s[:-1] <= output.steps.start_s[1:]).all()


def test_a_server_overlaps_only_where_it_is_asked_to() -> None:
    assert engine_args(ASYNCHRONOUS, "m")["disable_overlap_schedule"] is False
    synchronous = replace(ASYNCHRONOUS, asynchronous=False)
    assert engine_args(synchronous, "m")["disable_overlap_schedule"] is True
