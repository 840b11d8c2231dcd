"""The columns of a request log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slaibench.studies.validation.columns import NAMES, LogError, read_columns

ROW: dict[str, Any] = {
    "arrival": 1.0,
    "prompt_tokens": 10,
    "output_tokens": 5,
    "first_token": 2.0,
    "last_token": 3.0,
}


def log(folder: Path, *rows: Any) -> Path:
    path = folder / "requests.jsonl"
    texts = (row if isinstance(row, str) else json.dumps(row) for row in rows)
    path.write_text("".join(f"{text}\n" for text in texts))
    return path


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in ROW.items() if key != name}


@pytest.mark.parametrize("column", NAMES)
def test_every_known_name_is_found(tmp_path: Path, column: str) -> None:
    own = {"arrival", "prompt", "output", "first_token", "last_token"}
    ours = {"prompt": "prompt_tokens", "output": "output_tokens"}
    for name in NAMES[column]:
        row = without(ours.get(column, column)) | {name: 7}
        assert read_columns(log(tmp_path, row), {}, "s")[column].tolist() == [7.0]
        assert set(read_columns(log(tmp_path, row), {}, "s")) == own | {column}


@pytest.mark.parametrize(
    ("name", "unit", "seconds"),
    [
        ("arrival", "s", 1500.0),
        ("arrival", "ms", 1.5),
        ("arrival_us", "s", 0.0015),
        ("arrival_time_ns", "ms", 1.5e-6),
        ("arrival_time_s", "ms", 1500.0),
    ],
)
def test_the_unit_of_a_time_is_its_names_own_or_the_one_given(
    tmp_path: Path, name: str, unit: str, seconds: float
) -> None:
    columns = read_columns(log(tmp_path, without("arrival") | {name: 1500}), {}, unit)
    assert columns["arrival"].tolist() == pytest.approx([seconds])
    assert columns["prompt"].tolist() == [10]


def test_a_column_that_the_user_names_comes_first(tmp_path: Path) -> None:
    path = log(tmp_path, ROW | {"t0_ms": 500, "arrival": 9})
    assert read_columns(path, {"arrival": "t0_ms"}, "s")["arrival"].tolist() == [0.5]


def test_null_is_unknown_and_blank_lines_are_nothing(tmp_path: Path) -> None:
    path = log(tmp_path, ROW, "", ROW | {"first_token": None}, "  ")
    columns = read_columns(path, {}, "s")
    assert len(columns["arrival"]) == 2
    assert np.isnan(columns["first_token"]).tolist() == [False, True]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "has no requests: a JSON object a line is wanted"),
        ([ROW, '{"arrival": 1.0, "pro'], "line 2 is not JSON"),
        (["arrival,prompt", "1,2"], "line 1 is not JSON"),
        ([ROW, [1, 2]], "line 2: a request is an object"),
        ([ROW, ROW | {"prompt_tokens": "ten"}], "request 2: prompt_tokens must be a number"),
        ([ROW | {"arrival": True}], "request 1: arrival must be a number, not True"),
        ([ROW | {"arrival": 10**400}], "arrival is too large"),
        ([without("arrival")], "has no arrival column .*--column arrival=NAME"),
        ([without("first_token")], "has no first token column .*--column first_token=NAME"),
        ([without("prompt_tokens")], r"has no prompt column \(it has: arrival, output_tokens"),
    ],
)
def test_what_is_no_log_is_named_with_the_place(
    tmp_path: Path, rows: list[Any], message: str
) -> None:
    with pytest.raises(LogError, match=message):
        read_columns(log(tmp_path, *rows), {}, "s")


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LogError, match=r"cannot read log .*No such file"):
        read_columns(tmp_path / "nowhere.jsonl", {}, "s")
    with pytest.raises(LogError, match=r"cannot read log .*Is a directory"):
        read_columns(tmp_path, {}, "s")
    (tmp_path / "b").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(LogError, match=r"cannot read log .*utf-8"):
        read_columns(tmp_path / "b", {}, "s")


def test_names_and_units_that_mean_nothing_are_refused(tmp_path: Path) -> None:
    path = log(tmp_path, ROW)
    with pytest.raises(LogError, match="unknown column 'arival': name one of arrival, prompt"):
        read_columns(path, {"arival": "t0"}, "s")
    with pytest.raises(LogError, match=r"has no .t0. .named as the arrival column"):
        read_columns(path, {"arrival": "t0"}, "s")
    with pytest.raises(LogError, match="time unit 'min' is none of ns, us, ms, s"):
        read_columns(path, {}, "min")
