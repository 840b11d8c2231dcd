"""A function in a copy of the process, which leaves nothing here."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="engines run on Linux only")

COPIES = """
import os
from slaibench.backends.engines.forked import in_a_copy

kept = []

def notes():
    kept.append(os.getpid())
    return kept

def raises():
    raise ValueError("a bad value")

first, second = (in_a_copy(notes, ()) for _ in range(2))
assert len(first) == len(second) == 1 and first != second and not kept
try:
    in_a_copy(raises, (KeyError, ValueError))
except ValueError as error:
    assert str(error) == "a bad value"
for work in (raises, lambda: os._exit(3), lambda: os.kill(os.getpid(), 9)):
    try:
        in_a_copy(work, (KeyError,))
    except ChildProcessError as error:
        print(error)
"""


def test_what_a_copy_does_is_known_here_and_changes_nothing() -> None:
    """In a Python of its own: this one has threads, which a copy is without."""
    done = subprocess.run(
        [sys.executable, "-c", COPIES], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        "a run's process ended with status 1",
        "a run's process ended with status 3",
        "a run's process was killed by SIGKILL",
    ]
    assert "ValueError: a bad value" in done.stderr
