"""Consoles that print names from outside as text, never as commands to a terminal or a CI log."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

LONGEST_WORD = 400
KEPT_OF_A_WORD = 60

_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f"  # but tab and newline
    r"\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff"  # invisible, or turn text about
    r"\ud800-\udfff]"  # halves of characters, which no terminal takes
)
_COMMAND = re.compile(r"^([^\S\n]*)(?=::)", re.MULTILINE)
_OLD_COMMAND = re.compile(r"##(?=\[)")
_LONG_WORD = re.compile(rf"\S{{{LONGEST_WORD + 1},}}")


def plain(text: str) -> str:
    """Text that commands nothing.

    Control characters are written as Python writes them. GitHub reads a line that begins with
    ``::``, and ``##[`` anywhere, as a command of the job ("Workflow commands for GitHub Actions");
    a backslash ends that.
    """
    text = _CONTROL.sub(lambda match: ascii(match[0])[1:-1], text)
    return _OLD_COMMAND.sub(r"##\\", _COMMAND.sub(r"\1\\", text))


def shortened(text: str) -> str:
    """A message with its longest words cut: who gave 100,000 characters knows them."""
    return _LONG_WORD.sub(
        lambda match: f"{match[0][:KEPT_OF_A_WORD]}... ({len(match[0])} characters)", text
    )


class PlainConsole(Console):
    """A console whose texts are ``plain``; its styles are its own."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(plain(text), **options)  # before widths are taken

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            text = segment.text
            yield segment if segment.control else segment._replace(text=plain(text))
