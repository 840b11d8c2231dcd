"""Every point is in the tables, with its n, and with a reason where there is no number."""

from __future__ import annotations

import copy
import re

import pytest

from slaibench.report.audit_table import audit_table
from slaibench.report.study_document import StudyDocument
from slaibench.report.table import Row, Table
from slaibench.report.tables import tables


def rows(table: Table) -> dict[tuple[str, str], Row]:
    return {(rate, row.name): row for rate, group in table.groups for row in group}


def column(table: Table, title: str) -> int:
    return [heading.title for heading in table.columns].index(title)


def named(doc: StudyDocument, name: str) -> Table:
    return next(table for table in tables(doc) if table.name == name)


def test_every_table_has_every_point_by_rate_then_scheduler(doc: StudyDocument) -> None:
    for table in tables(doc):
        assert list(rows(table)) == [
            (rate, name) for rate in ("8", "16", "30") for name in ("sarathi", "slai")
        ]
        assert all(len(row.cells) == len(table.columns) for row in rows(table).values())


def test_saturated_points_are_marked_and_say_why(doc: StudyDocument) -> None:
    table = named(doc, "table-saturation")
    for (rate, _), row in rows(table).items():
        assert row.state == ("saturated" if rate == "30" else "")
        assert row.cells[0].text == ("saturated" if rate == "30" else "steady")
        assert row.cells[0].under == ()  # the replicates agree, and none was stopped early
        grows = "grows" if rate == "30" else "does not grow"
        assert re.match(f"(requests without|age of the oldest).* {grows}", row.cells[-1].text)


def test_runs_that_cannot_tell_are_not_called_steady(doc: StudyDocument) -> None:
    changed = copy.deepcopy(doc)
    changed["points"]["slai"]["8"] |= {
        "undecided": True,
        "runs": {"steady": 1, "growing": 0, "cannot tell": 1},
    }
    cell = rows(named(changed, "table-saturation"))["8", "slai"].cells[0]
    assert cell.text == "cannot tell"
    assert cell.under == ("1 of 2 runs steady", "1 of 2 runs cannot tell")


def test_replicates_that_disagree_are_counted(doc: StudyDocument) -> None:
    """One growing run of three is a false alarm or a rate at the limit: no mark, and no secret."""
    changed = copy.deepcopy(doc)
    runs = {"steady": 2, "growing": 1, "cannot tell": 0}
    changed["points"]["slai"]["8"] |= {"seeds": 3, "runs": runs}
    row = rows(named(changed, "table-saturation"))["8", "slai"]
    assert row.state == ""
    assert row.cells[0].text == "steady"
    assert row.cells[0].under == ("2 of 3 runs steady", "1 of 3 runs growing")


def test_a_percentile_without_enough_samples_says_so_beside_its_n(doc: StudyDocument) -> None:
    table = named(doc, "table-ttft")
    row = rows(table)["16", "slai"]
    assert row.cells[column(table, "P99")].text == "n too small"
    n = doc["points"]["slai"]["16"]["ttft_s"]["p99"]["n"]
    assert row.cells[column(table, "n")].text == f"{n:,}"


def test_a_percentile_beyond_the_run_says_so(doc: StudyDocument) -> None:
    changed = copy.deepcopy(doc)
    changed["points"]["slai"]["30"]["ttft_s"]["p50"] |= {
        "value": None,
        "low": None,
        "high": None,
        "beyond": True,
    }
    table = named(changed, "table-ttft")
    cell = rows(table)["30", "slai"].cells[column(table, "P50")]
    assert (cell.text, cell.under) == ("≥ run", ())


def test_a_column_has_the_same_decimals_throughout(doc: StudyDocument) -> None:
    table = named(doc, "table-ttft")
    at = column(table, "P50")
    texts = [row.cells[at].text for row in rows(table).values()]
    assert {len(text.partition(".")[2]) for text in texts} == {3}
    point = doc["points"]["sarathi"]["8"]["ttft_s"]["p50"]
    cell = rows(table)["8", "sarathi"].cells[at]
    assert float(cell.text) == pytest.approx(point["value"], abs=5e-4)
    assert cell.under == (f"{point['low']:.3f} to {point['high']:.3f}",)


def test_a_tier_that_was_not_seen_at_a_rate_is_a_dash(doc: StudyDocument) -> None:
    changed = copy.deepcopy(doc)
    del changed["points"]["slai"]["8"]["tiers"]["paying"]
    table = named(changed, "table-tbt")
    row = rows(table)["8", "slai"]
    assert row.cells[column(table, "paying: n")].text == "–"
    assert row.cells[column(table, "paying: TBT P99")].text == "–"
    assert row.cells[column(table, "free: TBT P99")].text != "–"


def test_a_share_s_interval_ends_at_100_percent(doc: StudyDocument) -> None:
    changed = copy.deepcopy(doc)
    changed["points"]["slai"]["8"]["tiers"]["free"]["tokens_on_time"] |= {
        "value": 0.999,
        "low": 0.997,
        "high": 1.001,
    }
    table = named(changed, "table-deadlines")
    cell = rows(table)["8", "slai"].cells[column(table, "free: tokens within gap")]
    assert cell.under[0] == "99.70\u00a0% to 100.00\u00a0%"


def test_the_audit_shows_each_run_of_the_focus_rate_and_all_that_failed(doc: StudyDocument) -> None:
    audit = audit_table(doc)
    assert [(rate, len(group)) for rate, group in audit.groups] == [("16", 4)]
    changed = copy.deepcopy(doc)
    failed = {**doc["audit"]["focus"][0], "rate_rps": 30.0, "valid": False, "reason": "late"}
    changed["audit"]["failing"] = [failed, doc["audit"]["focus"][0]]
    audit = audit_table(changed)
    assert [(rate, len(group)) for rate, group in audit.groups] == [("16", 4), ("30", 1)]
    assert audit.groups[1][1][0].cells[-1].text == "invalid: late"


def test_every_point_says_how_it_stands_by_the_targets(doc: StudyDocument) -> None:
    table = named(doc, "table-ttft")
    place = column(table, "targets")
    for (rate, scheduler), row in rows(table).items():
        verdict = doc["points"][scheduler][rate]["verdict"]
        cell = row.cells[place]
        assert cell.text == verdict["state"]
        assert bool(cell.under) == (verdict["state"] != "met")
    flooded = rows(table)["30", "sarathi"].cells[place]
    assert flooded.text == "not met"
    assert "it is saturated" in flooded.under[0]


def test_a_page_of_old_says_nothing_of_targets(doc: StudyDocument) -> None:
    old = copy.deepcopy(doc)
    for at in old["points"].values():
        for point in at.values():
            del point["verdict"]
    table = named(old, "table-ttft")
    assert "targets" not in [heading.title for heading in table.columns]
    assert "Targets" not in table.note
