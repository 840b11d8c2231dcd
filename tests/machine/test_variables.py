"""What decides how engines run is shown, and nothing that is not known to."""

from __future__ import annotations

import pytest

from slaibench.machine.disclosed import HIDDEN
from slaibench.machine.variables import relevant


def test_variables_of_engines_are_kept_and_others_not() -> None:
    env = {"VLLM_USE_V1": "1", "OMP_NUM_THREADS": "4", "HOME": "/home/me", "EDITOR": "vi"}
    assert relevant(env) == {"OMP_NUM_THREADS": "4", "VLLM_USE_V1": "1"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VLLM_CPU_OMP_THREADS_BIND", "0-30|31-61"),
        ("CUDA_VISIBLE_DEVICES", "0,1,3"),
        ("VLLM_CPU_KVCACHE_SPACE", "4"),
        ("VLLM_WORKER_MULTIPROC_METHOD", "spawn"),
        ("NCCL_P2P_LEVEL", "NVL"),
        ("VLLM_ATTENTION_BACKEND", "FLASH_ATTN"),
        ("KMP_AFFINITY", "granularity=fine,compact,1,0"),
        ("PYTORCH_CUDA_ALLOC_CONF", "max_split_size_mb:128,expandable_segments:True"),
        ("GLIBC_TUNABLES", "glibc.malloc.arena_max=1:glibc.malloc.tcache_count=0"),
        ("HF_HUB_OFFLINE", ""),
    ],
)
def test_a_setting_is_shown_as_it_is(name: str, value: str) -> None:
    assert relevant({name: value}) == {name: value}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, "s3cret") for name in ("HF_TOKEN", "VLLM_API_KEY", "VLLM_APIKEY", "HF_TOKENS")),
        *((name, "4711") for name in ("RAY_REDIS_PWD", "SGLANG_AUTH", "VLLM_NEW_SETTING")),
        ("HF_ENDPOINT", "https://me:s3cret@hub.example/x"),
        ("OMP_NUM_THREADS", "4 s3cret"),
        ("CUDA_VISIBLE_DEVICES", "GPU-5b2e8c1a-0000-0000-0000-000000000001"),
        ("LD_PRELOAD", "/home/me/mine"),
        ("VLLM_ATTENTION_BACKEND", "sk-proj-Ab9xYzQ0123456789abcdefZZ"),
        ("NCCL_P2P_LEVEL", "s3cret"),
        ("VLLM_CPU_KVCACHE_SPACE", "4\n"),
    ],
)
def test_what_is_not_known_to_be_harmless_is_hidden(name: str, value: str) -> None:
    assert relevant({name: value}) == {name: HIDDEN}
