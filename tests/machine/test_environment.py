"""One document of everything that matters, in which every null has its reason."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slaibench.machine.disclosed import HIDDEN
from slaibench.machine.environment import environment, shown_variables
from slaibench.version import __version__
from tests.machine.smi import H200, install, process

SECRETS = {
    **dict.fromkeys(("VLLM_APIKEY", "HF_TOKENS", "RAY_REDIS_PWD", "SGLANG_PASSPHRASE"), "s3cret"),
    **dict.fromkeys(("SGL_BEARER", "NCCL_COOKIE", "CUDA_LICENSE", "TORCH_LOGIN"), "s3cret"),
    "VLLM_EXTRA_HEADERS": "Authorization: Bearer s3cret",
    "HF_ENDPOINT": "https://hub.example/?token=s3cret",
    "RAY_ADDRESS": "ray://me:s3cret@10.1.2.3:6379",
    "PYTHONPATH": "/home/s3cret/lib",
    "VLLM_CACHE_ROOT": "~s3cret/cache",
    "VLLM_HOST_IP": "10.1.2.3",
    "LD_PRELOAD": "/home/s3cret/lib/libtcmalloc.so.4",
    "CUDA_HOME": "C:\\Users\\s3cret",
    "OMP_NUM_THREADS": "s3cret",
    "VLLM_ATTENTION_BACKEND": "https://s3cret",
    "PYTORCH_CUDA_ALLOC_CONF": "backend:native,key:s3cret",
    "SLAIBENCH_SGLANG_PYTHON": "/srv/s3cret/bin/python",
}


def nulls(value: Any, place: str = "") -> Iterator[str]:
    """Places of all nulls of a document."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from nulls(inner, f"{place}.{name}" if place else name)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from nulls(inner, f"{place}.{number}")
    elif value is None:
        yield place


def test_a_machine_with_a_gpu(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tools, [H200, {**H200, "uuid": "GPU-2"}], [process(4711)])
    monkeypatch.setenv("VLLM_USE_V1", "1")
    for number, (name, value) in enumerate(SECRETS.items()):
        monkeypatch.setenv(name, value.replace("s3cret", f"s3cret{number}"))
    monkeypatch.setenv("HF_TOKEN", "s3cret")
    document = environment()
    assert list(json.loads(json.dumps(document, allow_nan=False))) == list(document)
    assert document["slaibench"]["version"] == __version__
    assert document["cuda"] == "13.0"
    assert [gpu["name"] for gpu in document["gpus"]] == ["NVIDIA H200"] * 2
    on_first = [{"pid": 4711, "name": "python", "memory_mib": 1024}]
    assert [gpu["processes"] for gpu in document["gpus"]] == [on_first, []]
    assert document["unknown"]["gpus.1.sm_clock_application_mhz"] == "nvidia-smi says [N/A]"
    assert document["variables"]["VLLM_USE_V1"] == "1"
    assert "s3cret" not in json.dumps(document)
    assert "10.1.2.3" not in json.dumps(document)
    assert document["variables"]["LD_PRELOAD"] == "libtcmalloc.so.4"
    assert document["variables"]["VLLM_APIKEY"] == HIDDEN  # that it is set may matter


def test_every_null_has_a_reason(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLAIBENCH_SGLANG_PYTHON", raising=False)
    for with_gpu in (False, True):
        if with_gpu:
            install(tools, [{"name": "NVIDIA H200", "uuid": "GPU-1"}], version="nothing")
        document = environment()
        unknown = document.pop("unknown")
        # What is null by its nature, not for want of an answer.
        assert set(nulls(document)) - {"system.open_files", "system.distribution"} == set(unknown)
        assert all(unknown.values())


def test_it_tells_nothing_of_whose_machine_it_is(tools: Path) -> None:
    text = json.dumps({**environment(), "variables": {}})
    assert os.uname().nodename not in text


def test_an_sglang_that_cannot_be_asked_is_null(
    tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLAIBENCH_SGLANG_PYTHON", "/nowhere/python")
    document = environment()
    assert document["sglang"] is None
    assert "SLAIBENCH_SGLANG_PYTHON is" in document["unknown"]["sglang"]
    assert "/nowhere" not in json.dumps(document)


def test_variables_of_engines_are_kept_and_others_not() -> None:
    env = {"VLLM_USE_V1": "1", "OMP_NUM_THREADS": "4", "HOME": "/home/me", "EDITOR": "vi"}
    assert shown_variables(env) == {"OMP_NUM_THREADS": "4", "VLLM_USE_V1": "1"}


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
    assert shown_variables({name: value}) == {name: value}


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
    assert shown_variables({name: value}) == {name: HIDDEN}
