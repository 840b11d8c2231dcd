"""Every quantity of every row is in the tables, with its change, interval and verdict."""

from __future__ import annotations

import copy

from slaibench.measure.catalogue import METRICS
from slaibench.report.pages.crosscheck.document import CrosscheckDocument
from slaibench.report.pages.crosscheck.tables import (
    conclusion_grid,
    fact_grids,
    quantity_tables,
    verdict_table,
    warnings,
)
from slaibench.report.table import Heading


def test_every_quantity_has_a_table_with_every_row(numbers: CrosscheckDocument) -> None:
    tables = quantity_tables(numbers)
    assert [table.title for table in tables] == [
        *("Median TTFT", "P99 TTFT", "P99 TBT, tier paying", "P99 TBT, tier free", "Batches"),
        *("Output tokens a second", "Preemptions", "KV blocks in use, mean"),
    ]
    for table in tables:
        rows = [(rate, row.name) for rate, group in table.groups for row in group]
        assert rows == [(rate, name) for rate in ("2", "15") for name in ("sarathi", "slai")]
        assert all(len(row.cells) == len(table.columns) for _, g in table.groups for row in g)
    judged = [table for table in tables if Heading("verdict", is_text=True) in table.columns]
    tolerances = [m for m in METRICS.values() if m.tolerance is not None]
    assert len(judged) == len(tolerances) + 1  # the P99 of TBT is one for each of two tiers
    assert all("±" in table.note for table in judged)


def test_a_row_has_both_values_the_change_and_the_verdict(numbers: CrosscheckDocument) -> None:
    (median, *_) = quantity_tables(numbers)
    assert [heading.title for heading in median.columns] == [
        *("sim", "twin", "change", "verdict"),
        *("sim", "small", "change", "verdict"),
    ]
    row = dict(median.groups)["15"][0].cells
    assert (row[2].text, row[3].text) == ("same", "identical")
    match = next(
        m
        for m in numbers["matches"]
        if (m["other"], m["scheduler"]) == ("small", "sarathi") and m["rate_rps"] == 15
    )
    quantity = match["quantities"]["ttft_p50_s"]
    assert float(row[5].text.replace(",", "")) == round(quantity["other"], 4)
    assert row[7].text == ("beyond" if quantity["within"] is False else "within")
    assert row[6].mark == row[7].mark == "strong"
    assert row[6].under  # the interval over two seeds


def test_the_verdicts_name_what_differs_and_their_n(numbers: CrosscheckDocument) -> None:
    table = verdict_table(numbers)
    calm, busy = (dict(table.groups)[rate][0].cells for rate in ("2", "15"))
    assert calm[0].text == busy[0].text == "identical"
    assert busy[1].text == "beyond"
    assert busy[1].under[0].startswith("median TTFT ")
    n = next(m["n"] for m in numbers["matches"] if m["other"] == "twin")
    assert calm[0].under[-1] == f"n = {n:,} requests"


def test_a_state_of_some_backends_says_of_which(numbers: CrosscheckDocument) -> None:
    changed = copy.deepcopy(numbers)
    for study in changed["studies"].values():
        for points in study["points"].values():
            for point in points.values():
                point.update(saturated=False)
    changed["studies"]["small"]["points"]["slai"]["15"].update(saturated=True)
    changed["studies"]["twin"]["points"]["slai"]["2"].update(invalid=1)
    groups = dict(verdict_table(changed).groups)
    assert (groups["15"][1].state, groups["15"][1].where) == ("saturated", "small")
    assert (groups["2"][1].state, groups["2"][1].where) == ("invalid", "twin")
    assert (groups["2"][0].state, groups["2"][0].where) == ("", "")


def test_answers_stand_side_by_side(numbers: CrosscheckDocument) -> None:
    grid = conclusion_grid(numbers)
    assert [heading.title for heading in grid.columns] == ["sim", "twin", "small", "compared"]
    assert all(len(row.cells) == 4 for row in grid.rows)
    assert [row.name for row in grid.rows][:3] == [
        "capacity of sarathi, requests/s",
        "capacity of slai, requests/s",
        "capacity of slai over that of sarathi",
    ]
    for sim, twin, _, _ in (row.cells for row in grid.rows):
        assert sim == twin


def test_what_all_backends_have_in_common_stands_once(numbers: CrosscheckDocument) -> None:
    facts = {row.name: row.cells for row in fact_grids(numbers)[0].rows}
    assert [cell.text for cell in facts["backend"]] == ["sim", "twin", "small"]
    (model,) = facts["model"]
    assert (model.text, model.span) == ("mistral-7b", 3)


def test_a_warning_is_told_once_with_its_backends(numbers: CrosscheckDocument) -> None:
    changed = copy.deepcopy(numbers)
    for name in ("sim", "twin"):
        changed["studies"][name]["warnings"] = ["outside the regime (slai)"]
    changed["studies"]["small"]["warnings"] = []
    assert warnings(changed) == ["sim, twin: outside the regime (slai)"]
