"""The limits that vLLM takes by itself, compared with vLLM."""

from __future__ import annotations

import pytest

from slaibench.backends.vllm.stock import limits_on
from slaibench.catalog.gpu import Gpu, get_gpu, list_gpus
from slaibench.spec import Device
from slaibench.studies.systems.engines import VllmSystem
from tests.backends.needed import needed


@pytest.mark.parametrize("gpu", list_gpus(), ids=lambda gpu: gpu.name)
def test_limits_are_those_that_vllm_takes_on_that_gpu(
    gpu: Gpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed(VllmSystem.ENGINE, Device.EMULATED)
    from vllm.engine import arg_utils
    from vllm.usage.usage_lib import UsageContext

    class Platform(type(arg_utils.current_platform)):  # type: ignore[misc]
        """vLLM's of this machine, but for the GPU."""

        @classmethod
        def get_device_total_memory(cls, *_: object) -> int:
            return gpu.memory_bytes

        @classmethod
        def get_device_name(cls, *_: object) -> str:
            return gpu.full_name

        @classmethod
        def is_cpu(cls) -> bool:
            return False

    monkeypatch.setattr(arg_utils, "current_platform", Platform())
    tokens, active = arg_utils.EngineArgs.get_batch_defaults(world_size=1)
    limits = limits_on(gpu, max_context_tokens=32768)
    server = UsageContext.OPENAI_API_SERVER
    assert (limits.token_budget, limits.max_active) == (tokens[server], active[server])


def test_a_short_context_lowers_them_as_in_vllm() -> None:
    limits = limits_on(get_gpu("h100"), max_context_tokens=4)
    assert (limits.token_budget, limits.max_active) == (4096, 1024)
