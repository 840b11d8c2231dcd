"""Step files are read as they were written, torn or not, and cut to a run."""

from __future__ import annotations

import contextlib
import re
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slaibench.backends.engines.step_file import (
    Header,
    StepFileError,
    Steps,
    foreign,
    read_steps,
    step_table,
    with_engine_side,
)
from slaibench.recording.record import RequestTable
from slaibench.schedulers.engines.step_log import FileStepLog, Step


def table(*request_ids: int) -> RequestTable:
    """A client's table, of which only the numbers of the requests matter here."""
    count = len(request_ids)
    return RequestTable(
        request_id=np.array(request_ids, dtype=np.int64),
        due_s=np.zeros(count),
        sent_s=np.zeros(count),
        first_scheduled_s=np.full(count, np.nan),
        prompt_tokens=np.ones(count, dtype=np.int64),
        output_tokens=np.ones(count, dtype=np.int64),
        tier=np.full(count, "free"),
        tbt_slo_s=np.full(count, 0.5),
        outcome=np.full(count, "finished"),
        error=np.full(count, ""),
        num_preemptions=np.zeros(count, dtype=np.int64),
        token_offsets=np.zeros(count + 1, dtype=np.int64),
        token_times_s=np.zeros(0),
    )


def row(start_s: float, end_s: float) -> tuple[float, ...]:
    return (start_s, end_s, 512, 3, 1, 7, 4, 99, 0)


def test_what_an_engine_wrote_is_read(tmp_path: Path) -> None:
    path = tmp_path / "steps.log"
    log = FileStepLog(path, 512, 16, "0.32.0+cpu", 256)
    with contextlib.closing(log._file):  # an engine keeps it for as long as it lives
        log.switched("slai:order=spf,offset=fixed:10")
        log.first_scheduled("cmpl-run1-0-0-5f3a9c21", 100.25)
        log.step(Step(100.25, 100.5, 512, 3, 1, 7, 4, 99, 0))
        log.preempted("cmpl-run1-0-0-5f3a9c21")
        log.preempted("cmpl-run1-0-0-5f3a9c21")
    steps = read_steps(path)
    assert steps.header == Header(512, 16, "0.32.0+cpu", 256)
    assert steps.schedulers == ["slai:order=spf,offset=fixed:10"]
    assert steps.rows == [(100.25, 100.5, 512, 3, 1, 7, 4, 99, 0)]
    assert steps.first_scheduled_s == {"cmpl-run1-0-0-5f3a9c21": 100.25}
    assert steps.num_preemptions == {"cmpl-run1-0-0-5f3a9c21": 2}
    assert steps.end == path.stat().st_size


@pytest.mark.parametrize(
    "request_id",
    ["a\nf,run1-3,0.5", "a\rb", "a,b", "\ud800", "é\u2028", "x" * 10**5, "", "\x00\x1b[2J"],
)
def test_no_id_of_a_request_is_taken_for_another_line(request_id: str, tmp_path: Path) -> None:
    path = tmp_path / "steps.log"
    log = FileStepLog(path, 512, 16, "0.32.0")
    with contextlib.closing(log._file):
        log.first_scheduled(request_id, 1.5)
        log.preempted(f"p{request_id}")
    steps = read_steps(path)
    assert list(steps.first_scheduled_s.values()) == [1.5]
    assert list(steps.num_preemptions.values()) == [1]
    assert all(len(request_id) < 5000 for request_id in steps.first_scheduled_s)


def test_a_run_begins_behind_its_own_switch(tmp_path: Path) -> None:
    path = tmp_path / "steps.log"
    path.write_text("h,8,16,0,0.32.0\nf,switch-1,0.5\nw,slai\nf,run1-0,1.5\nw,orca\n")
    first = read_steps(path)
    assert first.first_switch_end is not None
    rest = read_steps(path, first.first_switch_end)
    assert (rest.first_scheduled_s, rest.schedulers) == ({"run1-0": 1.5}, ["orca"])
    assert (first.end, rest.end) == (path.stat().st_size, path.stat().st_size)
    assert read_steps(path, first.end).first_switch_end is None


OWN = {"cmpl-run1-17-0-5f3a": 0.1, "run1-3": 0.2, "cmpl-run1-end-0-5f3a": 0.3}


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        (Steps(first_scheduled_s=OWN, num_preemptions={"run1-3": 2}), None),
        (Steps(schedulers=["orca", "slai"]), "switched the engine's scheduler: 2 x, first to orca"),
        (Steps(first_scheduled_s=OWN | {"cmpl-9": 1.0}), "somebody else as well: 1 x.*'cmpl-9'"),
        (Steps(first_scheduled_s={"run2-3": 1.0}), "'run2-3'"),
        (Steps(first_scheduled_s={"run1-end3": 1.0}), "'run1-end3'"),
        (Steps(num_preemptions={"cmpl-9": 1}), "'cmpl-9'"),
    ],
)
def test_what_is_not_of_the_run_is_named(steps: Steps, words: str | None) -> None:
    reason = foreign(steps, "run1-")
    if words is None:
        assert reason is None
    else:
        assert reason is not None
        assert re.search(words, reason)


def test_reading_goes_on_where_it_stopped(tmp_path: Path) -> None:
    path = tmp_path / "steps.log"
    path.write_text("h,8,16,0,0.32.0\nw,sarathi\ns,1,2,3,4,5,6,7,8,9\n")
    first = read_steps(path)
    with path.open("a") as file:
        file.write("w,slai\n")
    then = read_steps(path, first.end)
    assert (then.header, then.rows, then.schedulers) == (None, [], ["slai"])
    assert then.end == path.stat().st_size


LINES = "h,8,16,0,0.32.0\nf,cmpl-run1-0-0-aa,1.5\ns,1.5,2.25,3,4,0,6,7,8,9\np,cmpl-run1-0-0-aa\n"


@given(st.integers(0, len(LINES)))
def test_a_torn_last_line_is_left_for_later(cut: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "steps.log"
        path.write_text(LINES[:cut])
        steps = read_steps(path)
        whole = LINES[:cut].count("\n")
        assert steps.end == len("".join(LINES.splitlines(keepends=True)[:whole]))
        assert (steps.header is not None) == (whole >= 1)
        assert len(steps.first_scheduled_s) == (whole >= 2)
        assert len(steps.rows) == (whole >= 3)
        assert len(steps.num_preemptions) == (whole >= 4)
        path.write_text(LINES)
        rest = read_steps(path, steps.end)
        assert len(steps.rows) + len(rest.rows) == 1


@pytest.mark.parametrize(
    "line", ["x,1", "s,1,2,3", "s,1,2,3,4,5,6,7,8,nine", "f,request", "p,", "w,", "h,8,16,0", ""]
)
def test_a_whole_line_that_no_engine_writes_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "steps.log"
    path.write_text(f"h,8,16,0,0.32.0\n{line}\n")
    with pytest.raises(StepFileError, match=r"steps\.log holds .*no line of a step log"):
        read_steps(path)


def test_steps_become_seconds_after_the_start_and_those_outside_the_run_are_left_out() -> None:
    rows = [row(999.5, 999.9), row(1000.0, 1000.25), row(1001.0, 1002.0), row(1001.9, 1002.000002)]
    steps = step_table(rows, t0_s=1000.0, end_s=2.0)
    assert steps.start_s.tolist() == [0.0, 1.0]
    assert steps.end_s.tolist() == [0.25, 2.0]
    assert steps.prefill_tokens.tolist() == [512, 512]
    assert steps.decodes.dtype == np.int64
    assert [steps.decodes[0], steps.critical_decodes[0], steps.waiting[0]] == [3, 1, 7]
    assert [steps.active[0], steps.kv_blocks_used[0], steps.preemptions[0]] == [4, 99, 0]


def test_a_run_without_steps_has_an_empty_table() -> None:
    assert len(step_table([], t0_s=0.0, end_s=1.0)) == 0


def test_the_engines_side_is_found_by_the_ids_of_the_run_alone() -> None:
    steps = Steps(
        first_scheduled_s={
            "cmpl-run1-1-0-5f3a9c21": 11.5,
            "cmpl-run11-1-0-5f3a9c21": 12.0,  # another run
            "cmpl-run1-12-0-5f3a9c21": 13.0,  # not 1
            "run1-2": 12.5,  # as a version without random digits has it
            "chatcmpl-run1-3-5f3a9c21": 14.0,
            "cmpl-run1-4-0-5f3a9c21": 19.0,  # after the end
            "cmpl-somebody-else-0-5f3a9c21": 11.0,
        },
        num_preemptions={"cmpl-run1-1-0-5f3a9c21": 2, "cmpl-run11-2-0-5f3a9c21": 5},
    )
    filled = with_engine_side(table(0, 1, 2, 3, 4), steps, t0_s=10.0, end_s=8.0, id_prefix="run1-")
    assert np.array_equal(filled.first_scheduled_s, [np.nan, 1.5, 2.5, 4.0, np.nan], equal_nan=True)
    assert filled.num_preemptions.tolist() == [0, 2, 0, 0, 0]
