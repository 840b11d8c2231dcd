"""What makes the same run take another time shows, with the command that helps."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from slaibench.machine import checks
from slaibench.machine.checks import Check
from slaibench.machine.cpu import CpuState, CpuTime
from tests.machine.smi import H200, install, process

OF_GPUS = (checks.gpu_idle, checks.gpu_persistence, checks.gpu_clocks)


@pytest.mark.parametrize(
    ("governors", "works", "fix"),
    [
        ((), None, None),
        (("performance",), True, None),
        (("performance", "schedutil"), False, "sudo cpupower frequency-set -g performance"),
    ],
)
def test_the_governor(
    governors: tuple[str, ...], works: bool, fix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = CpuState(governors, None, None, None, None, None)
    monkeypatch.setattr(checks, "cpu_state", lambda: state)
    check = checks.governor()
    assert (check.works, check.fix) == (works, fix)


@pytest.mark.parametrize(("share", "works"), [(0.05, True), (0.5, False), (None, None)])
def test_others_that_are_busy(
    share: float | None, works: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = CpuTime(1.0, (share or 0.0) * (os.cpu_count() or 1), 0.0)
    times = iter([CpuTime(0.0, 0.0, 0.0), busy] if share is not None else [None, None])
    monkeypatch.setattr(checks, "cpu_time", lambda: next(times))
    check = checks.idle(lambda _: None)
    assert check.works is works
    assert (check.fix is not None) is (works is False)


def test_settings_for_debugging(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks.build().works is True
    monkeypatch.setenv("CUDA_LAUNCH_BLOCKING", "1")
    monkeypatch.setenv("VLLM_LOGGING_LEVEL", "DEBUG")
    check = checks.build()
    assert (check.works, check.fix) == (
        False,
        "unset CUDA_LAUNCH_BLOCKING && unset VLLM_LOGGING_LEVEL",
    )


@pytest.mark.parametrize("check", OF_GPUS)
def test_without_a_gpu_there_is_nothing_to_decide(check: Callable[[], Check], tools: Path) -> None:
    outcome = check()
    assert (outcome.works, outcome.fix) == (None, None)
    assert "nvidia-smi cannot be run" in outcome.detail


def test_a_gpu_that_is_ready(tools: Path) -> None:
    install(tools)
    assert checks.gpu_idle().works is True
    assert checks.gpu_persistence().works is True
    clocks = checks.gpu_clocks()
    assert clocks.works is None  # no query tells whether they are locked
    assert clocks.fix == "sudo nvidia-smi -lgc 1770,1770"


def test_a_gpu_that_is_not(tools: Path) -> None:
    card = {
        **H200,
        "persistence_mode": "Disabled",
        "clocks_event_reasons.active": "0x0000000000000024",
    }
    install(tools, [H200, card], [process(4711)])
    idle, persistence, clocks = (check() for check in OF_GPUS)
    assert not any(check.works for check in (idle, persistence, clocks))
    assert "python, train (pid 4711)" in idle.detail
    assert persistence.fix == "sudo nvidia-smi -pm 1"
    assert clocks.detail == "held down now: GPU 1: power limit; GPU 1: temperature (driver)"


def test_a_card_that_does_not_say_its_mode(tools: Path) -> None:
    install(tools, [{**H200, "persistence_mode": "[N/A]"}])
    assert checks.gpu_persistence().works is None
