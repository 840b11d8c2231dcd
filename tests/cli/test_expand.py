"""Dataclasses of options become a command's options, and come back as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from slaibench.cli.expand import expanded


@dataclass(frozen=True)
class Colours:
    front: Annotated[str, typer.Option("--front", "-f", help="Of the text.")] = "black"
    back: Annotated[int | None, typer.Option(help="Of the page.", min=0)] = None


@dataclass(frozen=True)
class Size:
    wide: Annotated[bool, typer.Option("--wide", help="Twice as wide.")] = False


@dataclass(frozen=True)
class Clash:
    wide: Annotated[int, typer.Option(help="Another one.")] = 1


@dataclass(frozen=True)
class Needy:
    must: str


seen: list[tuple[str, int, Colours, Size]] = []


@expanded
def paint(
    what: Annotated[str, typer.Argument(help="To paint.")],
    times: Annotated[int, typer.Option(help="How often.")] = 1,
    *,
    colours: Colours,
    size: Size,
) -> None:
    """Paint something."""
    seen.append((what, times, colours, size))


def run(*arguments: str) -> str:
    app = typer.Typer(add_completion=False)
    app.command()(paint)
    result = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "100", "NO_COLOR": "1"})
    return f"{result.exit_code} {result.output}"


def test_every_field_is_an_option_and_defaults_hold() -> None:
    seen.clear()
    assert run("wall", "--back", "3", "-f", "red", "--wide").startswith("0")
    assert run("door").startswith("0")
    assert seen == [
        ("wall", 1, Colours("red", 3), Size(wide=True)),
        ("door", 1, Colours(), Size()),
    ]


def test_help_has_them_in_the_order_of_parameters_and_fields() -> None:
    printed = run("--help")
    places = [printed.index(f"--{name}") for name in ("times", "front", "back", "wide")]
    assert places == sorted(places)
    assert "Paint something." in printed
    assert "Of the page." in printed


def test_a_value_out_of_range_is_refused_by_typer() -> None:
    assert run("wall", "--back", "-1").startswith("2")
    assert run("wall", "--colours", "x").startswith("2")


def test_two_options_of_one_name_and_a_field_without_default_are_defects() -> None:
    def twice(*, size: Size, clash: Clash) -> None: ...

    def needy(*, needy: Needy) -> None: ...

    with pytest.raises(TypeError, match="twice has two options called 'wide'"):
        expanded(twice)
    with pytest.raises(TypeError, match=r"Needy\.must needs a default"):
        expanded(needy)
