"""The page of closed loops: numbers by clients, what they cannot tell, and the audit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from slaibench.report.files import ReportFiles
from slaibench.report.pages.closed_loop.document import ClosedDocument
from slaibench.report.pages.closed_loop.findings import RULE, headline, page_tables
from slaibench.report.pages.closed_loop.page import PAGE
from slaibench.studies.closed_result import CANNOT_TELL, ClosedForm, ClosedResult
from tests.report.forms import problems
from tests.report.test_page import outline


def test_the_page_needs_nothing_but_itself(closed_page: ReportFiles) -> None:
    parts = outline(closed_page.html.read_text("utf-8"))
    assert all(link.startswith("data:image/svg+xml,") for link in parts.drawings)
    assert len(parts.drawings) == len(closed_page.pngs) == 6
    assert {link[1:] for link in parts.links if link.startswith("#")} <= set(parts.ids)
    assert len(set(parts.ids)) == len(parts.ids)


def test_the_document_and_the_result_have_their_forms(
    closed_doc: ClosedDocument, closed_loops: ClosedResult
) -> None:
    assert list(problems(json.loads(json.dumps(closed_doc)), ClosedDocument)) == []
    document = json.loads(json.dumps(closed_loops.to_json(), allow_nan=False))
    assert list(problems(document, ClosedForm)) == []


def test_the_top_says_what_this_cannot_tell_and_what_is_left_out(
    closed_doc: ClosedDocument,
) -> None:
    top = headline(closed_doc)
    assert top.title.startswith("Output tokens a second with 12 clients: sarathi ")
    text = " ".join(top.findings)
    assert "From sarathi to slai with 12 clients: median TTFT " in text
    assert CANNOT_TELL[1:] in text
    assert RULE in text


def test_no_rate_and_no_verdict_stands_on_the_page(closed_page: ReportFiles) -> None:
    text = closed_page.html.read_text("utf-8")
    shown = text[: text.index('id="slaibench-numbers"')]
    for word in ("saturated", "steady", "offered load", ">inf<", "nan"):
        assert word not in shown.partition("<main")[2].replace(CANNOT_TELL, ""), word
    assert "12 clients</td>" in shown  # of a recording


def test_tables_are_by_clients(closed_doc: ClosedDocument) -> None:
    tables = page_tables(closed_doc)
    assert {"table-served", "table-changes", "table-ttft", "audit"} <= {t.name for t in tables}
    for table in tables:
        assert table.by is not None
        assert table.by.title == "clients"
        assert [label for label, _ in table.groups] == ["4", "12"]
        assert all(len(row.cells) == len(table.columns) for row in table.rows)
    audit = tables[-1]
    assert {row.cells[-1].text for row in audit.rows} == {"clients kept up"}
    assert {row.cells[0].text for row in audit.rows} == {"100.0\N{NO-BREAK SPACE}%"}


def test_an_invalid_run_says_why_and_has_no_mark(
    closed_loops: ClosedResult, site_of_loops: Path
) -> None:
    *points, last = closed_loops.points
    bad = replace(last, measured=replace(last.measured, invalid=1, invalid_reason="too light"))
    result = replace(closed_loops, points=(*points, bad))
    doc = PAGE.document(result, site_of_loops / "reports")
    row = page_tables(doc)[-1].rows[-1]
    assert (row.state, row.cells[-1].text) == ("invalid", "too light")
    assert "slai" not in headline(doc).title


def test_a_sweep_has_no_changes(closed_loops: ClosedResult, site_of_loops: Path) -> None:
    alone = replace(closed_loops, compares=False, changes=())
    doc = PAGE.document(alone, site_of_loops / "reports")
    assert (doc["reference"], doc["changes"]) == (None, {})
    assert "table-changes" not in {table.name for table in page_tables(doc)}
    assert PAGE.stem(doc) != PAGE.stem(PAGE.document(closed_loops, site_of_loops / "reports"))
    command = PAGE.command(doc, Path("results"))
    assert command.startswith("slaibench sweep --scheduler sarathi --scheduler slai --concurrency ")
