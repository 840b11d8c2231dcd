"""One document of everything that matters, in which every null has its reason."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slaibench.machine.environment import environment, versions_in
from slaibench.version import __version__
from tests.machine.smi import H200, install, process


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
    monkeypatch.setenv("HF_TOKEN", "s3cret")
    found = environment()
    assert list(json.loads(json.dumps(found, allow_nan=False))) == list(found)
    assert found["slaibench"]["version"] == __version__
    assert found["cuda"] == "13.0"
    assert [gpu["name"] for gpu in found["gpus"]] == ["NVIDIA H200"] * 2
    on_first = [{"pid": 4711, "name": "python, train", "memory_mib": 1024}]
    assert [gpu["processes"] for gpu in found["gpus"]] == [on_first, []]
    assert found["unknown"]["gpus.1.sm_clock_application_mhz"] == "nvidia-smi says [N/A]"
    assert found["variables"]["VLLM_USE_V1"] == "1"
    assert "s3cret" not in json.dumps(found)


def test_every_null_has_a_reason(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLAIBENCH_SGLANG_PYTHON", raising=False)
    for with_gpu in (False, True):
        if with_gpu:
            install(tools, [{"name": "NVIDIA H200", "uuid": "GPU-1"}], version="nothing")
        found = environment()
        unknown = found.pop("unknown")
        # What is null by its nature, not for want of an answer.
        assert set(nulls(found)) - {"system.open_files", "system.distribution"} == set(unknown)
        assert all(unknown.values())


def test_it_tells_nothing_of_whose_machine_it_is(tools: Path) -> None:
    text = json.dumps({**environment(), "variables": {}})
    assert os.uname().nodename not in text


def test_versions_in_another_python() -> None:
    found = versions_in(sys.executable, ("numpy", "no-such-package"))
    assert set(found) == {"python", "numpy"}


def test_an_sglang_that_cannot_be_asked_is_null(
    tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLAIBENCH_SGLANG_PYTHON", "/nowhere/python")
    found = environment()
    assert found["sglang"] is None
    assert "/nowhere/python" in found["unknown"]["sglang"]
