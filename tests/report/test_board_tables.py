"""The board's tables: halves apart, and nothing invented where there are few rows."""

from __future__ import annotations

from slaibench.catalog.board import board_document
from slaibench.report.board_tables import (
    causes_table,
    combination_tables,
    left_out_lines,
    totals_table,
)


def document():
    values = board_document()
    assert values is not None
    return values


def test_totals_show_three_ways_on_both_halves():
    table = totals_table(document())
    names = {label.rpartition(", ")[2] for label, _ in table.groups}
    assert names == {"fitted", "held-out"}
    assert {row.name for row in table.rows} == {
        *("slaibench", "aiconfigurator", "roofline"),
        "slaibench, same",
    }


def test_halves_have_tables_of_their_own_and_all_rows_are_in_one():
    tables = combination_tables(document())
    assert [table.name for table in tables] == ["held-out", "fitted"]
    rows = sum(int(row.cells[1].text) for table in tables for row in table.rows)
    assert rows == document()["rows"]


def test_a_tail_of_few_rows_is_a_dash():
    for table in combination_tables(document()):
        for row in table.rows:
            few = int(row.cells[1].text) < 10
            assert row.cells[2].text.endswith("-") is few


def test_causes_and_what_was_left_out_are_shown():
    assert len(causes_table(document()).rows) >= 8
    assert any("disaggregated" in line for line in left_out_lines(document()))
