"""vLLM with asynchronous scheduling against the simulator's: the same batches at the same times."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from slaibench.backends.base import Backend, BackendError, Progress, RunSettings
from slaibench.backends.vllm.core import emulated_vllm
from slaibench.catalog.profiles import get_profile
from slaibench.schedulers import registry
from slaibench.schedulers.engines.step_log import MemoryStepLog
from slaibench.spec import Device
from slaibench.studies.systems.engines import VllmSystem
from slaibench.workloads.request import Request
from tests.backends.agreement import (
    MODEL,
    assert_same,
    engine_options,
    requests,
    simulator_of,
)
from tests.backends.needed import needed

KV_BLOCKS = 800
"""So few that requests are preempted at the rates of these tests."""


class Both:
    """vLLM on an emulated GPU, and the simulator with the same profile."""

    def __init__(
        self, gpu: str, *, prefix_caching: bool = False, asynchronous: bool = True
    ) -> None:
        profile = get_profile(gpu, MODEL)
        options = engine_options(
            kv_blocks=KV_BLOCKS, prefix_caching=prefix_caching, asynchronous=asynchronous
        )
        self.vllm = emulated_vllm(options, profile)
        self.simulator: Backend = simulator_of(profile, options)

    def same(self, wanted: list[Request], text: str, settings: RunSettings) -> int:
        """Compare them; returns the number of preemptions."""
        ours = self.simulator.run(wanted, registry.build(text), settings)
        theirs = self.vllm.run(wanted, registry.build(text), settings)
        assert_same(ours, theirs)
        return int(theirs.requests.num_preemptions.sum())


@pytest.fixture(scope="module", params=["rtx6000-ada", "h100"])
def both(request: pytest.FixtureRequest) -> Iterator[Both]:
    needed(VllmSystem.ENGINE, Device.EMULATED)
    both = Both(request.param)
    yield both
    both.vllm.close()


@pytest.mark.parametrize("text", ["sarathi", "slai", "hrrn", "rad"])
@pytest.mark.parametrize("rate_rps", [1.5, 4.0])
def test_vllm_decides_as_the_simulator_does(both: Both, text: str, rate_rps: float) -> None:
    num_preemptions = both.same(requests(50, rate_rps=rate_rps), text, RunSettings())
    assert num_preemptions > 0 or rate_rps < 2


@pytest.mark.parametrize(
    "settings",
    [
        RunSettings(horizon_s=9.0),
        RunSettings(concurrency=6),
        RunSettings(stop=lambda look: "enough" if look.now_s > 8 else None, stop_every_s=1.5),
    ],
    ids=["horizon", "closed loop", "stop rule"],
)
def test_a_run_goes_and_ends_alike(both: Both, settings: RunSettings) -> None:
    both.same(requests(30, rate_rps=4.0), "slai", settings)


def test_a_stop_rule_sees_the_same(both: Both) -> None:
    looks: list[list[tuple[float, list[float]]]] = [[], []]
    for backend, seen in zip((both.simulator, both.vllm), looks, strict=True):

        def look(progress: Progress, seen: list[tuple[float, list[float]]] = seen) -> None:
            seen.append((progress.now_s, progress.first_s.round(6).tolist()))

        settings = RunSettings(stop=look, stop_every_s=0.5)
        backend.run(requests(20, rate_rps=4.0), registry.build("sarathi"), settings)
    assert repr(looks[0]) == repr(looks[1])
    assert len(looks[0]) > 5


def test_an_account_of_vllms_that_differs_ends_the_run(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = MemoryStepLog.step
    monkeypatch.setattr(
        MemoryStepLog, "step", lambda log, step: keep(log, step._replace(decodes=99))
    )
    with pytest.raises(BackendError, match="step 0 of vLLM's"):
        both.vllm.run(requests(3, rate_rps=4.0), registry.build("slai"), RunSettings())
