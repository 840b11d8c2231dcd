"""Runs in real time say what made them unsteady; runs in virtual time have nothing to say."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

from slaibench.machine import watch as watch_module
from slaibench.spec import Device, StudySpec
from slaibench.studies import cell_run
from slaibench.studies.prepared import prepare
from slaibench.studies.systems import table
from tests.studies.studies import study, sweep
from tests.studies.systems.others import RealTimeSystem


@pytest.fixture
def slowed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A real system, on a machine with a setting for debugging."""

    class Real(RealTimeSystem):
        log: ClassVar[Path] = tmp_path / "log"

    monkeypatch.setitem(table.SYSTEMS, "real", Real)
    monkeypatch.setenv("CUDA_LAUNCH_BLOCKING", "1")
    monkeypatch.setattr(watch_module, "cpu_time", lambda: None)


@pytest.mark.usefixtures("slowed")
def test_a_run_in_real_time_says_what_slowed_it_once_for_all_cells(tmp_path: Path) -> None:
    swept = sweep(study(backend="real", rates=(2.0, 5.0)), tmp_path / "r")
    of_the_setting = [text for text in swept.warnings if "CUDA_LAUNCH_BLOCKING" in text]
    assert of_the_setting == [
        "CUDA_LAUNCH_BLOCKING is set: the engine waits for every kernel before it starts the next "
        "(sarathi, slai)"
    ]
    assert swept.to_json()["warnings"] == list(swept.warnings)


@pytest.mark.usefixtures("slowed")
def test_the_record_has_it_beside_what_was_measured_of_the_machine() -> None:
    with prepare(study(backend="real")) as prepared:
        run = prepared.run(prepared.cells()[0]).run
    assert any("CUDA_LAUNCH_BLOCKING" in note for note in run["notes"])
    assert isinstance(run["steadiness"], dict)


@pytest.mark.usefixtures("slowed")
def test_virtual_time_is_not_disturbed_by_a_machine() -> None:
    prepared = prepare(study())
    run = prepared.run(prepared.cells()[0]).run
    assert run["notes"] == []
    assert "steadiness" not in run


def test_what_is_watched_follows_from_the_study(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, bool]] = []
    monkeypatch.setattr(cell_run, "Watch", lambda **options: seen.append(options))
    cell_run.watch_of(StudySpec(device=Device.CUDA), running=False)
    cell_run.watch_of(StudySpec(device=Device.CPU), running=True)
    cell_run.watch_of(StudySpec(url="http://localhost:8000"), running=True)
    cell_run.watch_of(StudySpec(url="http://gpu-box:8000"), running=True)
    assert seen == [
        {"gpu": True, "fresh": True, "alone": True},
        {"gpu": False, "fresh": False, "alone": True},
        {"gpu": False, "fresh": False, "alone": False},
        {"gpu": False, "fresh": False, "alone": True},
    ]
