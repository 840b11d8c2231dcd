"""Tables of values look on a terminal as people read them."""

from __future__ import annotations

import io
import re
from typing import Literal

import pytest
from rich.console import Console, Group

from slaibench.cli.console import PlainConsole
from slaibench.cli.terminal import listed, metric_title, shown
from slaibench.report.table import BAD, STRONG, Cell, Heading, Row, Table, grid

COLUMNS = (
    Heading("before"),
    Heading("after"),
    Heading("change"),
    Heading("90 % interval", is_text=True),
    Heading("verdict", is_text=True, folds=True),
)


def verdict(metric: str, said: str) -> Row:
    """A row of what ``regress`` prints."""
    numbers = ("0.4532", "0.5532", "+22.1 %", "[+12.0 %, +31.5 %]")
    detail = "beyond the margin of 5 %" if said == "worse" else ""
    return Row(metric, (*map(Cell, numbers), Cell(said, detail=detail)))


def text(table: Table, *, styled: bool = False) -> str:
    system: Literal["standard"] | None = "standard" if styled else None
    console = Console(width=80, file=io.StringIO(), force_terminal=styled, color_system=system)
    console.print(Group(*shown(table)))
    printed = console.file
    assert isinstance(printed, io.StringIO)
    return printed.getvalue()


def lines(table: Table) -> list[str]:
    return [line.rstrip() for line in text(table).splitlines()]


WIDTHS = (60, 80, 100, 200)
LONG = "path/to/a/folder/with/a/long/name/scheduler.py:Scheduler:option=value"
WIDE = grid(
    "wide",
    "Wide",
    "",
    [
        Heading("TTFT\nP50"),
        Heading("95 % interval", is_text=True),
        *(Heading(f"metric {place}", "requests/s") for place in range(8)),
        Heading("why", is_text=True, folds=True),
    ],
    [
        (
            name,
            [
                Cell(f"{seed}.125"),
                Cell(f"[+1{seed}.0 %, +31.5 %]"),
                *(Cell(f"1{seed},234.5{place}") for place in range(8)),
                Cell("worse", mark=BAD, detail=f"beyond the margin of 5 % in {seed} of 9 seeds"),
            ],
        )
        for seed, name in enumerate(("sarathi", LONG))
    ],
    head=Heading("scheduler", is_text=True),
)
VERDICTS = Table(
    "verdicts",
    "",
    "",
    COLUMNS,
    (
        ("5", (verdict("TTFT P50", "worse"), verdict("TBT P99 paying", "no difference shown"))),
        ("10", (verdict("output tokens per second", "cannot tell"),)),
    ),
    by=Heading("req/s"),
    head=Heading("metric", is_text=True),
)


def printed_at(table: Table, width: int | None, *, env: dict[str, str]) -> str:
    """As a command prints it into a pipe."""
    console = PlainConsole(file=io.StringIO(), width=width, _environ=env)
    console.print(Group(*shown(table)))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("table", [WIDE, VERDICTS], ids=["wide", "verdicts"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("env", [{}, {"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_nothing_is_cut_at_any_width(table: Table, width: int, env: dict[str, str]) -> None:
    printed = printed_at(table, width, env=env)
    assert max(map(len, printed.splitlines())) <= width
    assert "…" not in printed
    assert "..." not in printed
    # Numbers and intervals stand whole in a line; texts stand in order, if on several.
    together = re.sub(r"\s", "", printed)
    for row in table.rows:
        for heading, cell in zip(table.columns, row.cells, strict=True):
            if heading.folds:
                assert all(word in together for word in cell.text.split())
                assert all(word in together for word in cell.detail.split())
            else:
                assert cell.text in printed
    for heading in (table.head, *table.columns):
        assert all(word in printed for word in heading.title.split())


@pytest.mark.parametrize("width", WIDTHS)
def test_a_verdict_is_never_broken(width: int) -> None:
    printed = printed_at(VERDICTS, width, env={})
    assert re.search(r"\bworse\b", printed)
    assert re.search(r"\bcannot tell\b", printed)


def test_rows_are_named_again_where_columns_stand_below_others() -> None:
    narrow, wide = (printed_at(VERDICTS, width, env={}) for width in (60, 200))
    assert wide.count("TTFT P50") == wide.count("metric") == 1
    assert narrow.count("TTFT P50") == narrow.count("metric") > 1


def test_a_pipe_has_80_columns_unless_the_environment_says_otherwise() -> None:
    for env, width in (({}, 80), ({"COLUMNS": "60"}, 60), ({"TERM": "dumb"}, 80)):
        lines = printed_at(WIDE, None, env=env).splitlines()
        assert width - 30 < max(map(len, lines)) <= width


def test_a_list_names_things_and_says_what_they_are() -> None:
    console = Console(width=60, file=io.StringIO())
    console.print(listed("Things", (Heading("n"), "what"), [("a", "1", "one [b]thing[/]")]))
    assert isinstance(console.file, io.StringIO)
    printed = console.file.getvalue()
    assert printed.splitlines()[1:3] == ["Things", "name  n  what           "]
    assert "one [b]thing[/]" in printed


def test_headings_stand_at_the_bottom_and_numbers_at_the_right() -> None:
    columns = (Heading("TTFT\nP50"), Heading("what", is_text=True))
    table = grid(
        "t", "slai", "", columns, [("12", [Cell("0.5"), Cell("x")])], head=Heading("req/s")
    )
    assert lines(table)[:4] == ["", "slai", "       TTFT", "req/s   P50  what"]
    assert lines(table)[-1] == "   12   0.5  x"


def test_a_group_names_what_its_rows_have_in_common_once() -> None:
    rows = (Row("slai", (Cell("1"),)), Row("rad", (Cell("2"),)))
    table = Table("t", "", "", (Heading("n"),), (("5", rows), ("6", rows)))
    names = [line.split()[0] for line in lines(table) if line.split()[-1:] in (["1"], ["2"])]
    assert names == ["5", "rad", "6", "rad"]


def test_what_is_no_operating_point_is_dimmed_and_what_matters_is_bold() -> None:
    rows = [Row("5", (Cell("calm"),)), Row("6", (Cell("busy"),), "saturated")]
    rows.append(Row("7", (Cell("wrong", mark=STRONG),)))
    printed = text(grid("t", "", "", ("n",), rows), styled=True).splitlines()
    calm, busy, wrong = (
        next(line for line in printed if w in line) for w in ("calm", "busy", "wrong")
    )
    assert "\x1b[" not in calm
    assert "\x1b[2m" in busy
    assert "\x1b[1m" in wrong


def test_a_verdict_s_detail_is_on_its_line_and_dimmed() -> None:
    row = Row("TTFT P50", (Cell("worse", mark=BAD, detail="by far"),))
    assert lines(grid("t", "", "", ("verdict",), [row]))[-1].endswith("worse: by far")
    printed = text(grid("t", "", "", ("verdict",), [row]), styled=True)
    assert re.search(r"\x1b\[[\d;]*2[\d;]*m: by far", printed)


def test_names_from_outside_are_text() -> None:
    table = grid("t", "[bold]x", "", ("[red]n",), [("[dim]a", [Cell("[b]1")])])
    printed = text(table)
    assert all(name in printed for name in ("[bold]x", "[red]n", "[dim]a", "[b]1"))


def test_a_metrics_title_has_two_lines() -> None:
    assert metric_title("ttft_p50_s") == "TTFT\nP50"
    assert metric_title("tbt_p99_s@paying") == "TBT P99\npaying"
    assert metric_title("output_tokens_per_s") == "out\ntok/s"
