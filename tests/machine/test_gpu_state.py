"""A GPU as ``nvidia-smi`` tells it: numbers in our units, and reasons for what is unknown."""

from __future__ import annotations

from pathlib import Path

import pytest

from slaibench.machine.gpu_state import FIELDS, gpu_states, parse_state
from slaibench.machine.nvidia import NvidiaError
from tests.machine.smi import H200, install


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
    found = parse_state({**H200, "clocks_event_reasons.active": "0x0000000000000044"})
    assert found.values["clocks_event_reasons"] == ["power limit", "temperature (hardware)"]


def test_no_tool_is_an_error(tools: Path) -> None:
    with pytest.raises(NvidiaError):
        gpu_states()
