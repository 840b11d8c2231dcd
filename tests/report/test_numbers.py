"""The report's document: plain JSON that keeps unknown, too small and beyond measure apart."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slaibench.report.numbers import estimate, rate_key
from slaibench.report.pages.study import PAGE
from slaibench.report.recordings import relative
from slaibench.report.study_document import StudyDocument
from slaibench.report.subject import Subject
from slaibench.studies.estimate import Estimate


def test_the_document_is_json_without_nan(doc: StudyDocument) -> None:
    assert json.loads(json.dumps(doc, allow_nan=False)) == doc


def test_beyond_the_run_is_not_the_same_as_unknown() -> None:
    assert estimate(Estimate(math.inf, None, None, 30)) == {
        "value": None,
        "low": None,
        "high": None,
        "n": 30,
        "beyond": True,
    }
    assert estimate(Estimate(None, None, None, 3))["beyond"] is False
    assert estimate(Estimate(1.5, 1.0, math.inf, 30)) == {
        "value": 1.5,
        "low": 1.0,
        "high": None,
        "n": 30,
        "beyond": False,
    }


@given(st.floats(1e-3, 1e6))
def test_a_rate_s_key_reads_back_as_the_rate(rate: float) -> None:
    assert float(rate_key(rate)) == rate


def test_round_rates_have_short_keys() -> None:
    assert [rate_key(rate) for rate in (7.0, 0.8, 6.481)] == ["7", "0.8", "6.481"]


def test_points_are_those_of_the_sweep(doc: StudyDocument, subject: Subject) -> None:
    point = subject.point("slai", 16.0)
    assert point is not None
    shown = doc["points"]["slai"]["16"]
    assert shown["ttft_s"]["p50"] == estimate(point.ttft_s["p50"])
    assert shown["tiers"]["free"]["tbt_p99_s"]["value"] == point.tiers["free"].tbt_p99_s.value
    assert shown["outcomes"]["due"] == 800
    assert doc["tiers"] == {"paying": 0.1, "free": 0.5}
    assert doc["first_saturated_rps"] == 30.0


def test_every_request_of_the_focus_rate_is_in_one_bucket_of_prompt_lengths(
    doc: StudyDocument, subject: Subject
) -> None:
    lengths = doc["lengths"]["slai"]
    cells = subject.cells_at("slai", 16.0)
    assert sum(bucket["num_due"] for bucket in lengths["buckets"]) == sum(
        cell.summary.metrics.num_measured for cell in cells
    )
    lows = [bucket["low_tokens"] for bucket in lengths["buckets"]]
    assert lows == sorted(set(lows))
    windows = [cell.summary.metrics.window_s for cell in cells]
    assert lengths["measured_s"] == pytest.approx(sum(end - start for start, end in windows))


def test_what_every_run_has_in_common_is_not_of_one_under_overload(
    doc: StudyDocument, subject: Subject
) -> None:
    assert any(cell.cell.overload for cell in subject.cells)
    assert "overload" not in doc["cell"]
    assert doc["cell"]["early_stop"] is True
    assert all(capacity["saturated_rps"]["value"] > 0 for capacity in doc["capacities"].values())


def test_capacities_name_the_runs_they_rest_on(doc: StudyDocument, subject: Subject) -> None:
    for capacity in subject.capacities:
        runs = [doc["runs"][index] for index in doc["capacities"][capacity.scheduler]["runs"]]
        assert {run["scheduler"] for run in runs} == {capacity.scheduler}
        assert len(runs) == len(capacity.cells)


def test_recordings_are_named_as_seen_from_the_page(
    subject: Subject, doc: StudyDocument, root: Path
) -> None:
    for run, cell in zip(doc["runs"], subject.cells, strict=True):
        assert run["folder"].startswith("../results/")
        assert (root / "reports" / run["folder"]).resolve() == cell.folder.resolve()
    elsewhere = PAGE.document(subject, root / "a" / "b", doc["made"])
    assert elsewhere["runs"][0]["folder"].startswith("../../results/")
    assert relative(root / "x", root) == "x"


def test_the_name_of_a_page_follows_what_was_planned_and_its_runs(doc: StudyDocument) -> None:
    def identity(doc: StudyDocument) -> str:
        return PAGE.stem(doc).rpartition("-")[2]

    assert len(identity(doc)) == 8
    assert identity(doc) == identity({**doc, "made": {}, "focus_rate_rps": 1.0})
    assert identity(doc) != identity({**doc, "pair": None})
    assert identity(doc) != identity({**doc, "spec": {**doc["spec"], "slo": "ttft_p50<1"}})
    assert identity(doc) != identity({**doc, "runs": doc["runs"][1:]})
