"""Somebody who works through README.md or a page of docs/: its blocks, one after the other.

Fenced blocks run in order, in one empty folder:

- ``bash``: by bash, with ``slaibench``, ``python`` and ``pytest`` of this checkout;
- ``python``: in one namespace for the page, as a notebook's cells;
- ``text``: what the block right before it prints. ``...`` stands for any text in a line, or, on a
  line of its own, for any lines. Of a command that fails, standard error is shown as well;
- any other language is for reading only.

An HTML comment on the line before a block changes that: ``file: NAME`` (write the block there
instead of running it), ``fails: STATUS``, ``needs: ENGINE`` (left out where no Python has it),
``installs: FOLDER`` (what ``pip install -e FOLDER`` does to entry points, without a network),
``not run: REASON``, and what only ``tests/docs/remake.py`` does: ``long: MINUTES`` (left out unless
that is asked for), ``data: FILE ...`` (left out where nobody has them: they are not part of the
project) and ``figure: FILE to PICTURE`` (a file that the block writes, and where the page has it).

``made by: COMMAND`` stands before a table of the page itself, which is what the command prints; its
own directives stand on the lines before. ``from: NAME N`` is the Nth Markdown table that the block
``name: NAME`` printed, earlier on the page. ``reads: PATH ...`` are files and folders of the
repository that the block finds at the same place. A list may go on in a second comment.
"""

from __future__ import annotations

import contextlib
import filecmp
import io
import os
import re
import shutil
import subprocess
import sys
import tomllib
import warnings
from pathlib import Path
from typing import Any

from tests.docs.block import DEFAULT_EFFORT, Block, Effort, blocks, is_output
from tests.docs.warm import write_command

ROOT = Path(__file__).parents[2]
COLUMNS = 110
"""Terminal width at which the outputs in the pages were printed."""
README_COLUMNS = 100
ANY_LINES = "..."
LEFT_OUT = "(left out)"
"""What a block "prints" that needs an engine which no Python here has."""


class Reader:
    """Somebody who works through a page in a folder of their own; a process can be one of them.

    Args:
        folder: made, and gone into.
        tools: a folder for what an installation would put on the path.
        server: address of the process that runs ``slaibench`` (``tests/docs/warm.py``).
        columns: width of the terminal.
    """

    def __init__(
        self, folder: Path, tools: Path, server: Path, effort: Effort, columns: int
    ) -> None:
        folder.mkdir()
        self._effort = effort
        self._folder, self._site = folder, tools / "site"
        self._site.mkdir(parents=True)
        self._namespace: dict[str, Any] = {"__name__": "__main__"}
        self._printed: dict[str, str] = {}
        for name, rest in {"python": '"$@"', "pytest": '-m pytest "$@"'}.items():
            command = tools / name
            command.write_text(f'#!/bin/sh\nexec "{sys.executable}" {rest}\n', encoding="utf-8")
            command.chmod(0o755)
        write_command(tools / "slaibench", server)
        os.environ |= {
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": f"{ROOT}{os.pathsep}{self._site}",
            "COLUMNS": str(columns),
            "SLAIBENCH_CACHE": str(tools / "cache"),  # nothing of this machine's shows in a page
            "HF_HUB_OFFLINE": "1",
        }
        for name in [*os.environ]:  # nor of the pytest that may run this: pages run their own
            if name in ("SLAIBENCH_DATA", "SLAIBENCH_DEBUG") or name.startswith("PYTEST_"):
                del os.environ[name]
        os.chdir(folder)
        sys.path[:0] = [str(folder), str(ROOT)]

    def work(self, block: Block) -> str:
        """Do what a block asks for; returns what it printed."""
        if "from" in block.directives:
            name, number = block.directives["from"].split()
            printed = self._printed[name]
            return printed if printed == LEFT_OUT else _markdown_tables(printed)[int(number) - 1]
        self._printed[block.name] = printed = self._work(block)
        return printed

    def _work(self, block: Block) -> str:
        if not self._effort.covers(block) or "not run" in block.directives:
            return LEFT_OUT
        for path in block.directives.get("reads", "").split():
            if not (self._folder / path).exists():
                (self._folder / path).parent.mkdir(parents=True, exist_ok=True)
                (self._folder / path).symlink_to(ROOT / path)
        for name in block.directives.get("data", "").split():
            assert self._effort.data is not None
            if not (self._folder / name).exists():
                (self._folder / name).symlink_to(self._effort.data.resolve() / name)
        if "file" in block.directives:
            path = self._folder / block.directives["file"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text + "\n", encoding="utf-8")
        elif "installs" in block.directives:
            self._install(self._folder / block.directives["installs"])
        elif block.runs:
            return self._bash(block) if block.language == "bash" else self._python(block)
        return ""

    def _bash(self, block: Block) -> str:
        status = int(block.directives.get("fails", "0"))
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block.text],
            cwd=self._folder,
            capture_output=True,
            text=True,
            check=False,
        )
        said = done.stdout + done.stderr
        assert done.returncode == status, f"{block.where}: status {done.returncode}\n{said}"
        return said if status else done.stdout

    def _python(self, block: Block) -> str:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), warnings.catch_warnings():
            warnings.simplefilter("error")
            exec(compile(block.text, block.where, "exec"), self._namespace)
        return printed.getvalue()

    def _install(self, folder: Path) -> None:
        """The modules and entry points of a package, as an editable installation has them."""
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        for module in folder.glob("*.py"):
            shutil.copy(module, self._site)
        facts = self._site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
        )
        groups = (
            f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
            for group, points in project["entry-points"].items()
        )
        (facts / "entry_points.txt").write_text("\n".join(groups))


def _markdown_tables(text: str) -> list[str]:
    return re.findall(r"(?:^\|.*\n?)+", text, flags=re.MULTILINE)


def _lines(text: str) -> list[str]:
    """Lines without what a terminal or an editor adds at their ends, or blank ones around."""
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n").splitlines()


def shows(shown: str, printed: str) -> bool:
    """Whether a page's block shows what was printed."""
    pattern = ""
    for line in _lines(shown):
        any_text = ".*".join(map(re.escape, line.split("...")))
        pattern += "(?:.*\n)*" if line.strip() == ANY_LINES else f"{any_text}\n"
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in _lines(printed))) is not None


def renewed(shown: str, printed: str) -> str:
    """What was printed, with the page's own line wherever that stands for any text and fits."""
    patterns = [line for line in _lines(shown) if "..." in line and line.strip() != ANY_LINES]
    kept = [
        next((pattern for pattern in patterns if shows(pattern, line)), line)
        for line in _lines(printed)
    ]
    return "\n".join(kept)


def _figure(folder: Path, page: Path, names: str, *, update: bool) -> None:
    """A picture of a page is the one that its block has made; an update writes it."""
    pattern, _, name = names.partition(" to ")
    (made,) = folder.glob(pattern)
    shown = page.parent / name
    if update:
        shutil.copyfile(made, shown)
    assert filecmp.cmp(made, shown, shallow=False), f"{page.name}: {name} is another picture"


def read(
    page: Path, folder: Path, server: Path, *, update: bool, effort: Effort = DEFAULT_EFFORT
) -> None:
    """Work through a page.

    Args:
        folder: an empty one.
        server: runs ``slaibench``.
        update: write outputs that differ into the page instead of complaining.
        effort: which blocks are run.

    Raises:
        AssertionError: a block fails, or prints something else than the page shows.
    """
    columns = README_COLUMNS if page.parent == ROOT else COLUMNS
    reader = Reader(folder / "work", folder / "tools", server, effort, columns)
    before: Block | None = None
    printed = ""
    news: list[tuple[Block, str]] = []
    for block in blocks(page):
        if is_output(page, before, block):
            same = shows(block.text, printed) or printed == LEFT_OUT
            if not same and update and ANY_LINES not in _lines(block.text):
                news.append((block, renewed(block.text, printed)))
            else:
                assert same, f"{block.where} shows something else than\n{printed}"
        else:
            assert block.language != "text", f"{block.where}: no block prints this"
            printed = reader.work(block)
            if "figure" in block.directives and printed != LEFT_OUT:
                _figure(folder / "work", page, block.directives["figure"], update=update)
        before = block
    lines = page.read_text(encoding="utf-8").splitlines()
    for block, text in reversed(news):
        lines[block.first : block.last] = text.splitlines()
    if news:
        page.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main(page: str, folder: str, server: str, core: str = "") -> None:
    """One page, in this process; on one core where it is given one, since studies as small as those
    of the pages would spend most of their time on starting worker processes."""
    if core and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(core)})
    update = os.environ.pop("SLAIBENCH_DOCS_UPDATE", "") == "1"
    data = os.environ.pop("SLAIBENCH_DOCS_DATA", "")
    effort = Effort(
        os.environ.pop("SLAIBENCH_DOCS_LONG", "") == "1",
        Path(data).resolve() if data else None,
        os.environ.pop("SLAIBENCH_DOCS_ONLY", "") or None,
    )
    try:
        read(Path(page), Path(folder), Path(server), update=update, effort=effort)
    except AssertionError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(*sys.argv[1:])
