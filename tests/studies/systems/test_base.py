"""A backend is opened when it is needed, kept, and closed whatever happens."""

from __future__ import annotations

import os
import pickle
from dataclasses import fields, replace
from pathlib import Path
from typing import ClassVar

import pytest

from slaibench.backends.base import BackendError
from slaibench.studies.executors import jobs_for, open_executor
from slaibench.studies.prepared import prepare
from slaibench.studies.sweep import plan
from slaibench.studies.systems import table
from slaibench.studies.systems.base import Service
from slaibench.studies.systems.simulator import SimulatorSystem
from tests.studies.executors.test_executor import length
from tests.studies.studies import study, sweep
from tests.studies.systems.others import LoggingSystem, RealTimeSystem


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The real system is there; what became of its backends is in this file."""
    path = tmp_path / "log"
    path.touch()

    class Logged(RealTimeSystem):
        log: ClassVar[Path] = path

    monkeypatch.setitem(table.SYSTEMS, "real", Logged)
    return path


def events(log: Path) -> list[str]:
    return [line.split()[0] for line in log.read_text().splitlines()]


def test_one_backend_serves_all_cells_of_a_sweep_and_is_closed(log: Path, tmp_path: Path) -> None:
    swept = sweep(study(backend="real", rates=(2.0, 5.0)), tmp_path / "r")
    assert events(log) == ["opened", "ran", "ran", "ran", "ran", "closed"]
    assert swept.about == "something real, version 1.2"
    sweep(study(backend="real", rates=(2.0, 5.0)), tmp_path / "r")
    assert len(events(log)) == 6  # all on disk: nothing is opened


def test_a_backend_learns_the_schedulers_text_and_the_seed(log: Path, tmp_path: Path) -> None:
    sweep(study(backend="real", schedulers=("slai:order=fcfs",), first_seed=3), tmp_path / "r")
    assert "ran slai:order=fcfs seed 3" in log.read_text().splitlines()


@pytest.mark.parametrize("error", [BackendError("no"), KeyboardInterrupt()])
def test_it_is_closed_when_a_study_ends_early(
    log: Path, tmp_path: Path, error: BaseException
) -> None:
    prepared = prepare(study(backend="real"))

    def stop() -> None:
        with open_executor(prepared, tmp_path / "r", length, jobs=1) as executor:
            next(iter(executor.run(prepared.cells())))
            raise error

    with pytest.raises(type(error)):
        stop()
    assert events(log) == ["opened", "ran", "closed"]


def test_a_run_that_cannot_be_had_names_its_cell_and_is_closed(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table.SYSTEMS["real"], "refuses", True)
    with pytest.raises(BackendError, match="sarathi at 5 requests/s, seed 0: the server does not"):
        sweep(study(backend="real"), tmp_path / "r")
    assert events(log) == ["opened", "ran", "closed"]


def test_real_time_is_one_cell_at_a_time(log: Path, tmp_path: Path) -> None:
    spec = study(backend="real")
    with pytest.raises(ValueError, match=r"--jobs 2: these runs take the machine's own time"):
        plan(spec, tmp_path, jobs=2)
    assert [jobs_for(prepare(spec), count) for count in (None, 1)] == [1, 1]
    assert jobs_for(prepare(study()), 7) == 7
    assert jobs_for(prepare(study()), None) >= 1


def test_each_worker_process_opens_one_and_closes_it(tmp_path: Path) -> None:
    prepared = prepare(study(rates=(1.0, 2.0, 5.0), num_seeds=2))
    values = {field.name: getattr(prepared.system, field.name) for field in fields(SimulatorSystem)}
    system = LoggingSystem(**values, log=tmp_path / "log")
    prepared = replace(prepared, system=system, service=Service(system))
    with open_executor(prepared, tmp_path / "r", length, jobs=2) as executor:
        assert len(list(executor.run(prepared.cells()))) == 12
    lines = [line.split() for line in (tmp_path / "log").read_text().splitlines()]
    opened, closed = (sorted(pid for what, pid in lines if what == w) for w in ("opened", "closed"))
    assert opened == closed
    assert len(set(opened)) == len(opened) in (1, 2)
    assert str(os.getpid()) not in opened


def test_what_is_sent_to_another_process_is_how_to_open_it(tmp_path: Path) -> None:
    prepared = prepare(study())
    service = Service(prepared.system, tmp_path)
    mine = service.backend()
    assert service.backend() is mine
    other = pickle.loads(pickle.dumps(service))
    assert other.backend() is not mine
    service.close()
    service.close()
    assert service.backend() is not mine
