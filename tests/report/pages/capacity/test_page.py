"""The page of a search: it says what was found, and shows every rate that was looked at."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import pytest

from slaibench.report.figures.chart import Chart, form_of
from slaibench.report.files import ReportFiles
from slaibench.report.numbers import rate_key
from slaibench.report.pages.capacity.document import CapacityDocument
from slaibench.report.pages.capacity.page import PAGE, gathered, searched
from slaibench.report.pages.capacity.tables import GLYPHS, answer_tables, probes_table
from slaibench.report.subject import Subject
from slaibench.studies.capacity import CapacityResult
from slaibench.studies.from_disk import gather, group_cells
from slaibench.studies.targets import State
from tests.report.forms import problems
from tests.report.test_page import outline
from tests.studies.studies import contents


def charts(subject: Subject, doc: CapacityDocument) -> list[Chart]:
    """The interactive forms of the search's drawings."""
    return [panel.chart for panel in PAGE.panels(subject, doc)["search"] if panel.chart]


def test_the_page_needs_nothing_but_itself(search_page: ReportFiles) -> None:
    parts = outline(search_page.html.read_text("utf-8"))
    drawings = parts.drawings
    assert all(link.startswith("data:image/svg+xml,") for link in drawings)
    assert len(drawings) == len(search_page.pngs)
    assert {link[1:] for link in parts.links if link.startswith("#")} <= set(parts.ids)
    assert len(set(parts.ids)) == len(parts.ids)


def test_the_same_input_gives_the_same_bytes(
    search_page: ReportFiles, both: Subject, place: Path
) -> None:
    before = contents(place / "reports")
    assert PAGE.write(both, place / "reports") == search_page
    assert contents(place / "reports") == before


def test_files_are_named_after_what_they_show(search_page: ReportFiles) -> None:
    assert re.fullmatch(r"capacity-h100-mistral-7b-[0-9a-f]{8}\.html", search_page.html.name)
    names = [png.stem for png in search_page.pngs]
    assert len(set(names)) == len(names)
    assert names[0] == "01-search-sarathi-ttft-p50-0.05"


def test_the_document_has_its_form(search_doc: CapacityDocument) -> None:
    assert list(problems(json.loads(json.dumps(search_doc)), CapacityDocument)) == []
    assert search_doc["spec"]["rates"] == []  # the search chose them


def test_every_rate_that_was_looked_at_is_a_probe(
    search_doc: CapacityDocument, both_results: list[CapacityResult]
) -> None:
    for result in both_results:
        probes = search_doc["probes"][result.scheduler]
        assert [probe["rate_rps"] for probe in probes] == result.measured.rates_rps.tolist()
        assert [probe["verdict"] for probe in probes] == [
            verdict.to_json() for verdict in result.verdicts.values()
        ]


def test_a_probe_s_metric_is_what_the_tables_say(search_doc: CapacityDocument) -> None:
    """Taken back from the logarithm that the capacity is made of; the points are computed apart."""
    seen = 0
    for name, probes in search_doc["probes"].items():
        for probe in probes:
            point = search_doc["points"][name][rate_key(probe["rate_rps"])]
            (median,) = [t for t in probe["targets"] if t["slo"] == "ttft_p50<0.05"]
            for key in ("value", "low", "high"):
                own, other = median["metric_s"][key], point["ttft_s"]["p50"][key]
                if own is not None and other is not None:
                    assert own == pytest.approx(other)
                    seen += 1
    assert seen > 10


def test_verdicts_differ_by_colour_and_by_shape(
    both: Subject, search_doc: CapacityDocument
) -> None:
    drawn = charts(both, search_doc)
    names = set()
    for chart in drawn:
        assert len({series.colour for series in chart.series}) == len(chart.series)
        assert len({series.marker for series in chart.series}) == len(chart.series)
        names |= {series.name for series in chart.series}
        rates = [point.x for series in chart.series for point in series.points]
        assert len(set(rates)) == len(rates)
    assert names == {state.value for state in State}
    assert len(set(GLYPHS.values())) == len(State)


def test_the_target_and_the_capacity_are_lines(both: Subject, search_doc: CapacityDocument) -> None:
    capacity = search_doc["capacities"]["sarathi"]
    chart = charts(both, search_doc)[0]
    assert chart.targets == ((0.05, "target 0.05 s"),)
    assert [span[0] for span in chart.spans if span[0] == span[1]] == [capacity["rate_rps"]]
    assert form_of(chart)["spans"]
    assert "spans" not in form_of(replace(chart, spans=()))  # as charts of older pages


def test_the_page_says_of_the_drawings_the_one_that_ends_each_capacity(
    both: Subject, search_doc: CapacityDocument
) -> None:
    said = [chart.finding for chart in charts(both, search_doc) if chart.finding]
    assert [text.partition(":")[0] for text in said] == [
        "Median TTFT, sarathi",
        "Median TTFT, slai",
    ]
    assert all("requests/s (target 0.05 s)" in text for text in said)


def test_the_answer_has_its_bracket_and_what_ends_it(search_doc: CapacityDocument) -> None:
    answers, *targets = answer_tables(search_doc)
    low, high = search_doc["capacities"]["slai"]["bracket"]
    cells = {row.name: [cell.text for cell in row.cells] for row in answers.rows}
    assert cells["slai"][2] == f"{low:g} to {high:g}"
    assert cells["slai"][5].startswith("median TTFT above 50")
    assert [table.name for table in targets] == ["targets-0", "targets-1"]
    ending = [row.name for row in targets[1].rows if row.cells[-1].text]
    assert ending == ["median TTFT"]


def test_the_table_of_probes_says_which_target_ended_each(search_doc: CapacityDocument) -> None:
    table = probes_table(search_doc)
    verdicts = [row.cells[2] for row in table.rows if row.name == "slai"]
    failing = [cell for cell in verdicts if cell.text == f"{GLYPHS[State.NOT_MET]} not met"]
    assert any("ttft_p50<0.05" in cell.under[0] for cell in failing)
    assert len(verdicts) == len(search_doc["probes"]["slai"])


def test_the_detail_is_at_a_rate_within_all_capacities(both: Subject) -> None:
    ends = [result.capacity.bracket[0] for result in both.capacities]
    assert both.focus_rate_rps <= min(end for end in ends if end is not None)


def test_what_is_gathered_from_disk_has_the_same_probes(
    search_doc: CapacityDocument, both_results: list[CapacityResult], place: Path
) -> None:
    folders = [cell.folder for result in both_results for cell in result.cells]
    (cells,) = group_cells(folders).values()
    subject = gathered(gather(cells, slo=search_doc["spec"]["slo"]))
    doc = PAGE.document(subject, place / "reports")
    assert doc["probes"] == search_doc["probes"]
    assert doc["spec"]["num_requests"] == 600
    for name, capacity in search_doc["capacities"].items():
        assert doc["capacities"][name]["rate_rps"] == capacity["rate_rps"]


def test_a_capacity_that_is_none_has_a_page(
    both_results: list[CapacityResult], place: Path
) -> None:
    first = both_results[0]
    none = replace(
        first,
        capacity=replace(first.capacity, rate_rps=None, ci95=None, bracket=(None, 1.0)),
    )
    subject = searched([none])
    doc = PAGE.document(subject, place / "reports")
    assert [chart.spans for chart in charts(subject, doc)] == [()] * 2
    assert all(math.isfinite(probe["rate_rps"]) for probe in doc["probes"]["sarathi"])
    assert PAGE.render(doc, {})
