"""A baseline comes back as it was written, and a damaged one is refused by name."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slaibench.spec import Clock
from slaibench.studies.regression.baseline import FILE, Baseline, read, write
from tests.studies.regression.replicates import replicate
from tests.studies.studies import study


def baseline() -> Baseline:
    values = {"ttft_p50_s": 0.1, "ttft_p99_s": math.inf, "tbt_p99_s@free": None}
    return Baseline(
        spec=study(clock=Clock.VIRTUAL, schedulers=("sarathi",)),
        about="something",
        versions={"slaibench": "0.1.0"},
        hardware={"name": "here"},
        sources={"sarathi": "0123456789abcdef"},
        code="fedcba9876543210",
        metrics=("ttft_p50_s", "ttft_p99_s", "tbt_p99_s"),
        margin=0.05,
        replicates=(replicate(0, values), replicate(1, values, saturated=True, invalid="late")),
    )


def test_it_comes_back_as_it_was_and_a_run_is_a_line(tmp_path: Path) -> None:
    there = baseline()
    file = write(there, tmp_path / "new")
    assert read(tmp_path / "new") == there
    lines = file.read_text().splitlines()
    assert sum('"content"' in line for line in lines) == len(there.replicates)
    assert [path.name for path in (tmp_path / "new").iterdir()] == [FILE]


def test_a_baseline_of_before_it_named_its_code_is_read(tmp_path: Path) -> None:
    there = baseline()
    file = write(there, tmp_path / "new")
    values = json.loads(file.read_text())
    del values["code"]
    file.write_text(json.dumps(values))
    assert read(tmp_path / "new") == dataclasses.replace(there, code=None)


def test_only_virtual_clocks_are_exact() -> None:
    there = baseline()
    assert there.exact
    real = there.spec.model_copy(update={"clock": Clock.REAL})
    assert not replace(there, spec=real).exact


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "not a baseline of format 1 .it says 2."),
        ({"metrics": ["speed"]}, "unknown metric 'speed'"),
        ({"replicates": [{"seed": 1}]}, "damaged .KeyError"),
        ({"replicates": 3}, "damaged .TypeError"),
        ({"spec": {"rates": [-1]}}, "must be a positive number"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    file = write(baseline(), tmp_path)
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(ValueError, match=message):
        read(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "3"])
def test_what_is_no_baseline_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(ValueError, match=r"cannot be read|not a baseline"):
        read(tmp_path)


def test_a_missing_baseline_says_how_to_write_it(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="write one with --update"):
        read(tmp_path / "nowhere")
