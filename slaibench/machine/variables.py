"""Environment variables that decide how engines run, without what is secret in them."""

from __future__ import annotations

import re
from collections.abc import Mapping

PREFIXES = (
    *("CUDA_", "NVIDIA_", "NCCL_", "VLLM_", "SGLANG_", "SGL_", "SLAIBENCH_", "RAY_", "HF_"),
    *("OMP_", "MKL_", "KMP_", "GOMP_", "OPENBLAS_", "NUMEXPR_", "MALLOC_", "GLIBC_TUNABLES"),
    *("TORCH", "PYTORCH_", "TRITON_", "FLASHINFER_", "PYTHON", "LD_PRELOAD", "UV_THREADPOOL_SIZE"),
)
SECRET_WORDS = frozenset(
    {"TOKEN", "KEY", "SECRET", "PASSWORD", "PASSWD", "PASS", "CREDENTIAL", "CREDENTIALS", "AUTH"}
)
HIDDEN = "(set, not shown)"
_LOGIN = re.compile(r"://[^/@\s]+@")


def relevant(env: Mapping[str, str]) -> dict[str, str]:
    """Those of an environment that matter, by name. Values of names that speak of a secret, and
    logins in addresses, are hidden."""
    return {
        name: HIDDEN if SECRET_WORDS & set(name.split("_")) else _LOGIN.sub("://...@", env[name])
        for name in sorted(env)
        if name.startswith(PREFIXES)
    }
