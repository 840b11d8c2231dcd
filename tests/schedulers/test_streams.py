"""What somebody else's code prints goes to standard error; what it closes is open afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from slaibench.schedulers import registry
from slaibench.schedulers.base import Scheduler
from slaibench.schedulers.trial import try_out
from tests.schedulers.hostile import hostile

ROOT = Path(__file__).parents[2]
IMPORTS = "import os, sys\nfrom slaibench.schedulers.streams import *"
HARMS = (
    "os.close(1)",
    "os.close(2)",
    "sys.stdout.close()",
    "sys.stderr.close()",
    "sys.stdout.detach()",
    "sys.__stdout__.close(); sys.__stderr__.close()",
    "sys.stdout = sys.stderr = None",
    "os.dup2(os.open(os.devnull, os.O_WRONLY), 1)",
)


def ran(code: str) -> tuple[int, str, str]:
    """Status, standard output and standard error of a program."""
    done = subprocess.run(
        [sys.executable, "-c", f"{IMPORTS}\n{code}"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_only_results_are_on_standard_output() -> None:
    code = """
for number in range(2):
    with stdout_for_results():
        print("printed", flush=True)
        os.write(1, b"written\\n")
        os.system("echo child")
    print("result", number)
os.write(1, b"late\\n")
"""
    said = "printed\nwritten\nchild\n" * 2 + "late\n"
    assert ran(code) == (0, "result 0\nresult 1\n", said)


def test_results_are_reported_where_standard_error_is_closed() -> None:
    code = """
os.close(2)
with stdout_for_results():
    os.write(1, b"written\\n")
print("result")
"""
    assert ran(code) == (0, "result\n", "")


def test_a_process_without_results_has_only_standard_error() -> None:
    code = "only_stderr(); print('printed', flush=True); os.write(1, b'written\\n')"
    assert ran(code) == (0, "", "printed\nwritten\n")


@pytest.mark.parametrize("harm", HARMS)
def test_what_is_closed_or_replaced_is_as_before(harm: str) -> None:
    code = f"""
for _ in range(2):
    with kept_open():
        {harm}
    print("out", flush=True)
    os.write(1, b"one\\n")
    print("err", file=sys.stderr, flush=True)
    os.write(2, b"two\\n")
"""
    assert ran(code) == (0, "out\none\n" * 2, "err\ntwo\n" * 2)


@pytest.mark.parametrize("place", ["import", "__init__", "options"])
def test_who_closes_what_is_not_its_own_is_reported(tmp_path: Path, place: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(hostile("os.closerange(3, 400)", place))
    with pytest.raises(ValueError, match=r"mine\.py.*: it closed descriptors that are not its own"):
        try_out(f"{file}:Mine", file, 0)


@pytest.mark.parametrize("place", ["import", "__init__", "options"])
def test_to_close_standard_output_is_harmless(tmp_path: Path, place: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(hostile("os.close(1)", place))
    before = os.fstat(1).st_ino
    scheduler: Scheduler = registry.build(f"{file}:Mine")
    scheduler.options()
    assert os.fstat(1).st_ino == before
