"""What a new user meets first: no arguments, the version, help, and the lists."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from slaibench.cli.app import COMMANDS, GROUP
from slaibench.version import __version__
from tests.brought import package
from tests.cli.command import CODE, ROOT, process, slaibench

NAMES = [*(command.__name__.rstrip("_") for command in COMMANDS), "paper"]


def test_no_arguments_say_what_to_try_first() -> None:
    ran = slaibench()
    assert ran.status == 0
    assert "slaibench sweep --model mistral-7b --rates 1:20" in ran.out
    assert "slaibench compare sarathi slai" in ran.out


def test_the_version_is_the_packages() -> None:
    assert slaibench("--version").out == f"slaibench {__version__}\n"


def test_the_package_runs_as_the_command_does() -> None:
    command = [sys.executable, "-m", "slaibench", "--version"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert ran.stdout == f"slaibench {__version__}\n"


def test_the_commands_are_these() -> None:
    assert set(NAMES) >= {
        *("sweep", "compare", "capacity", "report", "results", "verify"),
        *("workload", "schedulers", "models", "gpus"),
    }
    printed = slaibench("--help").out
    assert all(name in printed for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_help_and_every_option_a_text(name: str) -> None:
    ran = slaibench(name, "--help", columns=200)
    assert ran.status == 0
    rows = [line for line in ran.out.splitlines() if "--" in line and line.startswith("│")]
    assert rows
    for row in rows:
        words = row.replace("│", " ").split()
        assert len(words) >= 4, row


def test_a_mistyped_command_is_compared_with_those_that_packages_bring() -> None:
    assert "Did you mean 'paper'?" in slaibench("papr").err


def test_another_package_brings_a_command(site: Path) -> None:
    package(site, GROUP, "hello = theirs:hello", 'def hello(name: str) -> None: print("hi", name)')
    assert slaibench("hello", "you").out == "hi you\n"
    assert "hello" in slaibench("--help").out


def test_a_command_that_cannot_be_loaded_says_so_and_breaks_nothing(site: Path) -> None:
    package(site, GROUP, "hello = theirs:hello", "import nowhere")
    shown = slaibench("--help", columns=400)
    assert shown.status == 0
    assert "hello: 'theirs:hello' cannot be loaded (ModuleNotFoundError" in shown.out
    ran = slaibench("hello", "--any", "thing", columns=400)
    assert ran.status == 1
    assert "cannot be loaded" in ran.err
    assert "repair the package that brings it, or remove it" in ran.err
    assert slaibench("--version").status == 0


def test_a_process_of_its_own_calls_itself_by_its_name() -> None:
    running = process("sweep", "--help")
    out, err = running.communicate(timeout=60)
    assert (running.returncode, err) == (0, "")
    assert "Usage: slaibench sweep" in out


def test_a_reader_that_leaves_early_is_no_error() -> None:
    shell = f'{sys.executable} -c "{CODE}" models --json | head -c 10'
    done = subprocess.run(
        ["bash", "-c", shell],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == '[\n {\n  "na'
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("columns", [80, 120])
def test_lists_fit_the_terminal_and_cut_no_name(columns: int) -> None:
    for command, names in (
        ("schedulers", ["rad-batch-prefill", "prefill-first"]),
        ("models", ["llama-3.1-8b", "tiny-mistral", "codellama-34b"]),
        ("gpus", ["rtx-pro-6000", "rtx6000-ada"]),
        ("workload", ["sharegpt4-model", "azure-code"]),
    ):
        out = slaibench(command, columns=columns).out
        assert max(map(len, out.splitlines())) <= columns, command
        assert "…" not in out
        for name in names:
            assert name in out, (command, name)


def test_a_workload_is_described_in_words() -> None:
    out = slaibench("workload", "fixed:prompt=100,output=7").out
    assert "107" in out
    assert "prompt" in out


def test_debugging_lets_the_traceback_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLAIBENCH_DEBUG", "1")
    with pytest.raises(ValueError, match="unknown scheduler"):
        slaibench("sweep", "-s", "nobody")
