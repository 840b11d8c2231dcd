"""The page of the paper's figures: whole, alone, the same each time."""

from __future__ import annotations

import json
import re
from html import unescape

import pytest

from slaibench.report.files import ReportFiles
from slaibench.reproductions.bari2025.page import PAGE
from slaibench.reproductions.bari2025.page.document import PaperDocument
from slaibench.reproductions.bari2025.page.page import RULES
from slaibench.reproductions.bari2025.verdict import AGREES_WITHIN, CLOSE_WITHIN, WIDEST
from tests.report.forms import problems
from tests.report.test_page import outline
from tests.reproductions.bari2025.small import SmallPaper
from tests.studies.studies import contents

FIGURES_5 = ("7a", "7b", "7c", "8", "9a", "9b", "9c", "10")
PANELS = [
    *("fig-6a-ttft", "fig-6a-batch", "fig-6b", "fig-6c"),
    *(f"fig-{name}-{whose}" for name in FIGURES_5 for whose in ("paper", "strict")),
]


def test_the_page_needs_nothing_but_itself(paper_page: ReportFiles) -> None:
    text = paper_page.html.read_text("utf-8")
    parts = outline(text)
    drawings = parts.drawings
    assert all(link.startswith("data:image/svg+xml,") for link in drawings)
    assert len(drawings) == len(paper_page.pngs)
    assert {link[1:] for link in parts.links if link.startswith("#")} <= set(parts.ids)
    assert len(set(parts.ids)) == len(parts.ids)
    assert len(text) < 2_500_000


def test_the_same_input_gives_the_same_bytes(
    paper_page: ReportFiles, small_paper: SmallPaper
) -> None:
    reports = small_paper.folder / "reports"
    before = contents(reports)
    assert PAGE.write(small_paper.result, reports) == paper_page
    assert contents(reports) == before


def test_the_file_is_named_after_the_system(paper_page: ReportFiles) -> None:
    assert re.fullmatch(r"paper-rtx6000-ada-mistral-7b-[0-9a-f]{8}\.html", paper_page.html.name)


def test_both_conventions_are_drawn_beside_each_other(paper_page: ReportFiles) -> None:
    assert [png.stem for png in paper_page.pngs] == PANELS


def test_every_figure_has_a_caption_that_says_what_is_published(
    small_paper: SmallPaper, paper_doc: PaperDocument
) -> None:
    captions, result = PAGE.captions(paper_doc), small_paper.result
    assert list(captions) == list(PAGE.draw(result, paper_doc)) == list(result.spec.figures)
    assert "Stars: what the paper prints" in captions["7c"].text
    assert "1.6 requests/s is our inference" in captions["7c"].text
    assert "No published values are known" in captions["6b"].text


def test_every_claim_is_on_the_page_with_its_source(
    paper_page: ReportFiles, small_paper: SmallPaper
) -> None:
    text = unescape(paper_page.html.read_text("utf-8"))
    cells = set(re.findall(r"<tr><th>(.*?)</th>", text))
    for claim in small_paper.result.claims:
        assert claim.text in cells, claim.name
        if claim.published is not None:
            assert claim.published.source in text, claim.name


def test_other_lengths_than_the_papers_are_said_at_the_top(paper_page: ReportFiles) -> None:
    top = paper_page.html.read_text("utf-8").partition('<section id="claims">')[0]
    assert "These are not the paper&#39;s lengths" in top


@pytest.mark.parametrize("threshold", [AGREES_WITHIN, CLOSE_WITHIN, WIDEST])
def test_the_rules_name_their_thresholds(threshold: float) -> None:
    assert any(f"{threshold:.0%}" in rule for rule in RULES)


def test_the_document_has_its_form(paper_doc: PaperDocument) -> None:
    assert list(problems(json.loads(json.dumps(paper_doc)), PaperDocument)) == []
