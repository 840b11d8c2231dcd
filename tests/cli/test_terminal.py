"""Tables of values look on a terminal as people read them."""

from __future__ import annotations

import io
import re
from typing import Literal

from rich.console import Console, Group

from slaibench.cli.terminal import metric_title, shown
from slaibench.report.table import BAD, STRONG, Cell, Heading, Row, Table, grid


def text(table: Table, *, styled: bool = False) -> str:
    system: Literal["standard"] | None = "standard" if styled else None
    console = Console(width=80, file=io.StringIO(), force_terminal=styled, color_system=system)
    console.print(Group(*shown(table)))
    printed = console.file
    assert isinstance(printed, io.StringIO)
    return printed.getvalue()


def lines(table: Table) -> list[str]:
    return [line.rstrip() for line in text(table).splitlines()]


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
