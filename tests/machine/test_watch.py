"""A run is watched for what makes its numbers unsteady."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from slaibench.machine import interpreters
from slaibench.machine import watch as module
from slaibench.machine.cpu import CpuState, CpuTime
from slaibench.machine.watch import Watch, slowing_settings
from tests.machine.smi import H200, install, process

OTHER = {**H200, "uuid": "GPU-other", "clocks_event_reasons.active": "0x0000000000000008"}
STRANGER = 1
"""A process that is none of ours."""


@pytest.fixture(autouse=True)
def calm(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that holds still, whatever the one of the tests does."""
    monkeypatch.setattr(module, "slowing_settings", lambda _: ())
    monkeypatch.setattr(module, "cpu_state", lambda: state("performance"))
    monkeypatch.setattr(module, "cpu_time", lambda: None)


def state(*governors: str) -> CpuState:
    return CpuState(governors, None, None, None, None, None)


def look_until(lines: int) -> None:
    """As long as it takes to have read so many lines of clocks."""
    for _ in range(1000):
        files = Path(module.tempfile.gettempdir()).glob("slaibench-*/clocks.csv")
        if sum(len(file.read_text().splitlines()) for file in files) >= lines:
            return
        time.sleep(0.01)


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(module.tempfile, "tempdir", str(folder))
    return folder


def test_a_machine_that_holds_still_is_said_nothing_of() -> None:
    with Watch(gpu=False, fresh=True, alone=True) as watch:
        pass
    seen = watch.seen(1.0)
    assert (seen.facts, seen.notes) == ({"governors": ["performance"]}, ())


def test_a_governor_that_follows_the_load_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "cpu_state", lambda: state("powersave"))
    with Watch(gpu=False, fresh=True, alone=True) as watch:
        pass
    seen = watch.seen(1.0)
    assert seen.facts["governors"] == ["powersave"]
    assert seen.notes == ("the CPU governor is powersave, not performance: clocks follow the load",)


@pytest.mark.parametrize(("alone", "notes"), [(True, 1), (False, 0)])
def test_others_that_are_busy_are_reported_unless_they_are_the_server(
    alone: bool, notes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    cores = os.cpu_count() or 1
    times = iter([CpuTime(0.0, 0.0, 0.0), CpuTime(1.0, float(cores), cores / 2)])
    monkeypatch.setattr(module, "cpu_time", lambda: next(times))
    with Watch(gpu=False, fresh=True, alone=alone) as watch:
        pass
    seen = watch.seen(1.0)
    assert seen.notes == ("other processes kept part of this machine's cores busy in the run",) * (
        notes
    )
    assert seen.facts.get("others_cores") == (cores / 2 if alone else None)


def test_a_gpu_that_is_held_down_is_reported(tools: Path, temporary: Path) -> None:
    install(tools, [OTHER])
    with Watch(gpu=True, fresh=True, alone=True) as watch:
        look_until(1)
    seen = watch.seen(1000.0)
    assert seen.notes == ("the GPU was held down in the run: hardware slowdown",)
    assert seen.facts["clocks"]["event_reasons"] == ["0x8"]
    assert list(temporary.iterdir()) == []


def test_who_is_on_the_gpu_before_the_engine_is_somebody_else(tools: Path) -> None:
    install(tools, processes=[process(STRANGER)])
    with Watch(gpu=True, fresh=True, alone=True) as watch:
        pass
    assert watch.seen(1.0).notes == ("other processes were on the GPU: python, train",)


def test_our_own_engine_is_nobody_else(tools: Path) -> None:
    install(tools, processes=[process(os.getpid())])
    with Watch(gpu=True, fresh=False, alone=True) as watch:
        pass
    seen = watch.seen(1.0)
    assert (seen.notes, seen.facts["gpu_processes"]) == ((), [])


def test_a_neighbour_on_another_gpu_is_left_alone(tools: Path) -> None:
    install(tools, [H200, OTHER], [process(os.getpid()), process(STRANGER, OTHER)])
    with Watch(gpu=True, fresh=False, alone=True) as watch:
        look_until(2)
    assert watch.seen(1000.0).notes == ()


def test_where_process_numbers_are_those_of_outside_nobody_is_accused(tools: Path) -> None:
    """In a container our own engine appears under a number that is not its own."""
    install(tools, processes=[process(STRANGER)])
    with Watch(gpu=True, fresh=False, alone=True) as watch:
        pass
    assert watch.seen(1.0).notes == ()


def test_a_run_that_fails_leaves_nothing_behind(tools: Path, temporary: Path) -> None:
    install(tools)

    def fail() -> None:
        with Watch(gpu=True, fresh=True, alone=True):
            raise RuntimeError("the run")

    with pytest.raises(RuntimeError, match="the run"):
        fail()
    assert list(temporary.iterdir()) == []


def test_without_the_tool_the_gpu_is_said_nothing_of(tools: Path) -> None:
    with Watch(gpu=True, fresh=True, alone=True) as watch:
        pass
    seen = watch.seen(1.0)
    assert (seen.facts["clocks"], seen.notes) == (None, ())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CUDA_LAUNCH_BLOCKING", "1"),
        ("VLLM_LOGGING_LEVEL", "debug"),
        ("NCCL_DEBUG", "INFO"),
        ("TORCHDYNAMO_DISABLE", "true"),
    ],
)
def test_a_setting_that_slows_is_named_with_the_way_out(name: str, value: str) -> None:
    (setting,) = slowing_settings({name: value})
    assert name in setting.what
    assert setting.fix == f"unset {name}"


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"CUDA_LAUNCH_BLOCKING": "0"},
        {"TORCHDYNAMO_DISABLE": ""},
        {"VLLM_LOGGING_LEVEL": "INFO"},
        {"NCCL_DEBUG": "WARN"},
    ],
)
def test_what_is_off_slows_nothing(env: dict[str, str]) -> None:
    assert slowing_settings(env) == ()


def test_builds_for_debugging_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        interpreters, "_torch_says", lambda: "__version__ = '2.13.0'\ndebug = True\n"
    )
    monkeypatch.setattr(module.sysconfig, "get_config_var", lambda _: 1)
    assert [setting.what for setting in slowing_settings({})] == [
        "PyTorch is a debug build",
        "this Python is a debug build",
    ]
