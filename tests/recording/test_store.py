"""Recordings survive the disk exactly, or say why not."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from slaibench.recording import seal, store
from slaibench.recording.record import (
    SCHEMA_VERSION,
    Recording,
    RequestTable,
    ServerTable,
    StepTable,
)


def make_recording(num: int = 3) -> Recording:
    counts = np.arange(1, num + 1)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    requests = RequestTable(
        request_id=np.arange(num),
        due_s=np.arange(num) * 0.1234567890123,
        sent_s=np.arange(num) * 0.1234567890123,
        first_scheduled_s=np.where(np.arange(num) == 0, np.nan, np.arange(num) * 0.5),
        prompt_tokens=counts * 10,
        output_tokens=counts,
        tier=np.array(["paying", "free", "free"][:num]),
        tbt_slo_s=np.full(num, 0.5),
        outcome=np.array(["finished", "failed", "unfinished"][:num]),
        error=np.array(["", "too long", ""][:num]),
        num_preemptions=np.zeros(num, dtype=np.int64),
        token_offsets=offsets,
        token_times_s=np.round(1 + np.arange(offsets[-1]) * 0.0456789, 6),
    )
    steps = StepTable(*(np.arange(4.0) for _ in range(2)), *(np.arange(4) for _ in range(7)))
    return Recording({"schema_version": SCHEMA_VERSION, "spec": {"rate_rps": 1.0}}, requests, steps)


def test_a_recording_read_back_equals_the_one_written(tmp_path: Path) -> None:
    recording = make_recording()
    written = store.write(recording, tmp_path / "cell")
    back = store.read(tmp_path / "cell")
    assert written.path == str(tmp_path / "cell")
    assert back.run == recording.run
    for table, read in ((recording.requests, back.requests), (recording.steps, back.steps)):
        for field in fields(table):
            np.testing.assert_array_equal(getattr(table, field.name), getattr(read, field.name))


def test_columns_that_say_nothing_are_not_stored(tmp_path: Path) -> None:
    plain = make_recording()
    silent = replace(plain.requests, session=np.full(3, -1), tenant=np.full(3, ""))
    said = replace(
        plain.requests,
        session=np.array([-1, 0, 0]),
        turn=np.array([0, 1, 2]),
        tenant=np.array(list("aab")),
    )
    for name, table in (("plain", plain.requests), ("silent", silent), ("said", said)):
        store.write(replace(plain, requests=table), tmp_path / name)
    data = {name: (tmp_path / name / store.REQUESTS).read_bytes() for name in ("plain", "silent")}
    assert data["plain"] == data["silent"]
    assert list(store.read(tmp_path / "plain").requests.session) == [-1] * 3
    back = store.read(tmp_path / "said").requests
    assert [list(column) for column in (back.session, back.turn, back.tenant)] == [
        *([-1, 0, 0], [0, 1, 2], ["a", "a", "b"]),
    ]
    assert np.isinf(back.ttft_slo_s).all()


def with_server() -> Recording:
    recording = make_recording()
    table = ServerTable(*(np.array([-0.5, 0.5, np.nan]) + column for column in range(8)))
    return replace(recording, server=table)


def test_a_servers_metrics_are_a_table_of_their_own_and_sealed(tmp_path: Path) -> None:
    recording = with_server()
    store.write(recording, tmp_path / "cell")
    back = store.read(tmp_path / "cell")
    assert back.server is not None
    for field in fields(ServerTable):
        np.testing.assert_array_equal(
            getattr(back.server, field.name), getattr(recording.server, field.name)
        )
    path = tmp_path / "cell" / store.SERVER
    path.write_bytes(path.read_bytes() + b" ")
    for look in (store.read, store.check):
        with pytest.raises(store.DamagedRecordingError, match=r"server\.parquet: not as it was"):
            look(tmp_path / "cell")
    path.unlink()
    with pytest.raises(store.DamagedRecordingError, match=r"server\.parquet"):
        store.read(tmp_path / "cell")


def test_without_a_servers_metrics_nothing_is_written_of_them(tmp_path: Path) -> None:
    store.write(make_recording(), tmp_path / "cell")
    names = {path.name for path in (tmp_path / "cell").iterdir()}
    assert names == {store.RUN, store.REQUESTS, store.STEPS}
    (tmp_path / "cell" / store.SERVER).write_bytes(b"somebody else's")
    assert store.read(tmp_path / "cell").server is None


def test_a_recording_without_any_token_survives(tmp_path: Path) -> None:
    recording = make_recording()
    requests = recording.requests
    empty = RequestTable(
        **{
            field.name: getattr(requests, field.name)
            for field in fields(requests)
            if not field.name.startswith("token_")
        },
        token_offsets=np.zeros(4, dtype=np.int64),
        token_times_s=np.empty(0),
    )
    store.write(Recording(recording.run, empty, recording.steps), tmp_path / "cell")
    back = store.read(tmp_path / "cell").requests
    assert len(back.token_times_s) == 0
    assert np.isnan(back.ttft_s).all()


def test_the_same_recording_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        store.write(make_recording(), tmp_path / name)
    for part in (store.RUN, store.REQUESTS, store.STEPS):
        assert (tmp_path / "a" / part).read_bytes() == (tmp_path / "b" / part).read_bytes()


def test_a_failed_write_leaves_the_old_recording_and_no_debris(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write(make_recording(), tmp_path / "cell")
    before = (tmp_path / "cell" / store.REQUESTS).read_bytes()

    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(store.RecordingError, match="No space left"):
        store.write(make_recording(2), tmp_path / "cell")
    assert (tmp_path / "cell" / store.REQUESTS).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["cell"]


def test_another_schema_version_is_refused_with_a_way_out(tmp_path: Path) -> None:
    recording = make_recording()
    recording.run["schema_version"] = 99
    store.write(recording, tmp_path / "cell")
    with pytest.raises(store.RecordingError, match=r"schema 99.*--results"):
        store.read(tmp_path / "cell")


@pytest.mark.parametrize("part", [store.RUN, store.REQUESTS, store.STEPS])
def test_a_truncated_part_is_reported_not_half_read(tmp_path: Path, part: str) -> None:
    store.write(make_recording(), tmp_path / "cell")
    path = tmp_path / "cell" / part
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(store.RecordingError, match="remove the folder"):
        store.read(tmp_path / "cell")


def test_half_written_folders_are_not_found(tmp_path: Path) -> None:
    store.write(make_recording(), tmp_path / "good" / "cell")
    (tmp_path / "good" / ".cell-123").mkdir()
    (tmp_path / "good" / ".cell-123" / store.RUN).write_text("{}")
    assert list(store.find_runs(tmp_path)) == [tmp_path / "good" / "cell"]


def test_a_folder_that_cannot_be_written_is_refused_before_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(store.RecordingError, match="--results"):
        store.check_writable(tmp_path / "file" / "results")


def test_the_hash_depends_on_every_value_but_not_on_their_order() -> None:
    assert store.spec_hash({"a": 1, "b": 2}) == store.spec_hash({"b": 2, "a": 1})
    assert store.spec_hash({"a": 1, "b": 2}) != store.spec_hash({"a": 1, "b": 3})


def test_who_reads_while_another_recording_takes_its_place_reads_a_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write(make_recording(2), tmp_path / "cell")
    check = seal.check

    def while_replaced(*arguments: object) -> None:
        monkeypatch.setattr(seal, "check", check)
        store.write(make_recording(3), tmp_path / "cell")
        raise seal.BrokenSealError("of the other")

    monkeypatch.setattr(seal, "check", while_replaced)
    assert len(store.read(tmp_path / "cell").requests) == 3
    (tmp_path / "cell" / store.STEPS).unlink()
    with pytest.raises(store.DamagedRecordingError):
        store.read(tmp_path / "cell")


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads are counted on Linux")
def test_a_recording_is_read_without_threads_that_outlive_it(tmp_path: Path) -> None:
    """Arrow's own abort a process that ends while one of them lets go of Python's bytes."""
    store.write(make_recording(), tmp_path / "cell")
    read = (
        "import os, sys, pyarrow.parquet; from pathlib import Path\n"
        "from slaibench.recording import store\n"
        "before = len(os.listdir('/proc/self/task')); store.read(Path(sys.argv[1]))\n"
        "print(len(os.listdir('/proc/self/task')) - before)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", read, tmp_path / "cell"], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "0\n"
