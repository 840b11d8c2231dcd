"""The pages of docs/ do what they say: every command and snippet runs, every output shown is real.

``tests/docs/reader.py`` says how a page is read. With ``SLAIBENCH_DOCS_UPDATE=1``, outputs that
differ are written into the pages, to be read before they are committed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from slaibench.backends.sglang.flags import FLAGS as SGLANG_FLAGS
from slaibench.backends.vllm.flags import FLAGS as VLLM_FLAGS
from tests.docs.block import Effort, blocks, is_output
from tests.docs.reader import ROOT, renewed, shows
from tests.docs.remake import PAGES as READ
from tests.docs.remake import running_server

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
READS = "test_page_does_what_it_says"
TEXTS = [*PAGES, ROOT / "README.md", ROOT / "CHANGELOG.md"]
"""All that is for reading; the changelog is not run."""
WIDTH = 100

Readings = dict[Path, "Future[subprocess.CompletedProcess[str]]"]


@pytest.fixture(scope="module")
def server() -> Iterator[Path]:
    """Where the process listens that runs ``slaibench`` for all pages."""
    with running_server() as address:
        yield address


@pytest.fixture(scope="module")
def readings(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, server: Path
) -> Readings:
    """All pages that are asked for, read side by side, one a core; the longest first."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
    free: Queue[int] = Queue()
    for core in cores:
        free.put(core)

    def read(page: Path, folder: Path) -> subprocess.CompletedProcess[str]:
        core = free.get()
        try:
            return subprocess.run(
                [sys.executable, "-m", "tests.docs.reader", page, folder, server, str(core)],
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            free.put(core)

    pages = [
        page
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.originalname == READS
        if isinstance(page := item.callspec.params["page"], Path)
    ]
    pool = ThreadPoolExecutor(len(cores))
    readings = {
        page: pool.submit(read, page, tmp_path_factory.mktemp(page.stem))
        for page in sorted(pages, key=lambda page: -page.read_text().count("```bash"))
    }
    pool.shutdown(wait=False)
    return readings


@pytest.mark.parametrize("page", READ, ids=lambda page: page.stem)
def test_page_does_what_it_says(page: Path, readings: Readings) -> None:
    done = readings[page].result()
    assert done.returncode == 0, done.stderr


def _prose(page: Path) -> Iterator[str]:
    """A page's lines outside its blocks."""
    inside = False
    for line in page.read_text(encoding="utf-8").splitlines():
        fence = line.startswith("```")
        inside ^= fence
        if not inside and not fence:
            yield line


def _anchors(page: Path) -> set[str]:
    """What GitHub calls the headings of a page."""
    headings = (line.lstrip("#").strip() for line in _prose(page) if line.startswith("#"))
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", "\n".join(_prose(page))):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        path = page if not file else (page.parent / file).resolve()
        assert path.exists(), f"{page.name} links to {target}, which is not there"
        assert not anchor or anchor in _anchors(path), f"{page.name}: no heading for {target}"


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_lines_of_prose_fit_an_editor_and_a_diff(page: Path) -> None:
    """Tables, indented code, and links that stand alone are as long as they are."""
    prose = (line for line in _prose(page) if not re.match(r"\s*\||    |\S*\]\(\S*$", line))
    assert [line for line in prose if len(line) > WIDTH] == []


def test_the_front_page_is_read_in_two_screens() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 120
    assert [line for line in lines if len(line) > WIDTH] == []


def test_index_leads_to_every_page() -> None:
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    missing = [page.name for page in PAGES if f"({page.name})" not in index]
    assert missing == ["README.md"]


def test_options_and_commands_in_the_text_exist() -> None:
    """A renamed option fails in a block by itself; in a sentence only this notices."""
    from typer import Context  # noqa: PLC0415
    from typer.main import get_command  # noqa: PLC0415

    from slaibench.cli.app import app  # noqa: PLC0415

    group: Any = get_command(app)
    context = Context(group)
    commands = {name: group.get_command(context, name) for name in group.list_commands(context)}
    options = {"--help", "--version"}
    for command in commands.values():
        for parameter in command.params:
            options |= {*parameter.opts, *parameter.secondary_opts}
    options |= {f"--{flag.name}" for flag in (*VLLM_FLAGS, *SGLANG_FLAGS)}
    for page in PAGES:
        code = " ".join(re.findall(r"`([^`]+)`", "\n".join(_prose(page))))
        assert set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", code)) <= options, page.name
        assert set(re.findall(r"slaibench ([a-z]+)", code)) <= set(commands), page.name


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("a\nb", "a  \nb\n\n", True),
        ("a\nb", "a\nc", False),
        ("a ... c", "a b c", True),
        ("a\n...\nd", "a\nb\nc\nd", True),
        ("a\n...\nd", "a\nd", True),
        ("a\n...", "b\na", False),
        ("a.c", "abc", False),
    ],
)
def test_ellipsis_stands_for_text_or_lines_and_nothing_else(
    shown: str, printed: str, same: bool
) -> None:
    assert shows(shown, printed) is same


def test_an_update_keeps_what_a_page_leaves_open() -> None:
    assert renewed("a 1\nin ... s", "a 2\nin 7 s") == "a 2\nin ... s"


def test_options_of_the_pytest_that_reads_a_page_are_not_those_of_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```bash\nenv | grep -c ^PYTEST_ || true\n```\n```text\n0\n```\n")
    done = subprocess.run(
        [sys.executable, "-m", "tests.docs.reader", page, tmp_path, tmp_path / "no-server"],
        cwd=ROOT,
        env={**os.environ, "PYTEST_ADDOPTS": "-vv"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


MADE = """\
<!-- data: lengths.csv -->
<!-- made by: printf '| a |\\n|---|\\n| 2 |\\n' -->

| a |
|---|
| 1 |

More.

<!-- long: 2 minutes -->
```bash
false
```
"""


def test_a_table_that_a_command_makes_is_an_output(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(MADE)
    command, table, long = blocks(page)
    assert (command.language, table.text) == ("bash", "| a |\n|---|\n| 1 |")
    assert is_output(page, command, table)
    assert not Effort().covers(command)
    assert not Effort().covers(long)
    assert Effort(long=True).covers(long)
    (tmp_path / "lengths.csv").touch()
    assert Effort(data=tmp_path).covers(command)
