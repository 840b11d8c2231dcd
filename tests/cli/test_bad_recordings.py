"""Recordings that cannot be read: named, left out, and run again where that is asked for."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from slaibench.recording import store
from tests.cli.command import refused, slaibench, sweep
from tests.studies.studies import contents, rewritten


def test_a_damaged_recording_is_run_again_with_a_notice(tmp_path: Path) -> None:
    assert sweep(tmp_path, "--rates", "2,5", "-s", "slai").status == 0
    victim = sorted(store.find_runs(tmp_path))[1]
    file = victim / store.REQUESTS
    whole = file.read_bytes()
    before = contents(tmp_path)
    file.write_bytes(whole[:-100])
    listed = slaibench("results", tmp_path)
    assert "2 recordings in" in listed.out
    assert f"not read: '{victim}' is damaged ({store.REQUESTS}: not as it was" in listed.err
    ran = sweep(tmp_path, "--rates", "2,5", "-s", "slai")
    assert ran.status == 0
    assert "1 cell run, 2 taken from disk" in ran.err
    assert f"sweep: recorded again, '{victim}' was damaged ({store.REQUESTS}: not" in ran.err
    assert contents(tmp_path) == before
    assert "damaged" not in sweep(tmp_path, "--rates", "2,5", "-s", "slai").err


def test_a_report_leaves_damaged_recordings_out_and_says_so(tmp_path: Path) -> None:
    results, pages = tmp_path / "r", ("--reports", tmp_path / "p")
    assert sweep(results, "--rates", "2,5", "-s", "slai").status == 0
    folders = {folder.name.partition("-")[0]: folder for folder in store.find_runs(results)}
    victim, whole = folders["rate2"], folders["rate5"]
    (victim / store.STEPS).write_bytes(b"")
    ran = slaibench("report", results, *pages)
    assert ran.status == 0
    assert f"not read: '{victim}' is damaged" in ran.err
    assert len([line for line in ran.out.splitlines() if line.startswith("report: ")]) == 1
    # One whose bytes are whole, and whose run cannot have been.
    recording = store.read(whole)
    late = dataclasses.replace(recording.steps, start_s=recording.steps.start_s[::-1].copy())
    store.write(dataclasses.replace(recording, steps=late), whole)
    ran = slaibench("report", results, *pages)
    assert ran.status == 1
    assert "invariant 3" in ran.err
    assert "can be read" in ran.err


def test_recordings_of_another_version_are_named_and_not_read(tmp_path: Path) -> None:
    sweep(tmp_path, "--rates", "2,5,8", "-s", "slai")
    folders = {folder.name.partition("-")[0]: folder for folder in store.find_runs(tmp_path)}
    assert len(folders) == 4  # one of them made under overload
    schema, fields = folders["rate2"], folders["rate5"]
    for folder, change in ((schema, {"schema_version": 99}), (fields, {"spec": {"odd": 1}})):
        rewritten(folder, **change)
    listed = slaibench("results", tmp_path)
    assert listed.status == 0
    assert "2 recordings in" in listed.out
    assert f"{schema}' has record schema 99" in listed.err
    assert f"{fields}' was written by another slaibench" in listed.err
    resumed = sweep(tmp_path, "--rates", "2", "-s", "slai")
    assert resumed.status == 1
    assert "choose another --results folder" in resumed.err


def test_folders_without_recordings_are_told_apart(tmp_path: Path) -> None:
    for command in ("results", "report"):
        assert "no folder" in refused(command, tmp_path / "nowhere")
        assert "no recordings in" in refused(command, tmp_path)
    (tmp_path / "c" / store.RUN).parent.mkdir()
    (tmp_path / "c" / store.RUN).write_text("{}")
    for command in ("results", "report"):
        ran = slaibench(command, tmp_path)
        assert ran.status == 1
        assert "is not a recording" in ran.err
        assert "can be read" in ran.err
