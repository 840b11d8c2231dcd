"""The page of a search on a server: the answer, and its runs in their order."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from slaibench.report.files import ReportFiles
from slaibench.report.pages.server.document import ServerDocument
from slaibench.report.pages.server.findings import headline, levels_table
from slaibench.report.pages.server.page import PAGE
from slaibench.studies.paced_result import Ended, PacedResult
from tests.report.forms import problems
from tests.report.test_page import outline


def test_the_page_needs_nothing_but_itself(server_page: ReportFiles) -> None:
    parts = outline(server_page.html.read_text("utf-8"))
    assert all(link.startswith("data:image/svg+xml,") for link in parts.drawings)
    assert len(parts.drawings) == len(server_page.pngs) == 5
    assert {link[1:] for link in parts.links if link.startswith("#")} <= set(parts.ids)
    assert len(set(parts.ids)) == len(parts.ids)


def test_the_document_has_its_form(server_doc: ServerDocument) -> None:
    assert list(problems(json.loads(json.dumps(server_doc)), ServerDocument)) == []


def test_runs_stand_in_the_order_in_which_they_were_made(
    server_doc: ServerDocument, paced_search: PacedResult
) -> None:
    assert [(level["rate_rps"], level["seed"]) for level in server_doc["levels"]] == [
        (cell.cell.rate_rps, cell.cell.seed) for cell in paced_search.cells
    ]
    rates = [level["rate_rps"] for level in server_doc["levels"]]
    assert rates != sorted(rates)
    long = [level["is_long"] for level in server_doc["levels"]]
    assert long == sorted(long)  # the short ones come first
    assert sum(long) == len(paced_search.long) > 0


def test_what_the_guard_ended_is_said(paced_search: PacedResult, site_of_server: Path) -> None:
    *rest, last = paced_search.cells
    event = "requests queue up, stopped at 3 s"
    stopped = replace(last, summary=replace(last.summary, stopped_early=event))
    result = replace(paced_search, cells=(*rest, stopped))
    doc = PAGE.document(result, site_of_server / "reports")
    assert [level["stopped"] for level in doc["levels"]] == [None] * len(rest) + [event]
    assert not doc["levels"][-1]["held"]
    said = [row.cells[5].text for row in levels_table(doc).rows]
    assert said == ["\N{EN DASH}"] * len(rest) + [event]


def test_the_top_says_the_answer_and_what_ended_the_search(
    server_doc: ServerDocument, paced_search: PacedResult
) -> None:
    top = headline(server_doc)
    assert "requests/s within the latency targets" in top.title
    text = " ".join(top.findings)
    assert f"The search ended: {paced_search.why}" in text
    assert "Cannot tell ttft_p99<5" in text


def test_a_server_that_failed_at_once_has_a_page(
    paced_search: PacedResult, site_of_server: Path
) -> None:
    capacity = replace(paced_search.capacity, rate_rps=None, ci95=None, binding=None)
    failed = replace(paced_search, capacity=capacity, ended=Ended.FAILURES, why="requests failed")
    doc = PAGE.document(failed, site_of_server / "reports")
    assert headline(doc).title == "No rate is known to keep the latency targets"
    assert PAGE.panels(failed, doc)["course"]
    assert PAGE.render(doc, {})


def test_a_result_shows_itself(paced_search: PacedResult) -> None:
    assert repr(paced_search).startswith("<PacedResult: ")
    import slaibench.api  # noqa: F401, PLC0415  (registers how results are shown)

    assert 'id="levels"' in (paced_search._repr_html_() or "")
    frame = paced_search.frame()
    assert frame["rate_rps"][0] == paced_search.capacity.rate_rps
    assert frame["minutes"][0] == 2.0
