"""Progress in words: on a terminal, in a log, and nowhere else."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from slaibench.cli import progress as progress_module
from slaibench.cli.progress import every, view
from slaibench.report.progress import duration, line
from slaibench.studies import capacity as capacity_study
from slaibench.studies import sweep as sweep_study
from slaibench.studies.progress import SchedulerProgress, Snapshot, Tracker
from tests.cli.command import sweep
from tests.studies.studies import study

HALF = Snapshot(
    done=12,
    total=60,
    reused=0,
    elapsed_s=60.0,
    eta_s=180.0,
    schedulers=(
        SchedulerProgress("sarathi", 6, 30, 1.0, 1.2),
        SchedulerProgress("slai", 6, 30, 1.2, None),
        SchedulerProgress("hrrn", 0, 0, None, 0.5),
        SchedulerProgress("rad", 0, 0),
    ),
    now=(),
)


def test_a_log_gets_a_line() -> None:
    assert line(HALF) == (
        "12 of 60 cells, 3 min left, sarathi carries 1 to 1.2 requests/s so far, "
        "slai carries 1.2 requests/s so far, hrrn misses a target at 0.5 requests/s"
    )


def test_what_is_not_known_is_not_made_up() -> None:
    assert line(Tracker().snapshot()) == "no cell done yet, time left not known"


def test_a_search_says_that_its_total_grows(tmp_path: Path) -> None:
    spec = study(schedulers=("sarathi",), rates=(5.0,), num_requests=200)
    tracker = Tracker(capacity_study.plan(spec, tmp_path, jobs=1))
    assert line(tracker.snapshot()) == "0 of 1 cell known so far, time left not known"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3599, "1 h"), (3600, "1 h"), (7500, "2 h 5 min")],
)
def test_durations_are_said_as_people_do(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize("width", [60, 80])
def test_the_view_is_a_line_a_scheduler_in_a_narrow_terminal(width: int, tmp_path: Path) -> None:
    spec = study(schedulers=("sarathi", "slai"), rates=(5.0, 6.0))
    tracker = Tracker(sweep_study.plan(spec, tmp_path, jobs=1))
    tracker.begin(list(sweep_study.plan(spec, tmp_path, jobs=1).prepared.cells()))
    for seen in (HALF, tracker.snapshot()):
        console = Console(width=width, file=io.StringIO())
        console.print(view("sweep", seen))
        assert isinstance(console.file, io.StringIO)
        lines = console.file.getvalue().splitlines()
        assert len(lines) == 1 + len(seen.schedulers) + bool(seen.now)
        assert max(map(len, lines)) <= width
    assert lines[-1].strip() == "now: sarathi at 5 requests/s"


def test_lines_come_for_as_long_as_the_work_lasts() -> None:
    said: list[str] = []
    with every(0.001, lambda: said.append("still at it")):
        while len(said) < 3:
            pass
    count = len(said)
    with every(3600.0, lambda: said.append("never")):
        pass
    assert len(said) == count


def test_a_pipe_gets_lines_on_stderr_and_none_when_quiet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress_module, "EVERY_S", 0.001)
    size = ("--rates", "4,5", "--requests", "500")
    usual, quiet = (sweep(tmp_path / how[0], *size, *how[1:]) for how in (("a",), ("b", "-q")))
    assert "sweep: 0 of 4 cells, time left not known" in usual.err
    assert " cells" not in usual.out
    assert quiet.err == ""
    assert usual.out.startswith(quiet.out.rstrip("\n"))
