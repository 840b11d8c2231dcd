"""Debug builds and settings are found, and what is switched off is none."""

from __future__ import annotations

import pytest

from slaibench.machine import debugging, packages
from slaibench.machine.debugging import slowing_settings


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
    (found,) = slowing_settings({name: value})
    assert name in found.what
    assert found.fix == f"unset {name}"


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
    monkeypatch.setattr(packages, "_torch_says", lambda: "__version__ = '2.13.0'\ndebug = True\n")
    monkeypatch.setattr(debugging.sysconfig, "get_config_var", lambda _: 1)
    told = [each.what for each in slowing_settings({})]
    assert told == ["PyTorch is a debug build", "this Python is a debug build"]


@pytest.mark.parametrize(
    ("line", "debug"),
    [("debug = True", True), ("debug: bool = True", True), ("debug = False", False), ("", False)],
)
def test_pytorch_says_itself_how_it_was_built(
    line: str, debug: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "_torch_says", lambda: f"cuda = '13.0'\n{line}\n")
    assert packages.torch_is_debug() is debug
    assert packages.versions_of_torch()["cuda"] == "13.0"
