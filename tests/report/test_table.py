"""A table's values say what it holds, whoever shows it."""

from __future__ import annotations

import pytest

from slaibench.report.table import RATE, Cell, Heading, Row, Table, grid, state_of


@pytest.mark.parametrize(
    ("is_invalid", "is_saturated", "state"),
    [
        (False, False, ""),
        (False, True, "saturated"),
        (True, False, "invalid"),
        (True, True, "invalid"),
    ],
)
def test_a_point_that_is_invalid_stands_for_nothing_whatever_its_load(
    is_invalid: bool, is_saturated: bool, state: str
) -> None:
    assert state_of(is_invalid=is_invalid, is_saturated=is_saturated) == state


def test_a_grids_rows_are_not_grouped_and_its_columns_are_numbers_unless_said() -> None:
    rows = [("a", [Cell("1"), Cell("x")]), Row("b", (Cell("2"), Cell("y")), mark="strong")]
    table = grid("name", "Title", "note", ("n", "what"), rows, text={1})
    assert table.by is None
    assert table.columns == (Heading("n"), Heading("what", is_text=True))
    assert [row.name for row in table.rows] == ["a", "b"]
    assert table.rows[1].mark == "strong"


def test_points_are_grouped_by_rate() -> None:
    groups = (("5", (Row("slai", ()), Row("rad", ()))), ("6", (Row("slai", ()),)))
    table = Table("t", "", "", (), groups)
    assert table.by == RATE
    assert [row.name for row in table.rows] == ["slai", "rad", "slai"]


def test_a_cells_lines_are_its_number_and_its_small_print() -> None:
    assert Cell("1", ("0.9 to 1.1", "n 30")).lines == "1\n0.9 to 1.1\nn 30"
