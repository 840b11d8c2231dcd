"""Make every figure, table and output of README.md and docs/ again, and write it where it stands.

usage: python -m tests.docs.remake [--list] [--long] [--data FOLDER] [PAGE ...]

Without ``--long`` what takes minutes is left as it is, and so is, without ``--data``, what needs
files that are not part of the project (``--list`` names them). What was written is to be read
before it is committed: ``git diff``.
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


def describe(block: Block, effort: Effort) -> str:
    """A block that not every reading runs, in a line."""
    needs = [
        f"{name} {block.directives[name]}"
        for name in ("long", "data", "needs", "figure")
        if name in block.directives
    ]
    state = "made" if effort.covers(block) else "left as it is"
    return f"{block.where}: {state}; {', '.join(needs)}: {block.text.splitlines()[0]}"


def special(page: Path) -> list[Block]:
    """Blocks of a page that need more than this project and seconds."""
    return [
        block
        for block in blocks(page)
        if {"long", "data", "needs", "figure"} & block.directives.keys()
    ]


def remake(pages: Sequence[Path], effort: Effort) -> list[str]:
    """Work through pages, one after the other; returns what went wrong, by page."""
    wrong = []
    environment = {
        **os.environ,
        "SLAIBENCH_DOCS_UPDATE": "1",
        "SLAIBENCH_DOCS_LONG": "1" if effort.long else "",
        "SLAIBENCH_DOCS_DATA": "" if effort.data is None else str(effort.data.resolve()),
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
    options = parser.parse_args()
    pages = [page.resolve() for page in options.pages] or PAGES
    if unknown := [str(page) for page in pages if page not in PAGES]:
        parser.error(f"no page of the project: {', '.join(unknown)}")
    effort = Effort(options.long, options.data)
    if options.list:
        print("\n".join(describe(block, effort) for page in pages for block in special(page)))
        return 0
    wrong = remake(pages, effort)
    print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
