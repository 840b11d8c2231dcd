"""What the package offers, and that offering it costs little."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import slaibench

ROOT = Path(__file__).parents[1]
PUBLIC = [
    "BoundResult",
    "CapacityResult",
    "ClosedResult",
    "CompareResult",
    "CrosscheckResult",
    "JudgeResult",
    "OnRay",
    "PacedResult",
    "Recording",
    "RegressResult",
    "SweepResult",
    "bound",
    "capacity",
    "closed_loop",
    "compare",
    "judge",
    "load",
    "load_study",
    "regress",
    "replay",
    "requests_frame",
    "run",
    "steps_frame",
    "sweep",
    "validate",
]


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_the_public_names_are_these_and_all_are_there() -> None:
    assert sorted(slaibench.__all__) == sorted([*PUBLIC, "__version__"])
    for name in PUBLIC:
        assert getattr(slaibench, name).__module__.startswith("slaibench."), name
    assert set(PUBLIC) <= set(dir(slaibench))


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'swep'"):
        slaibench.swep  # noqa: B018


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = ("numpy", "pandas", "matplotlib", "seaborn", "scipy", "pyarrow", "pydantic", "rich")
    code = f"import sys, slaibench; print([n for n in {heavy} if n in sys.modules])"
    assert python(code) == "[]"


def test_the_command_line_starts_without_what_only_some_commands_need() -> None:
    heavy = ("pandas", "matplotlib", "seaborn", "scipy", "pyarrow", "jinja2")
    code = f"import sys, slaibench.cli.app; print([n for n in {heavy} if n in sys.modules])"
    assert python(code) == "[]"
