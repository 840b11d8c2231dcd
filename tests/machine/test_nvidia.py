"""``nvidia-smi`` is read in our units, and what it has no value for is not made up."""

from __future__ import annotations

from pathlib import Path

import pytest

from slaibench.machine import nvidia
from slaibench.machine.nvidia import (
    FIELDS,
    GpuProcess,
    NvidiaError,
    gpu_rows,
    gpu_states,
    parse_processes,
    parse_state,
    rows,
    slowing,
    value,
)
from tests.machine.smi import H200, install, process


def test_a_row_a_gpu_by_field(tools: Path) -> None:
    install(tools, [H200, {**H200, "name": "NVIDIA H100"}])
    printed = gpu_rows(["name", "memory.total"])
    assert printed == [
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


def test_no_tool_is_reported(tools: Path) -> None:
    for query in (nvidia.processes, nvidia.cuda_version, lambda: gpu_rows(["name"])):
        with pytest.raises(NvidiaError, match="nvidia-smi cannot be run"):
            query()


def test_a_driver_that_is_away_is_reported_in_its_own_words(tools: Path) -> None:
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


def test_an_h200_in_our_units(tools: Path) -> None:
    install(tools)
    (state,) = gpu_states()
    assert set(state.values) == set(FIELDS)
    values = state.values
    assert (values["name"], values["driver"]) == ("NVIDIA H200", "580.159.04")
    assert values["memory_bytes"] == 143771 * 2**20
    assert (values["persistence_mode"], values["ecc"], values["mig"]) == (True, True, False)
    assert (values["power_limit_w"], values["sm_clock_max_mhz"]) == (700.0, 1980)
    assert values["clocks_event_reasons"] == ["idle"]
    assert state.unknown == {
        "sm_clock_application_mhz": "nvidia-smi says [N/A]",
        "memory_clock_application_mhz": "nvidia-smi says [N/A]",
    }
    assert values["sm_clock_application_mhz"] is None


def test_what_a_driver_does_not_know_is_null_with_the_fields_name(tools: Path) -> None:
    install(tools, [{name: text for name, text in H200.items() if name != "mig.mode.current"}])
    (state,) = gpu_states()
    assert state.values["mig"] is None
    assert state.unknown["mig"] == "this nvidia-smi knows no field mig.mode.current"


@pytest.mark.parametrize(
    ("field", "name", "text"),
    [
        ("persistence_mode", "persistence_mode", "On"),
        ("power.limit", "power_limit_w", "lots"),
        ("clocks_event_reasons.active", "clocks_event_reasons", "Active"),
    ],
)
def test_a_text_of_another_form_is_unknown_not_an_error(field: str, name: str, text: str) -> None:
    state = parse_state({**H200, field: text})
    assert state.values[name] is None
    assert state.unknown[name] == f"nvidia-smi says {text}"


def test_several_reasons_are_all_named() -> None:
    state = parse_state({**H200, "clocks_event_reasons.active": "0x0000000000000044"})
    assert state.values["clocks_event_reasons"] == ["power limit", "temperature (hardware)"]


def test_no_tool_is_an_error(tools: Path) -> None:
    with pytest.raises(NvidiaError):
        gpu_states()


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (0x0, ()),
        (0x1, ()),  # idle
        (0x2, ()),  # as the user has set them
        (0x4, ("power limit",)),
        (0x8 | 0x40, ("hardware slowdown", "temperature (hardware)")),
        (0x1 | 0x20, ("temperature (driver)",)),
    ],
)
def test_only_what_changes_clocks_under_load_slows(mask: int, words: tuple[str, ...]) -> None:
    assert slowing(mask) == words
