"""Environment variables that decide how engines run, without what is secret in them."""

from __future__ import annotations

from collections.abc import Mapping

from slaibench.machine.disclosed import HIDDEN, Form

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


def relevant(env: Mapping[str, str]) -> dict[str, str]:
    """Those of an environment that matter, by name; what may not be shown is ``HIDDEN``."""
    return {name: _shown(name, env[name]) for name in sorted(env) if name.startswith(PREFIXES)}


def _shown(name: str, value: str) -> str:
    form = SHOWN.get(name)
    shown = None if form is None else form.shows(value)
    return HIDDEN if shown is None else shown
