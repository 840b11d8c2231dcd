"""Targets and numbers of tiers and tenants: of their own requests, with their own sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from slaibench.measure.capacity import SloLevel
from slaibench.measure.quantile_interval import quantile_interval, sound_size
from slaibench.measure.share_interval import share_interval
from slaibench.recording import store
from slaibench.report.numbers import page_point
from slaibench.report.tables import measured_tables
from slaibench.report.words import binding, targets
from slaibench.spec import StudySpec
from slaibench.studies.frames import metric_rows, wide_row
from slaibench.studies.from_disk import gather, group_cells
from slaibench.studies.run_summary import RunSummary, samples_of
from slaibench.studies.sweep import SweepResult
from slaibench.studies.targets import NOT_MEASURED, State, Targets
from slaibench.studies.untold import in_its_place, nothing_instead
from tests.studies.studies import find_capacity, loaded, study, sweep

TIERS = "chat:0.5:0.05:0.06,batch:0.5:0.5:5"
RARE = 20
"""One of so many requests is tenant b's."""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs whose requests have targets of their own, and say tenants a and b."""
    folder = tmp_path_factory.mktemp("results")
    fields = {"rates": (15.0,), "num_requests": 1300, "num_seeds": 3, "tiers": TIERS}
    for cell in sweep(study(schedulers=("slai",), **fields), folder, jobs=1).cells:
        recording = store.read(cell.folder)
        ids = recording.requests.request_id
        tenant = np.where(ids % RARE == 0, "b", "a")
        store.write(
            replace(recording, requests=replace(recording.requests, tenant=tenant)), cell.folder
        )
    return folder


def gathered(results: Path, slo: str) -> SweepResult:
    (cells,) = group_cells(sorted(store.find_runs(results))).values()
    return gather(cells, slo)


def summaries(result: SweepResult) -> Sequence[RunSummary]:
    return [cell.summary for cell in loaded(result.cells)]


def test_a_tenant_s_tail_has_the_interval_of_its_own_requests(results: Path) -> None:
    swept = gathered(results, "ttft_p99@tenant=a<1,ttft_p99@tenant=b<1")
    runs = summaries(swept)
    levels = swept.targets.levels(runs)
    of_b = samples_of(runs, "ttft", "tenant=b")
    every = samples_of(runs, "ttft", None)
    assert sum(map(len, of_b)) < 1.3 * sum(map(len, every)) / RARE
    made = quantile_interval(of_b, 0.99)
    level = levels["ttft_p99@tenant=b<1", None]
    assert level.value == pytest.approx(math.log(made.estimate))
    # All requests together are sure of their P99; so few of b's are not, though none was late.
    assert quantile_interval(every, 0.99).high is not None
    assert level.value < 0
    assert level.high == math.inf
    verdict = swept.verdict(swept.points[0])
    assert verdict.state is State.CANNOT_TELL
    assert verdict.targets == (("ttft_p99@tenant=b<1", None),)


def test_goodput_s_level_has_the_interval_of_a_share(results: Path) -> None:
    swept = gathered(results, "goodput_share@tier=chat>0.5,goodput_share@tenant=a>0.9")
    runs = summaries(swept)
    levels = swept.targets.levels(runs)
    for slo, group, bound in (
        ("goodput_share@tier=chat>0.5", "chat", 0.5),
        ("goodput_share@tenant=a>0.9", "tenant=a", 0.9),
    ):
        samples = samples_of(runs, "goodput_share", group)
        made = share_interval(samples, samples_of(runs, "ttft", group))
        assert made.low is not None
        assert made.high is not None
        tier = "chat" if group == "chat" else None
        assert levels[slo, tier] == SloLevel(
            math.log(bound / made.estimate), math.log(bound / made.high), math.log(bound / made.low)
        )
        shown = swept.points[0].groups[group]["goodput_share"]
        assert (shown.value, shown.low, shown.high) == (made.estimate, made.low, made.high)
        assert shown.n == made.n == sum(map(len, samples))


def test_a_tenant_that_no_run_has_is_named_and_never_met(results: Path) -> None:
    slo = "ttft_p50@tenant=x<100"
    swept = gathered(results, slo)
    runs = summaries(swept)
    assert swept.targets.levels(runs)[slo, None] == NOT_MEASURED
    why = swept.targets.why_not_measured(runs, slo, None)
    assert why == "no request of tenant 'x' in this run (tenants seen: a, b)"
    verdict = swept.verdict(swept.points[0])
    assert (verdict.state, verdict.why) == (State.CANNOT_TELL, slo)
    assert swept.warnings[0] == f"{why} (slai)"
    assert gathered(results, "ttft_p50@tenant=a<100").warnings == swept.warnings[1:]


def test_results_have_numbers_by_tier_and_tenant(results: Path) -> None:
    (point,) = gathered(results, "ttft_p50<1").points
    assert list(point.groups) == ["chat", "batch", "tenant=a", "tenant=b"]
    assert point.estimate("ttft_p50_s@tenant=b") == point.tenants["b"]["ttft_p50_s"]
    assert point.estimate("goodput_share@tenant=c") is None
    form = point.to_json()["groups"]["tenant=a"]
    assert form["goodput_share"]["n"] > form["ttft_p50_s"]["n"] * 0.95
    assert wide_row(point)["goodput_share_tenant=a"] == form["goodput_share"]["value"]
    rows = [row for row in metric_rows(point) if row.get("tenant") == "b"]
    assert {row["metric"] for row in rows} == {"ttft_p50_s", "tbt_p99_s", "goodput_share"}
    assert {row["tier"] for row in rows} == {None}


def test_a_page_s_table_has_tiers_and_tenants(results: Path) -> None:
    (point,) = gathered(results, "ttft_p50<1").points
    doc = {"tiers": {"chat": 0.05, "batch": 0.5}, "points": {"slai": {"15": page_point(point, {})}}}
    (table,) = [table for table in measured_tables(doc) if table.name == "table-tier-ttft"]
    assert table.title == "Median TTFT and requests on target by tier and tenant"
    titles = [heading.title for heading in table.columns]
    assert titles[:3] == ["chat: n", "chat: TTFT P50", "chat: on target"]
    assert titles[-3:] == ["tenant b: n", "tenant b: TTFT P50", "tenant b: on target"]
    (row,) = table.rows
    assert row.cells[-3].text == str(point.tenants["b"]["ttft_p50_s"].n)


@pytest.mark.parametrize(
    ("slo", "message"),
    [
        ("ttft_p50@tenant=a<1", "none of the 60 requests of the first run is of tenant 'a'; there"),
        ("ttft_p50@tier=gold<1", "no tier 'gold'; there are chat, batch"),
        ("goodput_share>0.9", None),
    ],
)
def test_what_no_request_says_is_refused_before_any_run(
    tmp_path: Path, slo: str, message: str | None
) -> None:
    spec = study(slo=slo, tiers=TIERS)
    if message is None:
        assert sweep(spec, tmp_path, jobs=1).points[0].groups["chat"]["goodput_share"].n
        spec, message = study(slo=slo), "no request has a TTFT target of its own: say one by tier"
    with pytest.raises(ValueError, match=message):
        sweep(spec, tmp_path / "none", jobs=1)
    assert not (tmp_path / "none").exists()


def test_a_capacity_may_end_where_too_few_meet_their_own_targets(tmp_path: Path) -> None:
    """Of chat's requests; batch's may wait for ever so long."""
    slo = "goodput_share@chat>0.9,ttft_p50@batch<5"
    spec = study(
        schedulers=("slai",), slo=slo, tiers=TIERS, num_requests=1000, rates=(), num_seeds=2
    )
    (found,) = find_capacity(spec, tmp_path, jobs=1)
    assert (found.capacity.binding, found.capacity.binding_tier) == (
        "goodput_share@chat>0.9",
        "chat",
    )
    low, high = found.capacity.bracket
    assert low is not None
    assert high is not None
    shares = {
        cell.cell.rate_rps: cell.summary.metrics.tiers["chat"].share("goodput_share")
        for cell in loaded(found.cells)
    }
    assert max(share for rate, share in shares.items() if rate >= high and share is not None) < 0.93
    assert min(share for rate, share in shares.items() if rate <= low and share is not None) > 0.87


def test_what_too_few_requests_cannot_tell_of_a_share_is_said(results: Path) -> None:
    swept = gathered(results, "goodput_share@tenant=b>0.99")
    (slo,) = swept.targets.slos
    untold = in_its_place(slo, None, 15.0, summaries(swept))
    assert untold.needed == sound_size(0.99)
    assert untold.worth < 1300 * 3 / RARE < untold.needed
    assert untold.why.endswith(f"independent requests, {untold.needed:.0f} needed")
    assert (untold.q, untold.value_s, nothing_instead(slo.text)) == (None, None, "")
    assert "no percentile" in nothing_instead("ttft_p99@tenant=b<1")


def test_targets_in_words() -> None:
    slo = "goodput_share@tenant=acme>0.99,ttft_p99@tier=chat<2"
    assert targets(slo, {}) == [
        "requests within all of their own targets of tenant acme at least 99\N{NO-BREAK SPACE}%",
        "P99 TTFT of tier chat at most 2\N{NO-BREAK SPACE}s",
    ]
    first, _ = slo.split(",")
    words = "requests within all of their own targets of tenant acme below 99\N{NO-BREAK SPACE}%"
    assert binding(first, None, {}) == words


def test_an_invalid_or_growing_run_has_no_share_to_rely_on(results: Path) -> None:
    swept = gathered(results, "goodput_share>0.5")
    runs = list(summaries(swept))
    judged = [*runs[:2], replace(runs[2], invalid="sent late")]
    assert (
        Targets.of(StudySpec(slo="goodput_share>0.5")).levels(judged)["goodput_share>0.5", None]
        == NOT_MEASURED
    )
