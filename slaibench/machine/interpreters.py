"""Which Python has an engine: this one, or another that the environment names.

Engines pin their needs so tightly that two of them seldom fit into one environment.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path


class InterpreterError(RuntimeError):
    """There is no such Python; the message says what to set."""


def variable(engine: str) -> str:
    """The environment variable that names an engine's Python: ``SLAIBENCH_SGLANG_PYTHON``."""
    return f"SLAIBENCH_{engine.upper()}_PYTHON"


def interpreter(engine: str) -> str | None:
    """The Python that has an engine; None: neither is one named, nor has this one the engine.

    What is named may be a script as well that sets an environment up and goes on as Python.

    Args:
        engine: the engine's package.

    Raises:
        InterpreterError: what is named cannot be run.
    """
    named = os.environ.get(variable(engine))
    if named:
        found = shutil.which(named)
        if found is None:
            raise InterpreterError(
                f"{variable(engine)} is {named!r}, which cannot be run: set it to the Python of an "
                f"environment that has {engine}"
            )
        return str(Path(found).absolute())  # not resolved: a link is what makes an environment
    return sys.executable if find_spec(engine) else None


def import_path(python: str) -> str:
    """``PYTHONPATH`` for another process of ours, so that it runs the code that we run.

    Where our packages lie in a source tree, that is added; an environment's own folder never is,
    since it holds other packages as well. A Python that is not this one gets nothing of what this
    one was told.
    """
    root = Path(__file__).parents[2]
    ours = [str(root)] if (root / "pyproject.toml").is_file() else []
    inherited = os.environ.get("PYTHONPATH", "") if python == sys.executable else ""
    return os.pathsep.join([*ours, *filter(None, [inherited])])


def answer(python: str, *arguments: str, limit_s: float) -> subprocess.CompletedProcess[str]:
    """What a program of ours did in a Python, with the code that we run.

    Raises:
        OSError, SubprocessError: it cannot be run, or takes longer than ``limit_s``.
    """
    return subprocess.run(
        [python, "-P", *arguments],
        env={**os.environ, "PYTHONPATH": import_path(python)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=limit_s,
    )
