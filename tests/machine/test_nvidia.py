"""``nvidia-smi`` is asked for what it knows, and what it has no value for is not made up."""

from __future__ import annotations

from pathlib import Path

import pytest

from slaibench.machine import nvidia
from slaibench.machine.nvidia import GpuProcess, NvidiaError, gpu_rows, parse_processes, rows, value
from tests.machine.smi import H200, install, process


def test_a_row_a_gpu_by_field(tools: Path) -> None:
    install(tools, [H200, {**H200, "name": "NVIDIA H100"}])
    found = gpu_rows(["name", "memory.total"])
    assert found == [
        {"name": "NVIDIA H200", "memory.total": "143771"},
        {"name": "NVIDIA H100", "memory.total": "143771"},
    ]


def test_a_field_that_the_driver_does_not_know_is_left_out(tools: Path) -> None:
    install(tools)
    assert gpu_rows(["name", "no.such", "pstate"]) == [{"name": "NVIDIA H200", "pstate": "P0"}]
    assert gpu_rows(["no.such"]) == []


def test_an_older_driver_is_asked_by_the_older_name(tools: Path) -> None:
    old = dict(H200)
    old["clocks_throttle_reasons.active"] = old.pop("clocks_event_reasons.active")
    install(tools, [old])
    assert gpu_rows(["clocks_event_reasons.active"]) == [
        {"clocks_event_reasons.active": "0x0000000000000001"}
    ]
    del old["clocks_throttle_reasons.active"]
    install(tools, [old])
    assert gpu_rows(["clocks_event_reasons.active", "pstate"]) == [{"pstate": "P0"}]


def test_no_tool_is_told(tools: Path) -> None:
    for ask in (nvidia.processes, nvidia.cuda_version, lambda: gpu_rows(["name"])):
        with pytest.raises(NvidiaError, match="nvidia-smi cannot be run"):
            ask()


def test_a_driver_that_is_away_is_told_in_its_own_words(tools: Path) -> None:
    tool = tools / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'NVIDIA-SMI has failed because it couldn'\\''t'\nexit 9\n")
    tool.chmod(0o755)
    with pytest.raises(NvidiaError, match="fails: NVIDIA-SMI has failed because it couldn't"):
        gpu_rows(["name"])


def test_processes_with_commas_in_their_names(tools: Path) -> None:
    install(tools, processes=[process(4711), process(12, memory="[N/A]")])
    assert nvidia.processes() == (
        GpuProcess(H200["uuid"], 4711, 1024, "python, train"),
        GpuProcess(H200["uuid"], 12, None, "python, train"),
    )
    assert parse_processes("No running processes found\n") == ()


@pytest.mark.parametrize("text", ["[N/A]", "[Not Supported]", "N/A", ""])
def test_what_a_card_has_no_value_for_is_none(text: str) -> None:
    assert value(text) is None
    assert value("P0") == "P0"


def test_lines_that_are_no_rows_are_left_out() -> None:
    assert rows("a, b\nNo devices were found\nc, d\n", 2) == [["a", "b"], ["c", "d"]]


def test_the_newest_cuda_of_the_driver(tools: Path) -> None:
    # As drivers of the 550 series print it.
    said = (
        "NVIDIA-SMI version  : 550.54.14\nNVML version        : 550.54\n"
        "DRIVER version      : 550.54.14\nCUDA Version        : 12.4"
    )
    install(tools, version=said)
    assert nvidia.cuda_version() == "12.4"
    install(tools, version="NVIDIA System Management Interface")
    with pytest.raises(NvidiaError, match="says nothing of CUDA"):
        nvidia.cuda_version()
