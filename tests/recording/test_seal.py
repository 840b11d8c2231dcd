"""A changed byte is noticed (invariant 10), wherever in a recording's folder it lies."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from slaibench.recording import store
from slaibench.recording.record import SCHEMA_VERSION, Recording
from tests.recording.test_store import make_recording

PARTS = (store.RUN, store.REQUESTS, store.STEPS)
FLIPS = 800


@pytest.fixture
def cell(tmp_path: Path) -> Path:
    folder = tmp_path / "cell"
    store.write(make_recording(), folder)
    return folder


def is_same(read: Recording, written: Recording) -> bool:
    tables = ((read.requests, written.requests), (read.steps, written.steps))
    return read.run == written.run and all(
        np.array_equal(getattr(a, field.name), getattr(b, field.name), equal_nan=equal_nan)
        for a, b in tables
        for field in fields(a)
        for equal_nan in (getattr(a, field.name).dtype.kind == "f",)
    )


def test_of_800_random_bit_flips_none_is_read_as_other_data(cell: Path) -> None:
    rng = random.Random(17)
    whole = {name: (cell / name).read_bytes() for name in PARTS}
    places = [(name, place) for name in PARTS for place in range(len(whole[name]))]
    for _ in range(FLIPS):
        name, place = rng.choice(places)
        data = bytearray(whole[name])
        data[place] ^= 1 << rng.randrange(8)
        (cell / name).write_bytes(data)
        with pytest.raises(store.RecordingError, match="cell"):
            store.read(cell)
        (cell / name).write_bytes(whole[name])
    assert is_same(store.read(cell), make_recording())


@pytest.mark.parametrize("name", PARTS)
def test_the_error_names_the_file_what_is_wrong_and_the_way_out(cell: Path, name: str) -> None:
    data = bytearray((cell / name).read_bytes())
    data[len(data) // 2] ^= 1
    (cell / name).write_bytes(data)
    with pytest.raises(store.DamagedRecordingError) as raised:
        store.read(cell)
    text = str(raised.value)
    assert str(cell) in text
    assert name in text
    assert "remove the folder, or give --fresh" in text
    assert "nothing else is lost" in text
    with pytest.raises(store.DamagedRecordingError):
        store.check(cell)


def half(table: pa.Table) -> pa.Table:
    return table.slice(0, len(table) // 2)


def doubled(table: pa.Table) -> pa.Table:
    return pa.concat_tables([table, table])


def undecided(table: pa.Table) -> pa.Table:
    place = table.schema.get_field_index("outcome")
    return table.set_column(place, "outcome", pa.array(["maybe"] * len(table)))


@pytest.mark.parametrize("change", [half, doubled, undecided])
def test_a_table_that_was_written_anew_is_refused(
    cell: Path, change: Callable[[pa.Table], pa.Table]
) -> None:
    file = cell / store.REQUESTS
    pq.write_table(change(pq.read_table(file)), file)
    with pytest.raises(store.DamagedRecordingError, match=store.REQUESTS):
        store.read(cell)


def test_an_edited_run_json_is_refused(cell: Path) -> None:
    file = cell / store.RUN
    run = json.loads(file.read_text())
    run["spec"]["rate_rps"] = 2.0
    file.write_text(json.dumps(run, indent=1, sort_keys=True) + "\n")
    with pytest.raises(store.DamagedRecordingError, match=r"run\.json: not as it was written"):
        store.read_run(cell)


def test_hashes_cannot_be_left_out(cell: Path) -> None:
    file = cell / store.RUN
    run = json.loads(file.read_text())
    content = run.pop("content")
    file.write_text(json.dumps(run))
    with pytest.raises(store.DamagedRecordingError, match="lost its hashes"):
        store.read(cell)
    file.write_text(json.dumps({**run, "schema_version": 1, "content": content}))
    with pytest.raises(store.DamagedRecordingError, match="which record schema 1 lacks"):
        store.read(cell)


def test_a_recording_of_before_there_were_hashes_is_read_as_it_is(cell: Path) -> None:
    file = cell / store.RUN
    run = json.loads(file.read_text())
    del run["content"]
    file.write_text(json.dumps({**run, "schema_version": 1}))
    old = store.read(cell)
    assert not store.is_sealed(old.run)
    written = make_recording()
    assert is_same(replace(old, run=written.run), written)
    assert store.is_sealed({"schema_version": SCHEMA_VERSION})
