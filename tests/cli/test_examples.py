"""What a command's help shows can be typed."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from slaibench.cli.app import COMMANDS, app
from slaibench.cli.examples import EXAMPLES
from tests.cli.command import ROOT, slaibench

NAMES = [*(command.__name__.rstrip("_") for command in COMMANDS), "paper"]
LINES = [(name, line) for name, examples in EXAMPLES.items() for line in examples.lines]
CHEAP = ("workload", "workload sharegpt4-model", "schedulers", "models", "models --json", "gpus")


@pytest.mark.parametrize("name", NAMES)
def test_every_command_s_help_ends_with_examples_and_a_page(name: str) -> None:
    printed = slaibench(name, "--help", columns=80).out
    end = printed[printed.index("Examples:") :]
    assert max(map(len, printed.splitlines())) <= 80
    for line in EXAMPLES[name].lines:
        assert f"  slaibench {line} " in end.replace("\n", " \n")
    page = end.split("More: ")[1].split()[0]
    assert (ROOT / page).is_file()


@pytest.mark.parametrize(("name", "line"), LINES)
def test_every_example_parses(name: str, line: str) -> None:
    first, *arguments = shlex.split(line)
    assert first == name
    group = get_command(app)
    command = group.get_command(None, name)  # type: ignore[attr-defined]
    # Values are parsed, and wrong names or numbers refused; nothing runs.
    context = command.make_context(name, list(arguments))
    assert set(context.params)


@pytest.mark.parametrize("line", CHEAP)
def test_cheap_examples_run(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ran = slaibench(*shlex.split(line))
    assert ran.status == 0
    assert ran.out


def test_examples_are_of_commands_that_there_are() -> None:
    assert set(EXAMPLES) <= set(NAMES)
