"""Which Python has an engine, this one or another that the environment names, and what is in it.

Engines pin their needs so tightly that two of them seldom fit into one environment.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

VERSIONS_LIMIT_S = 60.0
"""For another Python to say what it has, its start from a cold disk included."""


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
        program = shutil.which(named)
        if program is None:
            raise InterpreterError(
                f"{variable(engine)} is {named!r}, which cannot be run: set it to the Python of an "
                f"environment that has {engine}"
            )
        return str(Path(program).absolute())  # not resolved: a link is what makes an environment
    return sys.executable if find_spec(engine) else None


def import_path(python: str) -> str:
    """``PYTHONPATH`` for another process of ours, so that it runs the code that we run.

    Where our packages lie in a source tree, that is added; an environment's own folder never is,
    since it holds other packages as well. A Python that is not this one gets nothing of what this
    one was given.
    """
    root = Path(__file__).parents[2]
    ours = [str(root)] if (root / "pyproject.toml").is_file() else []
    inherited = os.environ.get("PYTHONPATH", "") if python == sys.executable else ""
    return os.pathsep.join([*ours, *filter(None, [inherited])])


def run_python(python: str, *arguments: str, limit_s: float) -> subprocess.CompletedProcess[str]:
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


def versions_of(names: Iterable[str]) -> dict[str, str]:
    """Of those distributions that are installed, without importing what takes seconds."""
    versions = {}
    for name in names:
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return versions


def versions_of_torch() -> dict[str, str]:
    """Of Python, PyTorch, and the CUDA that it was built for, as far as they are here."""
    versions = {"python": platform.python_version(), **versions_of(["torch"])}
    if cuda := re.search(r"^cuda\b.*= '([\d.]+)'$", _torch_says(), re.MULTILINE):
        versions["cuda"] = cuda[1]
    return versions


def torch_is_debug() -> bool:
    """Whether PyTorch is here, built for debugging."""
    return re.search(r"^debug\b.*= True$", _torch_says(), re.MULTILINE) is not None


def _torch_says() -> str:
    """PyTorch's ``version.py``; empty without PyTorch."""
    spec = find_spec("torch")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        with suppress(OSError):
            return (Path(folder) / "version.py").read_text(encoding="utf-8")
    return ""


def versions_in(python: str, names: tuple[str, ...]) -> dict[str, str]:
    """Versions of distributions, and of Python, in another interpreter.

    Raises:
        OSError, SubprocessError, ValueError: it cannot be run, or says something else.
    """
    code = (
        "import json, platform\n"
        "from slaibench.machine.interpreters import versions_of\n"
        f"versions = {{'python': platform.python_version(), **versions_of({names!r})}}\n"
        "print(json.dumps(versions))"
    )
    done = run_python(python, "-c", code, limit_s=VERSIONS_LIMIT_S)
    done.check_returncode()
    versions: dict[str, str] = json.loads(done.stdout)
    return versions
