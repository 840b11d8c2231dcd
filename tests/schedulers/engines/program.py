"""A test program of this folder, run in the interpreter that has the engine."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]


def python_with(engine: str) -> str:
    """The interpreter that has an engine; skips the test where there is none."""
    variable = f"SLAIBENCH_{engine.upper()}_PYTHON"
    named = os.environ.get(variable)
    if named:
        return named
    if importlib.util.find_spec(engine) is None:
        pytest.skip(f"no {engine} here, and {variable} names no Python that has it")
    return sys.executable


def run_program(engine: str, name: str, *arguments: object) -> dict[str, Any]:
    """What it prints, as JSON; engines print other things before it."""
    command = [python_with(engine), "-m", f"tests.schedulers.engines.{name}"]
    done = subprocess.run(
        [*command, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    results: dict[str, Any] = json.loads(done.stdout[done.stdout.index('{"engine') :])
    return results
