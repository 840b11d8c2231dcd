"""Make every figure, table and output of README.md and docs/ again, and write it where it stands.

usage: python -m tests.docs.remake [--list] [--long] [--data FOLDER] [PAGE ...]
       python -m tests.docs.remake --only NAME [--data FOLDER]

Without ``--long`` what takes minutes is left as it is, and so is, without ``--data``, what needs
files that are not part of the project (``--list`` names them, and what a person has to run, on a
GPU or on a quiet machine). ``--only`` makes one of those, and what stands on its page of it. What
was written is to be read before it is committed: ``git diff``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.docs.block import Block, Effort, blocks
from tests.docs.reader import COLUMNS, ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@contextmanager
def running_server() -> Iterator[Path]:
    """Where the process listens that runs ``slaibench`` for all pages."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": str(COLUMNS)}
    with tempfile.TemporaryDirectory() as folder:
        address = Path(folder) / "socket"
        command = [sys.executable, "-m", "tests.docs.warm", str(address)]
        with subprocess.Popen(command, cwd=ROOT, env=environment) as process:
            while not address.exists():
                assert process.poll() is None
                time.sleep(0.02)
            yield address
            process.terminate()


def describe(block: Block, effort: Effort, num_tables: int) -> str:
    """A block that not every reading runs, in a line."""
    shown = {"long": "", "data": "needs ", "needs": "needs ", "figure": "", "not run": ""}
    facts = [
        f"{prefix}{block.directives[name]}"
        for name, prefix in shown.items()
        if name in block.directives
    ]
    if num_tables:
        facts.append(f"{num_tables} {'table' if num_tables == 1 else 'tables'}")
    state = "left as it is"
    if "not run" in block.directives:
        state = "by hand"
    elif effort.covers(block):
        state = "made"
    facts.insert(0, state)
    place = "" if block.name == block.where else f" ({block.where})"
    return f"{block.name}{place}: {'; '.join(facts)}: {block.text.splitlines()[0]}"


def special(page: Path) -> list[Block]:
    """Blocks of a page that need more than this project and seconds; those that a person has to run
    if they have a name."""
    return [
        block
        for block in blocks(page)
        if {"long", "data", "needs", "figure", "name"} & block.directives.keys()
    ]


def listing(pages: Sequence[Path], effort: Effort) -> list[str]:
    """A line for each special block of the pages."""
    return [
        describe(block, effort, tables_of(page, block.name))
        for page in pages
        for block in special(page)
    ]


def tables_of(page: Path, name: str) -> int:
    """How many tables of a page are from the block of this name."""
    makers = (block.directives.get("from", "").split() for block in blocks(page))
    return sum(maker[:1] == [name] for maker in makers)


def remake(pages: Sequence[Path], effort: Effort) -> list[str]:
    """Work through pages, one after the other; returns what went wrong, by page."""
    wrong = []
    environment = {
        **os.environ,
        "SLAIBENCH_DOCS_UPDATE": "1",
        "SLAIBENCH_DOCS_LONG": "1" if effort.long else "",
        "SLAIBENCH_DOCS_DATA": "" if effort.data is None else str(effort.data.resolve()),
        "SLAIBENCH_DOCS_ONLY": effort.only or "",
    }
    with running_server() as server, tempfile.TemporaryDirectory() as folder:
        for page in pages:
            print(page.relative_to(ROOT), file=sys.stderr)
            work = Path(folder) / page.stem
            work.mkdir()
            command = [sys.executable, "-m", "tests.docs.reader", str(page), str(work), str(server)]
            done = subprocess.run(
                command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
            )
            if done.returncode:
                wrong.append(done.stderr)
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pages", nargs="*", type=Path, metavar="PAGE")
    parser.add_argument("--list", action="store_true", help="say what takes more than seconds")
    parser.add_argument("--long", action="store_true", help="run what takes minutes, too")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="of the traces")
    parser.add_argument("--only", metavar="NAME", help="this one, however long it takes")
    options = parser.parse_args()
    pages = [page.resolve() for page in options.pages] or PAGES
    if unknown := [str(page) for page in pages if page not in PAGES]:
        parser.error(f"no page of the project: {', '.join(unknown)}")
    effort = Effort(options.long or options.only is not None, options.data, options.only)
    if options.only is not None:
        named = {block.name: (block, page) for page in pages for block in special(page)}
        if options.only not in named:
            parser.error(f"--only {options.only}: none has this name; --list has them")
        block, page = named[options.only]
        if "not run" in block.directives:
            parser.error(
                f"--only {options.only}: a person runs this; {block.directives['not run']}"
            )
        if not effort.covers(block):
            wanted = [
                f"{n} {block.directives[n]}" for n in ("data", "needs") if n in block.directives
            ]
            parser.error(f"--only {options.only} needs {' and '.join(wanted)}; --data says where")
        pages = [page]
    if options.list:
        print("\n".join(listing(pages, effort)))
        return 0
    wrong = remake(pages, effort)
    print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
