"""The other side of a regression run: another Python, another commit, another server."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from slaibench.backends.base import BackendError
from slaibench.backends.engines.server import cause, tail
from slaibench.machine.guardian import GuardedProcess
from slaibench.machine.interpreters import import_path
from slaibench.machine.source import git
from slaibench.spec import StudySpec
from slaibench.studies.regression import other_program

POLL_S = 0.05
VERSION_LIMIT_S = 60.0
"""For the first import of another Python."""
FILE_FIELDS = ("workload", "profile", "weights")
"""Fields that may be files: both sides are given the same one."""


@dataclass(frozen=True, slots=True)
class Side:
    """Who runs.

    Args:
        words: what it is called.
        python: its interpreter.
        import_path: its ``PYTHONPATH``; empty: what the interpreter has itself.
        folder: where it runs; relative scheduler files are taken from there.
        commit: to be checked out first; then ``folder`` is inside of the repository that has it.
        url: another server's.
    """

    words: str
    python: str
    import_path: str
    folder: Path
    commit: str | None = None
    url: str | None = None


def here() -> Side:
    """This Python with this code."""
    return Side("this code", sys.executable, import_path(sys.executable), Path.cwd())


def find(text: str) -> Side:
    """What ``--against`` names: a URL, an interpreter, the folder of an environment, a git ref.

    Raises:
        ValueError: it is none of them.
    """
    if re.match(r"https?://", text):
        ours = here()
        return Side(text, ours.python, ours.import_path, ours.folder, url=text)
    path = Path(text)
    inside = path / "bin" / "python"
    if inside.is_file() or (path.is_file() and os.access(path, os.X_OK)):
        # Not resolved: a link is what makes an environment.
        return _interpreter(str((inside if inside.is_file() else path).absolute()), text)
    folder = Path.cwd()
    if git(folder, "rev-parse", "--show-toplevel") is None:
        folder = Path(__file__).parents[3]
    commit = git(folder, "rev-parse", "--verify", "--quiet", f"{text}^{{commit}}")
    if commit is None:
        raise ValueError(
            f"--against {text!r} is no interpreter, no folder of an environment (bin/python), no "
            f"URL, and no commit of the repository at {str(folder)!r}"
        )
    ours = here()
    return Side(f"{text} ({commit[:10]})", ours.python, ours.import_path, folder, commit=commit)


@contextmanager
def opened(side: Side) -> Iterator[Side]:
    """The side, ready to run; a commit is checked out into a temporary worktree meanwhile.

    Raises:
        BackendError: it cannot be checked out.
    """
    if side.commit is None:
        yield side
        return
    root = Path(git(side.folder, "rev-parse", "--show-toplevel") or side.folder)
    with tempfile.TemporaryDirectory(prefix="slaibench-against-") as temporary:
        tree = Path(temporary) / "tree"
        added = git(root, "worktree", "add", "--detach", str(tree), side.commit)
        if added is None:
            raise BackendError(f"{side.words} cannot be checked out (git worktree add)")
        try:
            inside = tree / side.folder.relative_to(root)
            # A repository of schedulers only is run by the code that we run.
            own = (tree / "slaibench" / "api.py").is_file()
            path = str(tree) if own else side.import_path
            folder = inside if inside.is_dir() else tree
            yield Side(side.words, side.python, path, folder)
        finally:
            git(root, "worktree", "remove", "--force", str(tree))


def run(side: Side, spec: StudySpec, results: Path, jobs: int | None) -> None:
    """Have a side run every cell of a study; recordings in ``results``.

    Raises:
        BackendError: it does not get to the end; with what it said.
    """
    results.mkdir(parents=True, exist_ok=True)
    fields = spec.model_dump(mode="json", exclude_defaults=True)
    # It runs in another folder.
    fields |= {
        name: str(Path(fields[name]).absolute())
        for name in FILE_FIELDS
        if name in fields and Path(fields[name]).exists()
    }
    if side.url is not None:
        fields["url"] = side.url
    for name in ("schedulers", "rates"):
        fields.pop(name, None)
    # Whole, to be run; what is left on disk leaves out what may be secret.
    whole = {**fields, "engine_args": spec.engine_args} if spec.engine_args else fields
    plan_file, log = results / "plan.json", results / "output.log"
    plan = {
        "folder": str(side.folder),
        "results": str(results.absolute()),
        "jobs": jobs,
        "schedulers": list(spec.schedulers),
        "rates": list(spec.rates),
        "spec": fields,
    }
    plan_file.write_text(json.dumps({**plan, "spec": whole}), encoding="utf-8")
    process = GuardedProcess(
        [side.python, "-P", str(Path(other_program.__file__)), str(plan_file.absolute())],
        log=log,
        env=_environment(side.import_path),
    )
    try:
        while (status := process.poll()) is None:
            time.sleep(POLL_S)
    finally:
        process.stop()
        plan_file.write_text(json.dumps(plan), encoding="utf-8")
    if status != 0:
        reason = cause(tail(log)) or f"it ended with status {status}"
        raise BackendError(f"{side.words} does not run: {reason}")


def _interpreter(python: str, text: str) -> Side:
    """Another Python, with its own slaibench if it has one, else with ours."""
    program = "import slaibench; print(slaibench.__version__)"
    try:
        done = subprocess.run(
            [python, "-P", "-c", program],
            env=_environment(""),
            capture_output=True,
            text=True,
            timeout=VERSION_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ValueError(f"--against {text!r} is no Python that can be run: {error}") from error
    if done.returncode == 0:
        return Side(f"{text} (slaibench {done.stdout.strip()})", python, "", Path.cwd())
    return Side(f"{text} (with this code)", python, import_path(python), Path.cwd())


def _environment(path: str) -> dict[str, str]:
    """Ours, with another ``PYTHONPATH``; empty: none."""
    others = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return others | ({"PYTHONPATH": path} if path else {})
