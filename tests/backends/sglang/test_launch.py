"""The command and the environment of an SGLang server, and what is refused before it is started."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slaibench.backends.base import BackendError
from slaibench.backends.engines.base import MissingEngineError
from slaibench.backends.engines.model_folder import folder_of
from slaibench.backends.engines.options import EngineOptions
from slaibench.backends.sglang import launch
from slaibench.backends.sglang.launch import SglangEngine
from slaibench.catalog.model import get_model
from slaibench.machine.hardware import InstalledGpu
from slaibench.schedulers.engine_default import EngineDefault
from slaibench.spec import Device

ENGINE = SglangEngine()
H200 = InstalledGpu("NVIDIA H200", 141 * 2**30, "570.86")
OTHER = "/opt/sglang/bin/python"


def options(**changes: object) -> EngineOptions:
    made = EngineOptions(
        model=get_model("tiny-mistral"),
        checkpoint=None,
        max_context_tokens=2048,
        token_budget=512,
        max_active=128,
        kv_blocks=100,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def words(command: list[str], flag: str) -> str:
    return command[command.index(flag) + 1]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """What another Python says it has, and which GPUs there are."""
    monkeypatch.setattr(launch, "python", lambda: OTHER)
    monkeypatch.setattr(launch, "_folder", lambda model, where: Path("models") / model.name)

    def has(gpus: tuple[InstalledGpu, ...] = (), **facts: Any) -> None:
        said = {"sglang": "0.5.23", "kernels": False, "plugins": True, "versions": {}, **facts}
        monkeypatch.setattr(launch, "probe", lambda where: said)
        monkeypatch.setattr(launch.hardware, "gpus", lambda: gpus)

    has()
    return has


@pytest.mark.usefixtures("machine")
def test_a_server_runs_on_the_python_that_has_it_with_the_studys_options() -> None:
    command = ENGINE.command(options(), Device.CUDA, 8123, own={})
    assert command[0] == OTHER
    assert words(command, "-m") == "slaibench.backends.sglang.start"
    assert words(command, "--model-path") == "models/tiny-mistral"
    assert words(command, "--served-model-name") == "tiny-mistral"
    assert (words(command, "--host"), words(command, "--port")) == ("127.0.0.1", "8123")
    assert words(command, "--max-running-requests") == "128"
    assert words(command, "--chunked-prefill-size") == "512"
    assert words(command, "--max-total-tokens") == "1600"
    assert words(command, "--load-format") == "dummy"
    for flag in ("--disable-overlap-schedule", "--enable-mixed-chunk", "--disable-radix-cache"):
        assert flag in command
    assert "--device" not in command


@pytest.mark.usefixtures("machine")
def test_a_checkpoint_is_loaded_and_a_cache_kept_when_asked_for() -> None:
    chosen = options(checkpoint="mistralai/Mistral-7B-v0.1", prefix_caching=True, kv_blocks=None)
    command = ENGINE.command(chosen, Device.CUDA, 1, own={})
    assert words(command, "--model-path") == "mistralai/Mistral-7B-v0.1"
    assert not {"--load-format", "--disable-radix-cache", "--max-total-tokens"} & set(command)


@pytest.mark.usefixtures("machine")
def test_a_cpu_gets_what_sglang_must_be_told_and_a_cache_of_float32(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    token_bytes = []

    def blocks(options: EngineOptions, bytes_per_token: int) -> int:
        token_bytes.append(bytes_per_token)
        return 77

    monkeypatch.setattr(launch, "kv_blocks_on_cpu", blocks)
    command = ENGINE.command(options(kv_blocks=None), Device.CPU, 1, own={})
    assert (words(command, "--device"), words(command, "--dtype")) == ("cpu", "float32")
    assert words(command, "--max-total-tokens") == str(77 * 16)
    model = get_model("tiny-mistral")
    assert token_bytes == [2 * model.layers * model.kv_heads * model.head_dim * 4]


@pytest.mark.usefixtures("machine")
def test_what_the_user_adds_comes_last_so_that_it_wins() -> None:
    extra = ["--max-running-requests", "7"]
    assert ENGINE.command(options(more=tuple(extra)), Device.CPU, 1, own={})[-2:] == extra


@pytest.mark.usefixtures("machine")
def test_our_configuration_is_in_the_environment_and_nobody_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("HF_HUB_OFFLINE", "SGLANG_USE_CPU_ENGINE", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SLAIBENCH_SGLANG", "of a server around us")
    monkeypatch.setenv("SGLANG_PLUGINS", "somebody_elses")
    own = {"scheduler": "slai:order=fcfs", "switchable": True}
    env = ENGINE.environment(options(), Device.EMULATED, own)
    assert json.loads(env["SLAIBENCH_SGLANG"]) == own
    assert env["SGLANG_PLUGINS"] == "slaibench,slaibench-device"
    assert (env["HF_HUB_OFFLINE"], env["SGLANG_USE_CPU_ENGINE"]) == ("1", "1")
    assert "SGLANG_USE_CPU_ENGINE" not in ENGINE.environment(options(), Device.CUDA, own)
    hub = options(checkpoint="mistralai/Mistral-7B-v0.1")
    assert "HF_HUB_OFFLINE" not in ENGINE.environment(hub, Device.CUDA, own)


def test_plugins_have_a_server_of_their_own_that_is_told_of_them() -> None:
    assert ENGINE.as_shipped(EngineDefault(), options()) is None
    shipped = ENGINE.as_shipped(EngineDefault(plugin="a+b", token_budget=64), options())
    assert shipped is not None
    assert (shipped.options, shipped.own) == (options(), {"plugins": ["a", "b"]})
    assert shipped.words.startswith("SGLang with plug-in a+b: chunks of 64 tokens, 128 requests; ")


@pytest.mark.parametrize(
    ("device", "gpus", "facts", "message"),
    [
        (Device.CPU, (), {"sglang": None}, rf"not installed for {OTHER}.*SLAIBENCH_SGLANG_PYTHON"),
        (Device.CPU, (), {"sglang": "0.4.0"}, r"SGLang 0\.4\.0 is not supported"),
        (Device.EMULATED, (), {"plugins": False}, r"does not find our plug-in.*pip install"),
        (Device.CUDA, (), {"kernels": True}, "no NVIDIA GPU was found"),
        (Device.CUDA, (H200,), {}, "has no CUDA kernels"),
    ],
)
def test_a_device_that_cannot_be_had_is_refused_with_the_way_out(
    machine: Callable[..., None],
    device: Device,
    gpus: tuple[InstalledGpu, ...],
    facts: dict[str, Any],
    message: str,
) -> None:
    machine(gpus, **facts)
    with pytest.raises(BackendError, match=message):
        ENGINE.check(device)


@pytest.mark.parametrize(
    ("device", "gpus", "kernels"),
    [(Device.CPU, (), False), (Device.EMULATED, (), False), (Device.CUDA, (H200,), True)],
)
def test_a_device_that_can_be_had_gives_the_version(
    machine: Callable[..., None], device: Device, gpus: tuple[InstalledGpu, ...], kernels: bool
) -> None:
    machine(gpus, kernels=kernels)
    assert ENGINE.check(device) == "0.5.23"


def test_no_sglang_anywhere_is_reported_with_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "interpreter", lambda engine: None)
    with pytest.raises(MissingEngineError, match="SLAIBENCH_SGLANG_PYTHON"):
        ENGINE.check(Device.EMULATED)


def test_a_python_that_is_none_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SLAIBENCH_SGLANG_PYTHON", str(tmp_path / "python"))
    with pytest.raises(BackendError, match=r"SLAIBENCH_SGLANG_PYTHON is .* cannot be run"):
        ENGINE.check(Device.EMULATED)
    stranger = tmp_path / "stranger"
    stranger.write_text("#!/bin/sh\necho 'No module named slaibench' >&2; exit 1\n")
    stranger.chmod(0o755)
    monkeypatch.setenv("SLAIBENCH_SGLANG_PYTHON", str(stranger))
    with pytest.raises(BackendError, match=r"No module named slaibench.*must be installed there"):
        ENGINE.check(Device.EMULATED)


def test_this_python_can_be_asked_what_it_has() -> None:
    has = launch.probe(sys.executable)
    assert set(has) == {"slaibench", "sglang", "kernels", "plugins", "versions"}
    assert has["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))


def test_a_models_folder_is_made_by_the_python_that_has_tokenizers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("tokenizers", reason="comes with an engine, and none is installed")
    monkeypatch.setenv("SLAIBENCH_CACHE", str(tmp_path))
    folder = launch._folder(get_model("tiny-mistral"), sys.executable)
    assert folder == folder_of(get_model("tiny-mistral"))
    assert (folder / "config.json").is_file()


@pytest.mark.usefixtures("machine")
def test_the_key_of_a_server_is_in_its_environment_and_no_other_port_is_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SGLANG_GRPC_PORT", "50051")
    monkeypatch.setenv("SLAIBENCH_SERVER_KEY", "of another server")
    locked = ENGINE.environment(options(), Device.CUDA, {}, "a-secret")
    assert locked["SLAIBENCH_SERVER_KEY"] == "a-secret"
    assert "SGLANG_GRPC_PORT" not in locked
    opened = ENGINE.environment(options(), Device.CUDA, {})
    assert (opened["SLAIBENCH_SERVER_KEY"], opened["SGLANG_GRPC_PORT"]) == ("", "50051")
    command = ENGINE.command(options(), Device.CUDA, 1, own={}, locked=True)
    assert not any("a-secret" in word or "api-key" in word for word in command)
