"""Every metric stands in one place: an entry of the catalogue is all that a new one takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slaibench.measure import catalogue
from slaibench.measure.catalogue import (
    LATENCIES,
    METRICS,
    Latency,
    Scope,
    latency_metric,
    metric_of,
)
from slaibench.measure.slo import parse_slos
from slaibench.report.pages.study import PAGE
from slaibench.report.subject import make_subject
from slaibench.report.table import Heading
from slaibench.report.tables import tables
from slaibench.studies.run_summary import RunSummary
from tests.cli.command import slaibench
from tests.cli.command import sweep as swept
from tests.studies.studies import study, sweep


@pytest.fixture
def half(monkeypatch: pytest.MonkeyPatch) -> str:
    """A metric that nobody knows, added as one entry of the catalogue and its latency."""
    latency = Latency("HALF", lambda requests: LATENCIES["e2e"].observed(requests) / 2)  # type: ignore[misc]
    monkeypatch.setitem(LATENCIES, "half", latency)
    metric = latency_metric("half_p50_s", "half", 0.5, compared=True, terminal="wide")
    monkeypatch.setitem(METRICS, metric.name, metric)
    return metric.name


def test_a_new_metric_may_be_a_target(half: str) -> None:
    assert parse_slos(f"{half.removesuffix('_s')}<0.5")[0].metric == "half"
    with pytest.raises(ValueError, match="known: ttft, tbt, tpot, e2e, half"):
        parse_slos("third_p50<0.5")


def test_a_new_metric_is_in_documents_tables_and_pages(half: str, tmp_path: Path) -> None:
    arguments = ("--slo", "half_p50<9", "-s", "sarathi")
    (point,) = json.loads(swept(tmp_path, *arguments, "--json").out)["points"]
    assert point[half] == pytest.approx(point["e2e_p50_s"] / 2)
    assert half in point["ci95"]
    headings = swept(tmp_path, *arguments, columns=140).out.splitlines()[:6]
    assert any("HALF" in line for line in headings)
    assert not any("HALF" in line for line in swept(tmp_path, *arguments).out.splitlines()[:6])
    result = sweep(study(slo="half_p50<9", schedulers=("sarathi",)), tmp_path, jobs=1)
    doc = PAGE.document(make_subject(result), tmp_path)
    assert doc["points"]["sarathi"]["5"][half]["value"] == pytest.approx(point[half])
    assert Heading("HALF P50", "s") in [column for table in tables(doc) for column in table.columns]


def test_a_new_metric_is_judged_by_a_regression(half: str, tmp_path: Path) -> None:
    base = ("--baseline", tmp_path / "base", "--metric", half, "-s", "sarathi", "--seeds", "2")
    load = ("--workload", "fixed:prompt=100,output=7", "--requests", "60", "--rates", "5")
    assert slaibench("regress", *base, *load, "--jobs", "1", "--update").status == 0
    ran = slaibench("regress", *base, "--jobs", "1", "--json")
    assert half in [row["metric"] for row in json.loads(ran.out)["rows"]]


def test_every_number_of_a_run_is_read_off_its_summary() -> None:
    fields = set(RunSummary.__slots__)
    assert {"metrics", "kv", "goodput_rps", "num_steps"} <= fields
    for metric in METRICS.values():
        assert (metric.latency is None) is (metric.read is not None), metric.name
        assert metric.latency is None or metric.latency in LATENCIES
        assert metric.tolerance is None or metric.compared
        assert not metric.judged or metric.harm


def test_names_say_the_statistic_and_the_unit() -> None:
    for name, metric in METRICS.items():
        assert name == metric.name
        if metric.latency is not None:
            assert name.startswith(f"{metric.latency}_{metric.statistic}_")
            assert name.endswith("_s")
            assert metric.unit == "s"


def test_a_name_leads_to_its_metric_and_tier() -> None:
    assert metric_of("tbt_p99_s@paying") == (METRICS["tbt_p99_s"], "paying")
    assert metric_of("ttft_p50_s") == (METRICS["ttft_p50_s"], "")
    with pytest.raises(ValueError, match="did you mean 'ttft_p50_s'"):
        metric_of("ttft_p50")
    with pytest.raises(ValueError, match="unknown metric 'steps'"):
        metric_of("steps", catalogue.judged())


def test_only_tiers_have_what_is_of_tiers() -> None:
    assert [m.name for m in catalogue.in_points() if m.scope is Scope.TIER] == ["tbt_p99_s"]
