"""Recordings that a report was not made from are found out: changed, missing, by other code."""

from __future__ import annotations

import dataclasses
import json
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest

from slaibench.recording import store
from slaibench.report.pages.study import PAGE
from slaibench.report.study_document import StudyDocument
from slaibench.report.verify import PageVerdict, verify
from tests.cli.command import slaibench
from tests.report.conftest import Written


def first_run(copied: Written) -> Path:
    return next(store.find_runs(copied.results))


def test_a_changed_recording_is_found(copied: Written) -> None:
    folder = first_run(copied)
    recording = store.read(folder)
    requests = recording.requests
    later = dataclasses.replace(requests, token_times_s=requests.token_times_s + 0.01)
    store.write(dataclasses.replace(recording, requests=later), folder)
    where = [mismatch.where for mismatch in verify(copied.files.html).mismatches]
    assert any(path.startswith("points/sarathi/") for path in where)


def test_a_missing_recording_is_found_and_named(copied: Written) -> None:
    folder = first_run(copied)
    shutil.rmtree(folder)
    verification = verify(copied.files.html)
    assert (verification.verdict, verification.num_absent) == (PageVerdict.ABSENT, 1)
    assert not verification.ok
    assert verification.mismatches == ()
    assert verification.notes
    assert verification.checked == 0


def test_the_command_that_is_named_makes_absent_recordings_again(copied: Written) -> None:
    shutil.rmtree(copied.results)
    verification = verify(copied.files.html)
    assert verification.num_absent == verification.num_recordings
    program, command, *arguments = shlex.split(verification.again)
    assert (program, command) == ("slaibench", "compare")
    ran = slaibench(command, *arguments, "--jobs", "1")
    assert ran.status == 0
    again = verify(copied.files.html)
    assert again.mismatches == ()
    assert again.verdict is PageVerdict.SAME


def by_other_code(folder: Path, **change: Any) -> Path:
    """A recording, as other code would have made it; where it lies then."""
    recording = store.read(folder)
    spec = {**recording.run["spec"], **change}
    run = {**recording.run, "spec": spec, "spec_hash": store.spec_hash(spec), "commit": "c" * 40}
    begin = folder.name.removesuffix(recording.run["spec_hash"])
    target = folder.with_name(begin + run["spec_hash"])
    store.write(dataclasses.replace(recording, run=run), target)
    shutil.rmtree(folder)
    return target


def test_the_same_cells_by_other_code_take_the_place_of_absent_ones(copied: Written) -> None:
    other = {"code_fingerprint": "0" * 16, "slaibench_version": "9", "scheduler_source": "f" * 16}
    for folder in list(store.find_runs(copied.results)):
        by_other_code(folder, **other)
    verification = verify(copied.files.html)
    assert verification.mismatches == ()
    assert verification.verdict is PageVerdict.OTHER_CODE
    assert verification.ok
    assert verification.checked > 500
    assert "0000000000000000 (commit cccccccccc), here it is " in verification.code
    assert any("by other code" in note for note in verification.notes)


def test_other_numbers_by_other_code_are_other_numbers(copied: Written) -> None:
    folder = by_other_code(first_run(copied), code_fingerprint="0" * 16)
    recording = store.read(folder)
    requests = recording.requests
    later = dataclasses.replace(requests, token_times_s=requests.token_times_s + 0.01)
    store.write(dataclasses.replace(recording, requests=later), folder)
    verification = verify(copied.files.html)
    assert verification.verdict is PageVerdict.OTHER_NUMBERS
    assert verification.code
    assert any(mismatch.where.startswith("points/sarathi/") for mismatch in verification.mismatches)


def test_another_cell_beside_does_not_take_an_absent_one_s_place(copied: Written) -> None:
    by_other_code(first_run(copied), code_fingerprint="0" * 16, num_requests=401)
    assert verify(copied.files.html).num_absent == 1


@pytest.mark.parametrize("part", [store.RUN, store.REQUESTS, store.STEPS])
def test_a_damaged_recording_is_found(copied: Written, part: str) -> None:
    path = first_run(copied) / part
    path.write_bytes(path.read_bytes()[:-20])
    (damaged,) = verify(copied.files.html).mismatches
    assert damaged.where.startswith("runs[")


def test_a_recording_of_another_run_in_its_place_is_found(copied: Written) -> None:
    first, second = list(store.find_runs(copied.results))[:2]
    shutil.rmtree(first)
    shutil.copytree(second, first)
    (swapped,) = verify(copied.files.html).mismatches
    assert "another specification" in swapped.right


def test_a_recording_whose_specification_was_edited_is_found(copied: Written) -> None:
    path = first_run(copied) / store.RUN
    run = json.loads(path.read_text())
    run["spec"]["seed"] += 1
    path.write_text(json.dumps(run))
    assert len(verify(copied.files.html).mismatches) == 1


def document_of(html: Path) -> StudyDocument:
    """The numbers embedded in a page."""
    _, _, embedded = html.read_text("utf-8").partition('id="slaibench-numbers">')
    return dict(json.loads(embedded.partition("</script>")[0]))


def test_a_page_keeps_its_name_when_only_the_code_is_another(copied: Written) -> None:
    before = document_of(copied.files.html)
    for folder in list(store.find_runs(copied.results)):
        by_other_code(folder, code_fingerprint="0" * 16, scheduler_source="f" * 16)
    reports = copied.files.html.parent
    again = PAGE.document(PAGE.rebuild(before, reports, lambda *_: None), reports)
    assert [run["spec_hash"] for run in again["runs"]] != [
        run["spec_hash"] for run in before["runs"]
    ]
    assert PAGE.stem(again) == PAGE.stem(before)
