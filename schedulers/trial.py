"""A user's scheduler is imported, built and asked for its options in a process of its own first.

There it may hang or end its process without taking a study along.
"""

from __future__ import annotations

import functools
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from slaibench.schedulers.engine_class import ClassFacts

PROGRAM = "slaibench.schedulers.trial_program"
LIMIT_S = 60.0
"""To import and build; PyTorch from a cold disk takes 20 s."""
GRACE_S = 10.0
"""Beyond its limit, the process has so long to say where it hangs."""
_LINE = re.compile(r'^  File "(.*)", line (\d+) in ', re.MULTILINE)


@functools.cache
def try_out(text: str, file: Path, version: int, limit_s: float = LIMIT_S) -> ClassFacts | None:
    """Build a scheduler in another process, once for each version of its file.

    A class of vLLM's is found out there, so that vLLM need not be imported here.

    Args:
        text: the scheduler as its user wrote it.
        file: the file that it names.
        version: changes with the file.

    Returns:
        What is to be known of a class of vLLM's; None: it is a scheduler of our kind.

    Raises:
        ValueError: it cannot be built, ends its process, or does not come to an end.
    """
    with tempfile.TemporaryDirectory(prefix="slaibench-") as folder:
        verdict, said = Path(folder, "verdict"), Path(folder, "said")
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
        with said.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", PROGRAM, text, str(verdict), str(limit_s)],
                env={**os.environ, "PYTHONPATH": path},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            try:
                status = process.wait(limit_s + GRACE_S)
            except subprocess.TimeoutExpired:
                status = None
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if verdict.is_file():
            said_there = json.loads(verdict.read_text(encoding="utf-8"))
            if (error := said_there["error"]) is not None:
                raise ValueError(error)
            facts = said_there["engine_class"]
            return facts and ClassFacts(**{**facts, "files": tuple(facts["files"])})
        at = place(said.read_text(encoding="utf-8", errors="replace"), file)
    if status is None or _hung(status, at):
        raise ValueError(
            f"scheduler {text!r} is not imported and built after {limit_s:g} s: it hangs in "
            f"{at or file.name}"
        )
    raise ValueError(
        f"scheduler {text!r}: its process {ended(status)} while {at or file.name} was imported or "
        "its class built: a scheduler must not end its process"
    )


def _hung(status: int, at: str | None) -> bool:
    """Whether the program was ended by its own alarm, which says where and ends with status 1."""
    return status == 1 and at is not None


def place(log: str, file: Path) -> str | None:
    """Where a process stood as it ended, of a log that ``faulthandler`` wrote: in a scheduler's
    file, else in the innermost one; None: it wrote nothing."""
    frames = _LINE.findall(log)
    own = [frame for frame in frames if Path(frame[0]).name == file.name]
    for name, line in (own or frames)[:1]:
        return f"{Path(name).name}, line {line}"
    return None


def ended(status: int) -> str:
    """How a process ended, in words.

    Args:
        status: negative: the signal that killed it.
    """
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"
