"""Names from outside are text: no commands to a terminal, none to a CI log."""

from __future__ import annotations

import io
import re

import pytest
from rich.table import Table
from rich.text import Text

from slaibench.cli.console import PlainConsole, plain, shortened


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("red \x1b[31m", r"red \x1b[31m"),
        ("\x9b31m", r"\x9b31m"),
        ("over\rwritten\b", r"over\rwritten\x08"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("turned \u202etext", r"turned \u202etext"),
        ("half \ud83d", r"half \ud83d"),
        ("::error::x", r"\::error::x"),
        ("a\n \t::set-output name=x::y", "a\n \t\\::set-output name=x::y"),
        ("a ##[error]b", r"a ##\[error]b"),
        ("tests/x.py::test", "tests/x.py::test"),
        ("Größe 大", "Größe 大"),
    ],
)
def test_text_commands_nothing(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_styles_are_the_consoles_own() -> None:
    console = PlainConsole(
        file=io.StringIO(), width=60, force_terminal=True, color_system="standard"
    )
    table = Table()
    table.add_column("model")
    table.add_row("evil\x1b[2J")
    table.add_row(Text("\x1b[3J, which is longer than the rest"))
    console.print(table)
    console.print("[red]bad[/]", "a\x07")
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert r"evil\x1b[2J" in shown
    assert r"\x1b[3J" in shown
    assert not {"\x1b[2J", "\x1b[3J"} & set(re.findall(r"\x1b\[\dJ", shown))
    assert "\x1b[31mbad" in shown
    assert "\x07" not in shown


def test_a_message_is_of_a_length_that_can_be_read() -> None:
    message = f"unknown model {'x' * 100_000}: known are a, b"
    assert shortened(message) == f"unknown model {'x' * 60}... (100001 characters) known are a, b"
    assert shortened("y" * 400) == "y" * 400
