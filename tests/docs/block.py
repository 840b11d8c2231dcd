"""Blocks of a page: what it runs, and what that shows (``tests/docs/reader.py``)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from slaibench.machine.interpreters import interpreter

DIRECTIVES = (
    *("file", "fails", "needs", "installs", "not run"),
    *("long", "data", "figure", "made by", "name", "reads", "from"),
)
MAKERS = ("made by", "from")
"""What stands before a table that something makes."""


@dataclass(frozen=True, slots=True)
class Effort:
    """What somebody who reads the pages takes on.

    Args:
        long: whether blocks run that take minutes.
        data: folder of the files that pages need and the project does not have; None: none.
        only: the name of the only block that runs, beside the files that it may need; None: all.
    """

    long: bool = False
    data: Path | None = None
    only: str | None = None

    def covers(self, block: Block) -> bool:
        """Whether a block can be run, and shall be."""
        if self.only not in (None, block.name) and not {"file", "from"} & block.directives.keys():
            return False
        needed = block.directives.get("data", "").split()
        engine = block.directives.get("needs")
        return (
            (self.long or "long" not in block.directives)
            and all(self.data is not None and (self.data / name).exists() for name in needed)
            and (engine is None or interpreter(engine) is not None)
        )


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block, or a table that is made: its first and last line of text (from 0, fences left
    out)."""

    page: str
    language: str
    first: int
    last: int
    text: str
    directives: dict[str, str]

    @property
    def where(self) -> str:
        return f"{self.page}:{self.first + 1}"

    @property
    def name(self) -> str:
        return self.directives.get("name", self.where)

    @property
    def runs(self) -> bool:
        passive = {"file", "not run", "installs"} & self.directives.keys()
        return self.language in ("bash", "python") and not passive


def blocks(page: Path) -> list[Block]:
    """A page's fenced blocks, in order."""
    lines = page.read_text(encoding="utf-8").splitlines()
    fenced = []
    directives: dict[str, str] = {}
    start = -1
    table = -1
    for number, line in enumerate([*lines, ""]):
        if table >= 0 and not line.startswith("|"):
            fenced.append(
                Block(page.name, "text", table, number, _between(lines, table, number), {})
            )
            table = -1
        maker = next((maker for maker in MAKERS if maker in directives), None)
        if table < 0 and line.startswith("|") and start < 0 and maker is not None:
            command = directives[maker]
            fenced.append(Block(page.name, "bash", number - 1, number - 1, command, directives))
            table, directives = number, {}
        elif start >= 0:
            if line.rstrip() == "```":
                text = _between(lines, start, number)
                language = lines[start - 1].removeprefix("```").strip()
                fenced.append(Block(page.name, language, start, number, text, directives))
                start, directives = -1, {}
        elif line.startswith("```"):
            if "made by" in directives:
                command = directives["made by"]
                fenced.append(Block(page.name, "bash", number - 1, number - 1, command, directives))
                directives = {}
            start = number + 1
        elif comment := re.fullmatch(r"<!-- ([a-z ]+): (.+) -->", line.strip()):
            assert comment[1] in DIRECTIVES, f"{page.name}:{number + 1}: {comment[1]!r} is unknown"
            more = directives.get(comment[1], "")
            directives[comment[1]] = f"{more} {comment[2]}".strip()
        elif line.strip():
            directives = {}
    assert start < 0, f"{page.name}:{start}: a block without an end"
    return fenced


def _between(lines: Sequence[str], first: int, last: int) -> str:
    return "\n".join(lines[first:last])


DEFAULT_EFFORT = Effort()


def is_output(page: Path, before: Block | None, block: Block) -> bool:
    """Whether a block shows what the one before it prints: only blank lines lie between them."""
    if block.language != "text" or before is None or not before.runs:
        return False
    between = page.read_text(encoding="utf-8").splitlines()[before.last + 1 : block.first - 1]
    return not any(line.strip() for line in between)
