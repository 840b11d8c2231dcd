"""Clocks are read while something runs, and what held them down is named."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path

import pytest

from slaibench.machine.clocks import Clocks, reasons_of
from slaibench.machine.nvidia import slowing
from tests.machine.smi import H200, install

MEASURED = Path(__file__).parents[2] / "results" / "gpu" / "h200-vllm-0.26" / "clocks.csv"
OTHER = {**H200, "uuid": "GPU-other", "clocks_event_reasons.active": "0x0000000000000008"}


def test_clocks_of_a_stretch_leave_out_what_is_around_it(tmp_path: Path) -> None:
    path = tmp_path / "clocks.csv"
    path.write_text(
        "2026/11/26 06:00:00.000, 345, 3201, 78.5, 37, 0, 0x0000000000000001, GPU-1\n"
        "2026/11/26 06:00:01.000, 1980, 3201, 600.0, 60, 100, 0x0000000000000004, GPU-1\n"
        "2026/11/26 06:00:02.000, 1600, 3201, 700.0, 62, 98, 0x0000000000000000, GPU-1\n"
        "2026/11/26 06:00:02.000, 100, 3201, 70.0, 30, 0, 0x0000000000000008, GPU-2\n"
        "2026/11/26 06:00:03.0"
    )
    begin, end = (datetime(2026, 11, 26, 6, 0, at).astimezone() for at in (1, 2))
    stretch = Clocks(path).between(begin, end, {"GPU-1"})
    assert stretch["readings"] == 2
    assert stretch["sm_mhz"] == {"median": 1790.0, "min": 1600.0, "max": 1980.0}
    assert stretch["power_w"]["max"] == pytest.approx(700.0)
    assert stretch["event_reasons"] == ["0x4"]
    both = Clocks(path).between(begin, end)
    assert (both["readings"], both["event_reasons"]) == (3, ["0x4", "0x8"])


def test_what_an_h200_said_in_a_measurement_is_understood() -> None:
    begin, end = (datetime(2026, 11, 26, hour).astimezone() for hour in (0, 23))
    stretch = Clocks(MEASURED).between(begin, end)
    assert stretch["readings"] == len(MEASURED.read_text().splitlines())
    assert stretch["sm_mhz"]["max"] == 1980.0
    assert slowing(reasons_of(stretch)) == ("power limit",)


def test_each_gpu_is_read_until_it_is_left(tools: Path, tmp_path: Path) -> None:
    install(tools, [H200, OTHER])
    path = tmp_path / "clocks.csv"
    begun = datetime.now().astimezone()
    with Clocks(path) as clocks:
        while len(path.read_text().splitlines()) < 4:
            time.sleep(0.02)
    ended = datetime.now().astimezone()
    both, single = (clocks.between(begun, ended, gpus) for gpus in ((), {OTHER["uuid"]}))
    assert both["readings"] > single["readings"] > 0
    assert single["event_reasons"] == ["0x8"]


def test_without_the_tool_there_are_no_readings(tools: Path, tmp_path: Path) -> None:
    begun = datetime.now().astimezone()
    with Clocks(tmp_path / "clocks.csv") as clocks:
        pass
    assert clocks.between(begun, datetime.now().astimezone()) == {}
    assert reasons_of({}) == 0
