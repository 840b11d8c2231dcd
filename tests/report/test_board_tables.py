"""The board's tables: halves apart, and nothing invented where there are few rows."""

from __future__ import annotations

from slaibench.catalog.board import board_document
from slaibench.report.board_tables import (
    causes_table,
    combination_tables,
    left_out_lines,
    own_table,
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


def test_runs_of_our_own_are_a_table_with_their_signs():
    table = own_table(document())
    assert table is not None
    groups = [label for label, _ in table.groups]
    assert any(
        "NVIDIA" not in label and "rtx4090 llama-3.1-8b, vLLM 0.19.0" in label for label in groups
    )
    assert any(
        "h200 mistral-7b, vllm 0.26.0 (cuda), synchronous, compiled" in label for label in groups
    )
    assert all(cell.text[0] in "+-" for row in table.rows for cell in row.cells[1:4])
    without = {key: value for key, value in document().items() if key != "own"}
    assert own_table(without) is None  # type: ignore[arg-type]


def test_causes_and_what_was_left_out_are_shown():
    assert len(causes_table(document()).rows) >= 8
    assert any("disaggregated" in line for line in left_out_lines(document()))
