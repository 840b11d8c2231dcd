"""A test program of this folder, run in the interpreter that has the engine."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from slaibench.machine.interpreters import interpreter, variable

ROOT = Path(__file__).parents[3]


def python_with(engine: str) -> str:
    """The interpreter that has an engine; skips the test where there is none."""
    path = interpreter(engine)
    if path is None:
        pytest.skip(f"no {engine} here, and {variable(engine)} names no Python that has it")
    return path


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
