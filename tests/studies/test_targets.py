"""What runs say about targets: how far from each, and how sure."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slaibench.measure.capacity import SloLevel
from slaibench.measure.intervals import t_interval
from slaibench.measure.quantile_interval import quantile_interval
from slaibench.measure.slo import NO_SECOND_TOKEN, parse_slos
from slaibench.measure.steady import Steadiness
from slaibench.recording import store
from slaibench.recording.record import Recording
from slaibench.spec import StudySpec
from slaibench.studies.run_summary import RunSummarizer, RunSummary
from slaibench.studies.targets import (
    FAILS,
    HOLDS,
    NOT_KNOWN,
    NOT_MEASURED,
    STEADY,
    Targets,
)
from slaibench.studies.tellable import check_tellable
from tests.studies.studies import find_capacity, loaded, study, sweep


def summaries(results: Path, **fields: Any) -> tuple[StudySpec, list[RunSummary]]:
    spec = study(**{"schedulers": ("slai",), **fields})
    swept = sweep(spec, results, jobs=1)
    return swept.spec, [cell.summary for cell in loaded(swept.cells)]


def in_state(summary: RunSummary, state: Steadiness) -> RunSummary:
    """The same run with another verdict."""
    return replace(summary, steadiness=replace(summary.steadiness, state=state), stopped_early=None)


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> tuple[StudySpec, list[RunSummary]]:
    """Three runs with enough requests of both tiers for every default target."""
    return summaries(
        tmp_path_factory.mktemp("results"),
        num_requests=1300,
        num_seeds=3,
        rates=(15.0,),
        slo="ttft_p50<0.5,ttft_mean<0.5,tbt_p99<tier",
        tiers="paying:0.5:0.1,free:0.5:0.5",
    )


def test_a_level_is_the_log_of_metric_over_bound_for_each_tier(
    calm: tuple[StudySpec, list[RunSummary]],
) -> None:
    spec, runs = calm
    levels = Targets.of(spec).levels(runs)
    assert set(levels) == {
        ("ttft_p50<0.5", None),
        ("ttft_mean<0.5", None),
        ("tbt_p99<tier", "paying"),
        ("tbt_p99<tier", "free"),
        (STEADY, None),
    }
    for (slo, tier), (metric, q, bound_s) in {
        ("ttft_p50<0.5", None): ("ttft", 0.5, 0.5),
        ("tbt_p99<tier", "paying"): ("tbt", 0.99, 0.1),
        ("tbt_p99<tier", "free"): ("tbt", 0.99, 0.5),
    }.items():
        interval = quantile_interval([run.samples[metric, tier] for run in runs], q)
        assert interval.low is not None
        assert interval.high is not None
        ends = (interval.estimate, interval.low, interval.high)
        assert levels[slo, tier] == SloLevel(*(math.log(end / bound_s) for end in ends))
    assert levels[STEADY, None] == HOLDS


def test_a_mean_has_students_interval_over_replicates(
    calm: tuple[StudySpec, list[RunSummary]],
) -> None:
    spec, runs = calm
    means = [run.metrics.overall.ttft.mean for run in runs]
    expected = t_interval([math.log(mean / 0.5) for mean in means if mean is not None])
    level = Targets.of(spec).levels(runs)["ttft_mean<0.5", None]
    assert (level.value, level.low, level.high) == (
        expected.estimate,
        expected.low,
        expected.high,
    )
    alone = Targets.of(spec).levels(runs[:1])["ttft_mean<0.5", None]
    assert (alone.low, alone.high) == (-math.inf, math.inf)


@pytest.mark.parametrize(
    ("states", "level"),
    [
        ("sss", HOLDS),
        ("ssg", HOLDS),
        ("sgg", FAILS),
        ("gg?", FAILS),
        ("s?g", NOT_KNOWN),
        ("sg", NOT_KNOWN),
        ("??s", NOT_KNOWN),
    ],
)
def test_steadiness_is_a_target_that_the_majority_keeps(
    calm: tuple[StudySpec, list[RunSummary]], states: str, level: SloLevel
) -> None:
    spec, runs = calm
    names = {"s": Steadiness.STEADY, "g": Steadiness.GROWING, "?": Steadiness.CANNOT_TELL}
    judged = [in_state(run, names[state]) for run, state in zip(runs, states, strict=False)]
    assert Targets.of(spec).levels(judged)[STEADY, None] == level
    paper = spec.model_copy(update={"convention": "paper"})
    assert (STEADY, None) not in Targets.of(paper).levels(judged)


def test_a_saturated_run_meets_nothing_under_strict_whatever_its_median(tmp_path: Path) -> None:
    # Shortest prompt first keeps the median low while long prompts starve.
    flooded: dict[str, Any] = {"rates": (60.0,), "num_requests": 3000, "slo": "ttft_p50<0.5"}
    spec, runs = summaries(tmp_path, **flooded)
    assert runs[0].saturated
    levels = Targets.of(spec).levels(runs)
    assert levels["ttft_p50<0.5", None].value < 0
    assert levels[STEADY, None] == FAILS
    assert Targets.of(spec).why_not_measured(runs, STEADY, None) is None
    paper, runs = summaries(tmp_path, **flooded, convention="paper")
    assert set(Targets.of(paper).levels(runs)) == {("ttft_p50<0.5", None)}


def test_a_run_too_short_to_tell_is_neither_steady_nor_saturated(tmp_path: Path) -> None:
    spec, runs = summaries(tmp_path)
    assert runs[0].state is Steadiness.CANNOT_TELL
    level = Targets.of(spec).levels(runs)[STEADY, None]
    assert level == NOT_KNOWN
    assert level.value < 0 < level.high  # nothing speaks against it, and nothing excludes failure


def test_a_percentile_of_few_requests_has_a_value_and_an_open_end(tmp_path: Path) -> None:
    fields: dict[str, Any] = {"num_requests": 400, "slo": "ttft_p99<10", "rates": (15.0,)}
    spec, runs = summaries(tmp_path, **fields)
    assert runs[0].metrics.overall.ttft.percentile(0.99).value is None
    level = Targets.of(spec).levels(runs)["ttft_p99<10", None]
    (sample,) = (run.samples["ttft", None] for run in runs)
    assert isinstance(sample, np.ndarray)
    assert level.value == pytest.approx(math.log(float(np.quantile(sample, 0.99)) / 10))
    assert level.high == math.inf
    assert Targets.of(spec).why_not_measured(runs, "ttft_p99<10", None) is None
    more, runs = summaries(tmp_path, **{**fields, "num_requests": 1500}, num_seeds=3)
    sure = Targets.of(more).levels(runs)["ttft_p99<10", None]
    assert sure.value < sure.high < 0


def test_requests_without_the_metric_are_not_measured(tmp_path: Path) -> None:
    slo = "ttft_p50<10,tbt_p99<tier"
    fields: dict[str, Any] = {"num_requests": 500, "rates": (10.0,), "slo": slo}
    spec, runs = summaries(tmp_path, workload="fixed:prompt=200,output=1", **fields)
    assert runs[0].notes == (NO_SECOND_TOKEN,)
    levels = Targets.of(spec).levels(runs)
    assert levels["tbt_p99<tier", "free"] == levels["tbt_p99<tier", "paying"] == NOT_MEASURED
    assert Targets.of(spec).why_not_measured(runs, "tbt_p99<tier", "free") == NO_SECOND_TOKEN
    assert Targets.of(spec).why_not_measured(runs, "ttft_p50<10", None) is None
    with pytest.raises(ValueError, match="every output of this workload is one token"):
        find_capacity(spec, tmp_path)
    one_target = Targets.of(spec.model_copy(update={"slo": "ttft_p50<10"}))
    check_tellable(one_target, spec.num_requests, second_tokens=False)
    _, two = summaries(tmp_path, workload="fixed:prompt=200,output=2", **fields)
    assert two[0].notes == ()


def test_an_invalid_replicate_makes_every_target_not_measured(
    calm: tuple[StudySpec, list[RunSummary]],
) -> None:
    spec, runs = calm
    judged = [*runs[:2], replace(runs[2], invalid="sent late")]
    levels = Targets.of(spec).levels(judged)
    assert {levels[key] for key in levels if key[0] != STEADY} == {NOT_MEASURED}
    for slo, tier in levels:
        assert Targets.of(spec).why_not_measured(judged, slo, tier) == "sent late"
        assert Targets.of(spec).why_not_measured(runs, slo, tier) is None


def test_under_the_papers_conventions_a_level_is_the_mean_of_the_replicates_own(
    tmp_path: Path,
) -> None:
    spec, runs = summaries(
        tmp_path,
        num_requests=200,
        num_seeds=3,
        rates=(15.0,),
        slo="ttft_p99<0.5",
        convention="paper",
    )
    values = [run.metrics.overall.ttft.percentile(0.99).value for run in runs]
    expected = t_interval([math.log(value / 0.5) for value in values if value is not None])
    level = Targets.of(spec).levels(runs)["ttft_p99<0.5", None]
    assert (level.value, level.low, level.high) == (
        expected.estimate,
        expected.low,
        expected.high,
    )


def test_what_waits_to_the_end_fails_by_any_amount(
    calm: tuple[StudySpec, list[RunSummary]],
) -> None:
    spec, runs = calm
    starved = [
        replace(run, samples={**run.samples, ("ttft", None): np.full(1000, math.inf)})
        for run in runs
    ]
    assert Targets.of(spec).levels(starved)["ttft_p50<0.5", None].value == math.inf


def test_what_the_arrival_audit_finds_is_a_note_of_the_run(tmp_path: Path) -> None:
    fields: dict[str, Any] = {"num_requests": 500, "rates": (10.0,)}
    swept = sweep(study(schedulers=("slai",), **fields), tmp_path, jobs=1)
    (cell,) = loaded(swept.cells)
    assert cell.summary.notes == ()
    recording = store.read(cell.folder)
    due_s = recording.requests.due_s
    cut = np.cumsum(np.minimum(np.diff(due_s, prepend=0.0), 0.3))
    spoilt = Recording(
        recording.run, replace(recording.requests, due_s=cut, sent_s=cut), recording.steps
    )
    seen = RunSummarizer.for_study("strict", parse_slos("ttft_p50<1"))(spoilt)
    assert seen.notes == seen.audit.notes
    assert "longest gap in mean gaps 3" in seen.notes[0]
    assert seen.invalid is None


@pytest.mark.parametrize(
    ("slo", "tier"),
    [("e2e_p99@free<60", "free"), ("tpot_p99<1", None), ("tbt_p99.99@paying<1", "paying")],
)
def test_samples_are_of_the_metric_and_tier_that_were_asked(
    tmp_path: Path, slo: str, tier: str | None
) -> None:
    from slaibench.measure.latency import request_values, token_gaps  # noqa: PLC0415
    from slaibench.measure.quantile_interval import quantile  # noqa: PLC0415

    spec = study(schedulers=("slai",), num_requests=400, slo=slo, rates=(15.0,))
    (cell,) = loaded(sweep(spec, tmp_path, jobs=1).cells)
    requests = store.read(cell.folder).requests
    members = requests.due_s >= cell.summary.metrics.window_s[0]
    if tier is not None:
        members &= requests.tier == tier
    metric = slo.partition("_")[0]
    carriers = None
    if metric == "tbt":
        values = token_gaps(requests, members).values
        carriers = int((requests.num_tokens[members] > 1).sum())
    else:
        values = request_values(requests, metric, math.inf)[members]
    level = float(slo.partition("_p")[2].partition("<")[0].partition("@")[0]) / 100
    sample = cell.summary.samples[metric, tier]
    assert len(sample) == (len(values) if carriers is None else carriers)
    assert quantile([sample], level) == pytest.approx(float(np.quantile(values, level)))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"num_requests": 99}, "99 requests are too few to tell whether a run is steady"),
        ({"num_requests": 100}, None),
        ({"num_requests": 340, "slo": "ttft_p99<1", "num_seeds": 1}, None),  # a wide interval
        ({"num_requests": 20, "slo": "ttft_p99<1", "convention": "paper"}, None),
        ({"num_requests": None, "duration_s": 5.0}, None),
        ({"num_requests": None}, None),
    ],
)
def test_what_no_run_of_a_study_can_tell_is_refused_before_it_runs(
    fields: dict[str, Any], message: str | None
) -> None:
    spec = study(**{"num_requests": 100, "slo": "ttft_p50<1", **fields})
    if message is None:
        check_tellable(Targets.of(spec), spec.num_requests)
        return
    with pytest.raises(ValueError, match=rf"{message}.*--requests 400 or more"):
        check_tellable(Targets.of(spec), spec.num_requests)
