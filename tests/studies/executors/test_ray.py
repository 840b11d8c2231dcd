"""Cells on a Ray cluster: the same recordings, whatever becomes of the workers."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from slaibench.backends.base import BackendError
from slaibench.schedulers.base import SchedulerError
from slaibench.spec import Clock, Device, StudySpec
from slaibench.studies.executors import CellResult, OnRay, jobs_for, open_executor
from slaibench.studies.executors import on_ray as module
from slaibench.studies.executors.jobs import Share, share_of
from slaibench.studies.prepared import PreparedStudy, prepare
from slaibench.studies.systems.base import Service
from slaibench.studies.systems.simulator import SimulatorSystem
from tests.studies.executors.test_executor import SPEC, kill_myself, length
from tests.studies.studies import BROKEN_LATE, contents, study
from tests.studies.systems.others import LoggingSystem

ray = pytest.importorskip("ray", reason='Ray is not installed: pip install "slaibench[ray]"')

TWO = OnRay(jobs=2)
DIES = """
import os, pathlib, subprocess
from slaibench.schedulers.sarathi import Sarathi

class Dies(Sarathi):
    '''Takes its process down in the middle of its first run, as running out of memory does.'''

    def schedule(self, view):
        died = pathlib.Path({died!r})
        if view.now_s > 3 and not died.exists():
            died.touch()
            subprocess.run(['kill', '-9', str(os.getpid())])  # as the system does
        return super().schedule(view)
"""


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """Two cores and a GPU, by what is said of them; Ray counts, and looks at no card."""
    ray.init(
        address="local",
        num_cpus=2,
        num_gpus=1,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
    )
    yield
    ray.shutdown()


def run_all(
    prepared: PreparedStudy,
    results: Path,
    jobs: int | OnRay,
    *,
    fresh: bool = False,
    summary: Any = length,
) -> list[CellResult]:
    with open_executor(prepared, results, summary, jobs=jobs, fresh=fresh) as executor:
        return list(executor.run(prepared.cells()))


def logged(prepared: PreparedStudy, log: Path) -> PreparedStudy:
    """The same study; its log tells which processes opened a backend."""
    values = {field.name: getattr(prepared.system, field.name) for field in fields(SimulatorSystem)}
    system = LoggingSystem(**values, log=log)
    return replace(prepared, system=system, service=Service(system))


def workers(log: Path) -> list[int]:
    return [int(line.split()[1]) for line in log.read_text().splitlines() if "opened" in line]


def test_two_workers_write_the_same_bytes_as_two_processes(tmp_path: Path) -> None:
    prepared = prepare(study(**SPEC))
    for name, jobs in (("processes", 2), ("ray", TWO)):
        results = run_all(prepared, tmp_path / name, jobs)
        assert [(result.summary, result.reused) for result in results] == [(60, False)] * 4
        assert {str(result.cell) for result in results} == {str(cell) for cell in prepared.cells()}
    here = contents(tmp_path / "processes")
    assert len(here) == 12  # three files a cell
    assert contents(tmp_path / "ray") == here


def test_what_is_on_disk_is_reused_unless_it_is_to_be_fresh(tmp_path: Path) -> None:
    prepared = prepare(study(**SPEC))
    run_all(prepare(study(schedulers=("sarathi",), rates=(2.0,))), tmp_path, TWO)
    before = contents(tmp_path)
    assert sum(result.reused for result in run_all(prepared, tmp_path, TWO)) == 1
    assert sum(result.reused for result in run_all(prepared, tmp_path, TWO)) == 4
    assert not any(result.reused for result in run_all(prepared, tmp_path, TWO, fresh=True))
    assert contents(tmp_path).items() >= before.items()


def test_batches_of_cells_share_their_workers(tmp_path: Path) -> None:
    prepared = logged(prepare(study(rates=(1.0, 2.0, 5.0))), tmp_path / "log")
    with open_executor(prepared, tmp_path / "r", length, jobs=TWO) as executor:
        for cell in prepared.cells():
            (result,) = executor.run([cell])
            assert result.cell == cell
    assert len(workers(tmp_path / "log")) == 1
    assert "closed" in (tmp_path / "log").read_text()


def test_a_worker_that_is_killed_in_the_middle_loses_nothing(tmp_path: Path) -> None:
    prepared = logged(prepare(study(rates=(1.0, 2.0, 5.0), num_seeds=2)), tmp_path / "log")
    folders = []
    with open_executor(prepared, tmp_path / "ray", length, jobs=TWO) as executor:
        for number, result in enumerate(executor.run(prepared.cells())):
            folders.append(result.folder)
            if number == 1:
                os.kill(workers(tmp_path / "log")[0], signal.SIGKILL)
    assert len(folders) == len(set(folders)) == 12
    assert len(set(workers(tmp_path / "log"))) > 1
    run_all(prepare(prepared.spec), tmp_path / "here", 1)
    assert contents(tmp_path / "ray") == contents(tmp_path / "here")


def test_a_cell_whose_worker_dies_under_it_is_run_again(tmp_path: Path) -> None:
    died = tmp_path / "died"
    file = tmp_path / "dies.py"
    file.write_text(DIES.format(died=str(died)))
    prepared = prepare(study(schedulers=(f"{file}:Dies", "sarathi"), rates=(2.0, 5.0)))
    assert len(run_all(prepared, tmp_path / "ray", TWO)) == 4
    assert died.exists()
    run_all(prepared, tmp_path / "here", 1)  # now that it has died it runs to its end
    assert contents(tmp_path / "ray") == contents(tmp_path / "here")


def test_a_cell_that_takes_every_worker_down_is_given_up(tmp_path: Path) -> None:
    prepared = prepare(study(schedulers=("slai",)))
    with pytest.raises(BackendError, match=r"slai at 5 requests/s, seed 0: 3 Ray workers died"):
        run_all(prepared, tmp_path, TWO, summary=kill_myself)


def test_a_scheduler_that_fails_ends_the_run_with_the_same_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("late.py").write_text(BROKEN_LATE.replace("AFTER_S", "2"))
    Path("wrong.py").write_text(
        "from slaibench.schedulers.sarathi import Sarathi\n\n"
        "class Wrong(Sarathi):\n"
        "    def schedule(self, view):\n"
        "        return {}['x']\n"
    )
    for text in ("late.py:Late", "wrong.py:Wrong"):
        prepared = prepare(study(schedulers=(text,)))
        said = []
        for jobs in (1, TWO):
            with pytest.raises(SchedulerError) as error:
                run_all(prepared, tmp_path / "r", jobs)
            said.append(str(error.value))
        assert said[0] == said[1]
        assert text in said[0]


@pytest.mark.parametrize("text", ["mine/own.py:Own", "../{here}/mine/own.py:Own"])
def test_a_users_file_is_sent_along(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine" / "own.py"
    file.parent.mkdir()
    file.write_text("from slaibench.schedulers.slai import Slai\n\n\nclass Own(Slai):\n    pass\n")
    monkeypatch.chdir(tmp_path)
    prepared = prepare(study(schedulers=(text.format(here=tmp_path.name),)))
    file_there = Path.cwd() / "mine" / "own.py"
    with open_executor(prepared, tmp_path / "r", length, jobs=TWO) as executor:
        (first,) = executor.run(prepared.cells())
        file_there.unlink()  # it is at the workers, wherever they are
        assert first.summary == 60
        later = prepared.cell(prepared.spec.schedulers[0], 3.0, 0)
        assert [result.summary for result in executor.run([later])] == [60]


def test_a_file_that_workers_cannot_have_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text("from slaibench.schedulers.slai import Slai\n\n\nclass Own(Slai):\n    pass\n")
    prepared = prepare(study(schedulers=(f"{file}:Own",)))
    with open_executor(prepared, tmp_path / "r", length, jobs=TWO) as executor:
        sent = executor._sent()  # type: ignore[attr-defined]
        assert sent is not None
        file.write_text("another")
        with pytest.raises(BackendError, match=r"no such file as .*own.py.* by a relative path"):
            list(executor.run(prepared.cells()))


def test_a_node_with_other_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "package_fingerprint", lambda: "of another version")
    with pytest.raises(BackendError, match="another slaibench is installed there than here"):
        run_all(prepare(study()), tmp_path, TWO)


def test_a_gpu_is_held_by_one_worker_from_cell_to_cell(tmp_path: Path) -> None:
    prepared = logged(prepare(study(rates=(1.0, 2.0, 5.0))), tmp_path / "log")
    work = module.CellWork(prepared, tmp_path / "r", length, fresh=False)
    executor = module.RayWorkers(work, OnRay(jobs=4), Share(cpus=1.0, gpus=1.0))
    try:
        assert len(list(executor.run(prepared.cells()))) == 6
    finally:
        executor.close()
    assert len(workers(tmp_path / "log")) == 1  # of four that were asked for, one found a GPU


@dataclass(frozen=True)
class Measured(SimulatorSystem):
    """A system whose times are those of a machine."""

    one_at_a_time: ClassVar[bool] = True


def measured(device: Device | None) -> PreparedStudy:
    prepared = prepare(study())
    spec = StudySpec(**{**prepared.spec.model_dump(), "device": device, "clock": Clock.REAL})
    values = {field.name: getattr(prepared.system, field.name) for field in fields(SimulatorSystem)}
    return replace(prepared, spec=spec, system=Measured(**values))


def test_what_a_cell_takes_of_a_cluster() -> None:
    assert share_of(prepare(study()), OnRay(gpus=2)) == Share(cpus=1.0, gpus=0.0)
    assert share_of(measured(Device.CUDA), OnRay()) == Share(cpus=1.0, gpus=1.0)
    assert share_of(measured(Device.CUDA), OnRay(gpus=2)) == Share(cpus=1.0, gpus=2.0)
    for device in (None, Device.CPU):
        with pytest.raises(ValueError, match="the time of this machine's CPU or of a server"):
            share_of(measured(device), OnRay())


def test_more_than_the_cluster_has_is_refused_before_any_work() -> None:
    assert jobs_for(prepare(study()), TWO) == TWO
    assert jobs_for(measured(Device.CUDA), TWO) == TWO
    with pytest.raises(ValueError, match=r"a cell takes 1 CPU, 2 GPU, and .* has 2 CPU, 1 GPU"):
        jobs_for(measured(Device.CUDA), OnRay(gpus=2))
