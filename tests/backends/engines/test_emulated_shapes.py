"""Engines on an emulated device serve any shape: experts, latent attention, several GPUs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from slaibench.backends.base import Backend, RunOutput, RunSettings
from slaibench.backends.engines.options import EngineOptions
from slaibench.backends.simulator.backend import Simulator
from slaibench.catalog.profile import Profile
from slaibench.costmodel import CostModel
from slaibench.schedulers import registry
from slaibench.spec import Device
from slaibench.studies.systems.engines import SglangSystem, VllmSystem
from slaibench.workloads import registry as workload_registry
from slaibench.workloads.arrivals import ArrivalProcess
from slaibench.workloads.generate import generate
from slaibench.workloads.request import Request
from tests.backends.agreement import CONTEXT, KV_BLOCKS, assert_same
from tests.backends.needed import needed
from tests.backends.shapes import roofline, shape_of

MIXTURE, LATENT = "Qwen/Qwen3-30B-A3B", "deepseek-ai/DeepSeek-V3"


@dataclass(frozen=True)
class Served:
    """A model of several GPUs in an engine, and the profile that it runs on."""

    options: EngineOptions
    profile: Profile
    backend: Backend


VLLM = [
    pytest.param((VllmSystem, MIXTURE, 2), id="vllm-mixture"),
    pytest.param((VllmSystem, LATENT, 8), id="vllm-latent"),
]
# SGLang is told of no shape (slaibench.backends.sglang.arguments.narrow): one will do.
SGLANG = pytest.param((SglangSystem, LATENT, 8), id="sglang-latent")


@pytest.fixture(scope="module")
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    system, name, tp = request.param
    needed(system.ENGINE, Device.EMULATED)
    folder = tmp_path_factory.mktemp("shape")
    model = shape_of(name, folder)
    profile = roofline(model, "h200", tp)
    options = EngineOptions(model, None, CONTEXT, 8192, 1000, KV_BLOCKS, tp=tp)
    backend = system._open_emulated(options, profile, folder)
    yield Served(options, profile, backend)
    backend.close()


def requests() -> list[Request]:
    workload = workload_registry.resolve("sharegpt4-model")
    return generate(
        workload, ArrivalProcess.parse("poisson"), rate_rps=40.0, num_requests=60, seed=1
    )


def simulate(profile: Profile, wanted: list[Request], text: str) -> RunOutput:
    simulator = Simulator(CostModel(profile), total_blocks=KV_BLOCKS, max_context_tokens=CONTEXT)
    return simulator.run(wanted, registry.build(text), RunSettings())


@pytest.mark.parametrize("served", [*VLLM, SGLANG], indirect=True)
@pytest.mark.parametrize("text", ["sarathi", "slai", "hrrn:max_started=1"])
def test_every_batch_is_the_simulators(served: Served, text: str) -> None:
    wanted = requests()
    ours = simulate(served.profile, wanted, text)
    theirs = served.backend.run(wanted, registry.build(text), RunSettings(scheduler=text))
    assert_same(ours, theirs)
    assert theirs.requests.finished.all()
    assert theirs.requests.num_preemptions.sum() > 0


@pytest.mark.parametrize("served", VLLM, indirect=True)
def test_vllms_cache_is_the_models_as_each_of_its_gpus_has_it(served: Served) -> None:
    served.backend.run(requests()[:2], registry.build("slai"), RunSettings(scheduler="slai"))
    core: Any = served.backend._core  # type: ignore[attr-defined]
    (group,) = core._scheduler.kv_cache_config.kv_cache_groups
    spec, layers = group.kv_cache_spec, len(group.layer_names)
    kind, sizes = {
        # Four KV heads on two GPUs; a vector of 512 and 64 on each of eight.
        2: ("FullAttentionSpec", (2, 128, 48)),
        8: ("MLAAttentionSpec", (1, 576, 61)),
    }[served.options.tp]
    assert (type(spec).__name__, (spec.num_kv_heads, spec.head_size, layers)) == (kind, sizes)
    assert core._core.vllm_config.parallel_config.tensor_parallel_size == served.options.tp
