"""The page of capacity bounds: whole, alone, the same each time, and it says what was found."""

from __future__ import annotations

import copy
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

from slaibench.cli.app import STUDIES
from slaibench.cli.study_keys import keys_of
from slaibench.cli.study_run import command_line
from slaibench.report.files import ReportFiles
from slaibench.report.pages.bound import PAGE
from slaibench.report.pages.bound.document import BoundDocument
from slaibench.report.pages.bound.findings import headline
from slaibench.report.pages.bound.tables import answer_grids, point_grids
from slaibench.spec.study_file import parse
from slaibench.spec.study_layout import StudyKind
from slaibench.studies.bound.result import BoundResult
from tests.report.forms import problems
from tests.report.test_page import outline
from tests.studies.studies import contents


def test_the_page_needs_nothing_but_itself(page: ReportFiles) -> None:
    text = page.html.read_text("utf-8")
    parts = outline(text)
    drawings = parts.drawings
    assert all(link.startswith("data:image/svg+xml,") for link in drawings)
    assert len(drawings) == len(page.pngs)
    assert {link[1:] for link in parts.links if link.startswith("#")} <= set(parts.ids)
    assert len(set(parts.ids)) == len(parts.ids)


def test_the_same_input_gives_the_same_bytes(
    page: ReportFiles, result: BoundResult, top: Path
) -> None:
    before = contents(top / "reports")
    assert PAGE.write(result, top / "reports") == page
    assert contents(top / "reports") == before


def test_files_are_named_after_what_they_show(page: ReportFiles) -> None:
    assert re.fullmatch(r"bound-rtx6000-ada-mistral-7b-[0-9a-f]{8}\.html", page.html.name)
    assert [png.stem for png in page.pngs] == [
        *("throughput", "map-sarathi", "map-rad", "rad-0ms", "rad-1ms", "budgets"),
    ]


def test_every_drawing_has_a_caption(result: BoundResult, numbers: BoundDocument) -> None:
    drawn = PAGE.draw(result, numbers)
    assert list(drawn) == list(PAGE.captions(numbers))
    for panel in (panel for panels in drawn.values() for panel in panels):
        assert ET.fromstring(panel.svg).tag.endswith("svg")


def test_the_title_is_the_bound_and_what_binds(numbers: BoundDocument) -> None:
    top = headline(numbers)
    assert re.fullmatch(
        r"No scheduler serves more than [\d.]+ requests/s; compute binds", top.title
    )
    text = " ".join(top.findings)
    assert re.search(r"schedulers reach of it: sarathi [\d.]+\s% and rad [\d.]+\s%\.", text)
    assert re.search(r"RAD comes at best to (9[789]|100)\.\d\s% at 0 ms a step", text)
    assert "routed uniformly at random, each is this one node at rate / r" in text
    assert "stable up to 95 % of that with a cycle above 566,4" in text
    assert re.search(r"throughput changes with 528 tokens −\d+\.\d\s%", text)


def test_what_was_not_planned_is_not_on_the_page(
    result: BoundResult, numbers: BoundDocument
) -> None:
    doc = copy.deepcopy(numbers)
    doc["budgets"], doc["rad"] = [], {**doc["rad"], "points": [], "theorem_2": []}
    doc["maps"] = {"columns": [], "cells": []}
    assert list(PAGE.draw(result, doc)) == ["throughput"]
    assert point_grids(doc) == []
    assert len(headline(doc).findings) == 3


def test_a_backlog_too_small_to_tell_is_no_number(numbers: BoundDocument) -> None:
    doc = copy.deepcopy(numbers)
    nothing = {"value": None, "ci95": None, "n": 0}
    doc["schedulers"][1].update(share=nothing, rate_rps=nothing, within_share=nothing)
    doc["schedulers"][1]["tokens_per_batch"] = None
    assert "Of rad the backlog was too small to tell." in headline(doc).findings
    rows = {row.name: row.cells for row in answer_grids(doc)[1].rows}
    assert rows["rad"][0].text == "n too small"


def test_a_verdict_that_the_bound_contradicts_is_said(numbers: BoundDocument) -> None:
    doc = copy.deepcopy(numbers)
    for cell in doc["maps"]["cells"]:
        cell["stability"] = "stable"
    said = headline(doc).findings[-1]
    assert "at the bound or above it: sarathi at 60 tokens and rad at 60 tokens" in said


def test_the_document_has_its_form(numbers: BoundDocument) -> None:
    assert list(problems(json.loads(json.dumps(numbers)), BoundDocument)) == []


def test_the_page_s_study_file_asks_for_it_again(numbers: BoundDocument) -> None:
    text = str(PAGE.content(numbers)["study_file"])
    study = parse(text, Path("study.toml"))
    words = command_line(study, keys_of(STUDIES[study.kind], study.kind), ())
    assert study.kind is StudyKind.BOUND
    assert f"--rad-requests={numbers['ask']['rad_requests']}" in words
    assert study.spec().schedulers == tuple(numbers["ask"]["study"]["schedulers"])
