"""All that was measured for a page is made by a command that stands beside it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.block import Effort, blocks, is_output
from tests.docs.reader import ROOT
from tests.docs.remake import PAGES, listing, special

MEASURED = [
    ROOT / "README.md",
    *(
        ROOT / "docs" / f"{name}.md"
        for name in ("beyond-slai", "gpu", "paper", "results", "theory")
    ),
]
"""Pages of results: none of their tables of numbers was typed in."""


def _rows(page: Path) -> list[tuple[int, str]]:
    """First rows of Markdown tables, by line from 0."""
    lines = page.read_text(encoding="utf-8").splitlines()
    return [
        (number, "\n".join(lines[number:]).split("\n\n", 1)[0])
        for number, line in enumerate(lines)
        if line.startswith("|") and not lines[number - 1].startswith("|")
    ]


@pytest.mark.parametrize("page", MEASURED, ids=lambda page: page.stem)
def test_tables_of_numbers_are_made(page: Path) -> None:
    made, before = set(), None
    for block in blocks(page):
        if is_output(page, before, block):
            made.add(block.first)
        before = block
    typed = []
    for first, table in _rows(page):
        cells = [
            cell.strip() for row in table.splitlines()[2:] for cell in row.strip("|").split("|")
        ]
        numbers = [
            cell for cell in cells if re.match(r"[+-]?\d[\d.,]*( s| ms| %| [\[(/]|\*|$)", cell)
        ]
        if len(numbers) >= len(cells) / 2 and first not in made:
            typed.append(table.splitlines()[0])
    assert typed == []


def test_figures_are_made() -> None:
    shown = {
        (page.parent / file).resolve()
        for page in PAGES
        for file in re.findall(r"!\[[^]]*\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
    }
    made = {
        (page.parent / block.directives["figure"].partition(" to ")[2]).resolve()
        for page in PAGES
        for block in blocks(page)
        if "figure" in block.directives
    }
    assert {path for path in shown if path.suffix == ".png"} <= made


def test_no_two_blocks_have_one_name() -> None:
    names = [block.name for page in PAGES for block in special(page)]
    assert sorted(set(names)) == sorted(names)


def test_the_list_says_what_each_takes() -> None:
    lines = {line.split()[0]: line for line in listing(PAGES, Effort())}
    assert "by hand; takes a GPU" in lines["gpu-session"]
    assert "left as it is; " in lines["paper"]
    assert "needs sharegpt4_8k_lengths.csv" in lines["paper"]
    assert "4 tables" in lines["beyond-central"]
    assert "made; 2 tables" in lines["gpu-tables"]


PAGE = """\
<!-- name: first -->
<!-- long: 2 minutes -->
```bash
printf '| a |\\n|---|\\n| 2 |\\n\\n| b |\\n|---|\\n| 3 |\\n'
```

<!-- from: first 2 -->
| b |
|---|
| 1 |

<!-- reads: LICENSE -->
```bash
head -c 0 LICENSE && false
```
"""


def test_only_one_block_is_run_and_its_tables_written(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)

    def read(**more: str) -> str:
        environment = {"PATH": "/usr/bin:/bin", "SLAIBENCH_DOCS_UPDATE": "1", **more}
        folder = tmp_path / str(len(more))
        folder.mkdir()
        done = subprocess.run(
            [sys.executable, "-m", "tests.docs.reader", page, folder, folder / "no-server"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stderr

    assert "status 1" in read()  # the last block fails, where it is run
    assert page.read_text() == PAGE
    assert read(SLAIBENCH_DOCS_LONG="1", SLAIBENCH_DOCS_ONLY="first") == ""
    assert page.read_text() == PAGE.replace("| 1 |", "| 3 |")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--only", "gpu-session"), "a person runs this; takes a GPU"),
        (("--only", "paper"), "needs data sharegpt4_8k_lengths.csv; --data says where"),
        (("--only", "papr"), "none has this name; --list has them"),
        (("docs/nowhere.md",), "no page of the project"),
    ],
)
def test_what_cannot_be_made_is_refused(arguments: tuple[str, ...], words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.docs.remake", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert words in done.stderr
