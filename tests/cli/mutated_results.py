"""Results folders in which one recording is not what it should be; all from a seed."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from slaibench.recording import seal, store

FILES = (store.RUN, store.REQUESTS, store.STEPS)
ODD: tuple[Any, ...] = (
    *(None, True, -1, 0, 2**70, 1e308, float("nan"), float("inf"), "", "x", "../..", "\ud83d"),
    *([], {}, [[]], {"a": None}, "9" * 5000),
)
DEEP = 100_000


def mutate(results: Path, seed: int) -> None:
    """Change one recording under a folder."""
    rng = random.Random(seed)
    folder = rng.choice(sorted(store.find_runs(results)))
    (_bytes, _run, _table, _kind)[seed % 4](folder, rng)


def _bytes(folder: Path, rng: random.Random) -> None:
    """Some bytes of a file are others, or gone, or more."""
    file = folder / rng.choice(FILES)
    data = bytearray(file.read_bytes())
    at = rng.randrange(len(data))
    what = rng.randrange(4)
    if what == 0:
        data = data[:at]
    elif what == 1:
        data[at:at] = rng.choice([b"[" * DEEP, b"9" * 5000, b"\x00", b'"', b"\xff"])
    elif what == 2:
        del data[at : at + rng.randint(1, 50)]
    else:
        for _ in range(rng.randint(1, 8)):
            data[rng.randrange(len(data))] = rng.randrange(256)
    file.write_bytes(data)


def _run(folder: Path, rng: random.Random) -> None:
    """What ``run.json`` says is something else: without its hashes, with old ones, as before there
    were any, or written anew with right ones."""
    run = json.loads((folder / store.RUN).read_bytes())
    content = run.pop(seal.CONTENT)
    how = rng.randrange(4)
    for _ in range(rng.randint(1, 2)):
        place: Any = run
        while True:
            key = rng.choice(list(range(len(place)) if isinstance(place, list) else place))
            if isinstance(place[key], dict | list) and place[key] and rng.random() < 0.6:
                place = place[key]
                continue
            if rng.random() < 0.3:
                del place[key]
            else:
                place[key] = rng.choice(ODD)
            break
        if not run:
            break
    if how == 0:
        _write(folder, run)
    elif how == 1:
        _write(folder, {**run, seal.CONTENT: content})
    elif how == 2:
        _write(folder, {**run, "schema_version": 1})
    else:
        _seal(folder, run)


def _table(folder: Path, rng: random.Random) -> None:
    """A table is another one, under right hashes: a column less, of another type, with nulls or
    with odd values."""
    name = rng.choice(FILES[1:])
    table = pq.read_table(folder / name)
    column = rng.randrange(table.num_columns)
    field, rows = table.field(column), table.num_rows
    what = rng.randrange(5)
    if what == 0:
        table = table.remove_column(column)
    elif what == 1:
        table = table.slice(0, rng.randrange(rows + 1))
    else:
        odd = {
            2: pa.array([None] * rows, field.type),
            3: pa.array(["x"] * rows),
            4: pa.array([rng.choice([-1e308, float("nan"), 1e308, -1.0])] * rows),
        }[what]
        table = table.set_column(column, field.name, odd)
    pq.write_table(table, folder / name)
    run = json.loads((folder / store.RUN).read_bytes())
    del run[seal.CONTENT]
    _seal(folder, run)


def _kind(folder: Path, rng: random.Random) -> None:
    """A file is gone, empty, a folder, or leads nowhere; or the whole recording is another's."""
    file = folder / rng.choice(FILES)
    what = rng.randrange(6)
    if what == 5:
        others = sorted(set(store.find_runs(folder.parents[2])) - {folder})
        shutil.rmtree(folder)
        shutil.copytree(rng.choice(others), folder)
        return
    file.unlink()
    if what == 1:
        file.touch()
    elif what == 2:
        file.mkdir()
    elif what == 3:
        file.symlink_to("nowhere")
    elif what == 4:
        file.symlink_to(file.name)


def _write(folder: Path, run: dict[str, Any]) -> None:
    (folder / store.RUN).write_text(json.dumps(run))


def _seal(folder: Path, run: dict[str, Any]) -> None:
    tables = {}
    for name in FILES[1:]:
        data = (folder / name).read_bytes()
        tables[name] = data, pq.read_metadata(folder / name).num_rows
    (folder / store.RUN).write_bytes(seal.sealed(store.RUN, run, tables))
