"""Workload files of every form, and what may be wrong with them; all from a seed."""

from __future__ import annotations

import bz2
import copy
import csv
import gzip
import io
import json
import random
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ROWS = [
    {"arrival_s": 0.5 * row, "prompt_tokens": 10 + row, "output_tokens": 1 + row % 7}
    for row in range(12)
]
CHATS = [
    {
        "id": number,
        "conversations": [
            {"from": "human", "value": "What is a queue?"},
            {"from": "gpt", "value": "A line of those who wait."},
            {"from": "human", "value": "And then?"},
            {"from": "gpt", "value": "They are served."},
        ],
    }
    for number in range(4)
]
MESSAGES = [
    {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "User", "content": [{"type": "text", "text": "Why?"}, {"type": "image"}]},
            {"role": "Assistant", "content": "Because."},
        ]
    }
]
ODD: tuple[Any, ...] = (
    *(None, True, -1, 0, 1e308, 10**400, float("nan"), float("inf"), "", "x", "\ud83d", "\x00"),
    *([], {}, [[]], {"a": None}, "9" * 5000, Decimal("1.5"), "1_0", "１２", b"\xff"),
)
DEEP = 100_000


def _csv(rows: list[dict[str, Any]]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(ROWS[0]), extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode("utf-8", "surrogatepass")


def _lines(values: list[Any]) -> bytes:
    return "".join(json.dumps(value, default=str) + "\n" for value in values).encode()


def _json(values: list[Any]) -> bytes:
    return json.dumps(values, default=str).encode()


def _parquet(values: list[Any]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(values), out)
    return out.getvalue()


def _decimals(rows: list[dict[str, Any]]) -> bytes:
    return _parquet([{k: Decimal(str(v)) for k, v in row.items()} for row in rows])


FORMS: tuple[tuple[str, list[Any], Callable[[list[Any]], bytes], str], ...] = (
    ("t.csv", ROWS, _csv, "{}"),
    ("t.jsonl", ROWS, _lines, "{}:zeros=drop"),
    ("t.parquet", ROWS, _parquet, "{}"),
    ("d.parquet", ROWS, _decimals, "{}"),
    ("c.json", CHATS, _json, "sharegpt4:{}"),
    ("m.json", MESSAGES, _json, "sharegpt4:{}"),
    ("c.jsonl", CHATS, _lines, "sharegpt4:{}"),
    ("l.json", CHATS, _lines, "sharegpt4:{}"),
    ("c.parquet", CHATS, _parquet, "sharegpt4:{}"),
    ("t.csv.gz", ROWS, lambda rows: gzip.compress(_csv(rows)), "{}"),
    ("c.jsonl.gz", CHATS, lambda chats: gzip.compress(_lines(chats)), "sharegpt4:{}"),
    ("c.json.bz2", CHATS, lambda chats: bz2.compress(_json(chats)), "sharegpt4:{}"),
)


def whole(folder: Path) -> Iterator[str]:
    """Every form as it should be, as ``resolve`` takes it."""
    for name, values, encode, text in FORMS:
        (folder / name).write_bytes(encode(values))
        yield text.format(folder / name)


def mutated(folder: Path, seed: int) -> str:
    """A file with something wrong, as ``resolve`` takes it."""
    rng = random.Random(seed)
    name, values, encode, text = FORMS[seed % len(FORMS)]
    data = b""
    if rng.random() < 0.5:
        try:
            data = encode(_changed(copy.deepcopy(values), rng))
        except (pa.ArrowException, ArithmeticError, ValueError, TypeError, AttributeError):
            data = b""  # no file of this form can hold that
    if not data:
        data = _damaged(encode(values), rng)
    path = folder / f"{seed}{name}"
    path.write_bytes(data)
    return text.format(path)


def _changed(values: list[Any], rng: random.Random) -> list[Any]:
    """The values with some of them something else, somewhere inside."""
    for _ in range(rng.randint(1, 3)):
        place: Any = values
        while True:
            keys = list(range(len(place)) if isinstance(place, list) else place)
            if not keys:
                break
            key = rng.choice(keys)
            inner = place[key]
            if isinstance(inner, list | dict) and inner and rng.random() < 0.8:
                place = inner
                continue
            what = rng.randrange(4)
            if what == 0:
                del place[key]
            else:
                place[key] = [inner, rng.choice(ODD)] if what == 1 else rng.choice(ODD)
            break
    return values


def _damaged(data: bytes, rng: random.Random) -> bytes:
    """The bytes with some of them others, or fewer, or more."""
    what = rng.randrange(5)
    at = rng.randrange(len(data))
    if what == 0:
        return data[:at]
    if what == 1:
        return data[:at] + data[at + rng.randint(1, 20) :]
    if what == 2:
        return data[:at] + rng.choice([b"[" * DEEP, b'{"a":' * DEEP, b"9" * 5000, b"\x00", b'"'])
    out = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        out[rng.randrange(len(out))] = rng.randrange(256)
    return bytes(out)
