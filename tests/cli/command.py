"""The command line as a test uses it: in this process, or as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner

from slaibench.cli.app import app
from tests.studies.studies import WORKLOAD

SMALL = ("--workload", WORKLOAD, "--requests", "60", "--seeds", "1", "--jobs", "1")
CODE = "from slaibench.cli.app import main; main()"
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    status: int
    out: str
    err: str


def slaibench(*arguments: str | Path, columns: int = 100) -> Ran:
    """Run a command in this process; anything but an exit status is a failure of the test."""
    environment = {"COLUMNS": str(columns), "NO_COLOR": "1", "TERM": "dumb"}
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env=environment)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Ran(result.exit_code, result.stdout, result.stderr)


def refused(*arguments: str | Path) -> str:
    """Run a command that must be refused as wrong usage, in one message; returns the message."""
    ran = slaibench(*arguments, columns=400)
    assert ran.status == 2, ran
    assert ran.out == ""
    assert "Traceback" not in ran.err
    return ran.err


def sweep(results: Path, *arguments: str | Path, columns: int = 100) -> Ran:
    """A small sweep without a page; later arguments win over the small ones."""
    return slaibench(
        *("sweep", "--no-report", "--results", results, *SMALL, "--rates", "5"),
        *arguments,
        columns=columns,
    )


def process(*arguments: str | Path) -> subprocess.Popen[str]:
    """The command as a process, at the head of a group of its own, as a terminal starts it."""
    return subprocess.Popen(
        [sys.executable, "-c", CODE, *(str(argument) for argument in arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
