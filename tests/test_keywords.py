"""Typed keyword arguments are the specification's fields, for people, editors and mypy."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from enum import StrEnum
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest

import slaibench
from slaibench.rates import Rates
from slaibench.spec import StudySpec
from slaibench.spec.keywords import BaselineFields, SpecFields

ROOT = Path(__file__).parents[1]
WIDER: dict[str, set[Any]] = {"slo": {type(None)}}
"""What keywords take besides what a field then holds: no targets, for the convention's own."""


def members(hint: Any) -> set[Any]:
    """The types of a union, words of an enum among them."""
    if get_origin(hint) in (Union, UnionType):
        return set().union(*(members(part) for part in get_args(hint)))
    if get_origin(hint) is Literal:
        return set(get_args(hint))
    return {hint, *hint} if isinstance(hint, type) and issubclass(hint, StrEnum) else {hint}


def test_keywords_are_the_fields_and_take_what_these_take() -> None:
    hints = get_type_hints(BaselineFields)
    fields = get_type_hints(StudySpec)
    # A study sets the one itself; the other is what ``closed_loop`` is about, and nothing else's.
    assert set(hints) == set(StudySpec.model_fields) - {"rates_chosen", "concurrency"}
    for name in set(hints) - {"schedulers", "rates"}:
        assert members(hints[name]) == members(fields[name]) | WIDER.get(name, set()), name
    assert hints["rates"] == Rates


@pytest.mark.parametrize(
    "name", ["sweep", "compare", "capacity", "run", "replay", "bound", "closed_loop"]
)
def test_a_signature_spells_the_fields_out(name: str) -> None:
    parameters = inspect.signature(getattr(slaibench, name)).parameters
    assert {"model", "workload", "slo", "num_requests"} <= set(parameters)
    assert not any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    assert ("gpu" in parameters) == (name != "replay")
    if name == "sweep":
        assert set(get_type_hints(SpecFields)) <= set(parameters)
        assert parameters["num_seeds"].default == 3


def test_a_nearly_right_keyword_is_answered_with_the_right_one(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no field 'modle': did you mean 'model'"):
        slaibench.sweep("slai", 5, results=tmp_path, modle="mistral-7b")  # type: ignore[call-arg]


def test_mypy_knows_the_keywords(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import slaibench\n"
        'slaibench.sweep("slai", rates=[5], model="mistral-7b", device="cpu", slo=None)\n'
        'slaibench.sweep("slai", modle="mistral-7b")\n'
        'slaibench.run("slai", 5, num_requests="many")\n'
        'slaibench.capacity("slai", backend="vllm", device="tpu")\n'
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--follow-imports=silent", "--no-error-summary", script],
        cwd=ROOT,  # its cache and its settings
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line.split("script.py:")[1] for line in done.stdout.splitlines() if ": error" in line]
    assert [line.partition(":")[0] for line in lines] == ["3", "4", "5"], done.stdout
    assert '"modle"' in lines[0]
