"""What a run says about its targets: met, missed, or nothing."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slaibench.measure.slo import NO_SECOND_TOKEN
from slaibench.recording import store
from slaibench.recording.record import Recording
from slaibench.spec import StudySpec
from slaibench.study.capacity import find_capacity
from slaibench.study.digest import CellDigest, Digester
from slaibench.study.sweep import sweep
from slaibench.study.targets import (
    STEADY,
    check_tellable,
    log_ratios,
    never_told,
    untold_targets,
)
from tests.study.studies import study
from workloads.tiers import DEFAULT_TIERS


def digest(results: Path, **fields: Any) -> tuple[StudySpec, CellDigest]:
    spec = study(**{"schedulers": ("slai",), **fields})
    return spec, sweep(spec, results, jobs=1).cells[0].digest


def ratios(spec: StudySpec, of: CellDigest) -> dict[tuple[str, str | None], float]:
    return {(slo, tier): ratio for slo, tier, ratio in log_ratios(spec, of)}


def test_a_ratio_is_the_log_of_metric_over_bound_for_each_tier(tmp_path: Path) -> None:
    slo = "ttft_p50<0.5,tbt_p99<tier"
    tiers = "paying:0.5:0.1,free:0.5:0.5"
    spec, run = digest(tmp_path, num_requests=2600, rates=(15.0,), slo=slo, tiers=tiers)
    found = ratios(spec, run)
    assert set(found) == {
        ("ttft_p50<0.5", None),
        ("tbt_p99<tier", "paying"),
        ("tbt_p99<tier", "free"),
        (STEADY, None),
    }
    median = run.metrics.overall.ttft.percentile(0.5).value
    tail = run.metrics.tiers["paying"].tbt.percentile(0.99).value
    assert median is not None
    assert tail is not None
    assert found["ttft_p50<0.5", None] == pytest.approx(math.log(median / 0.5))
    assert found["tbt_p99<tier", "paying"] == pytest.approx(math.log(tail / 0.1))
    assert found[STEADY, None] < 0


def test_a_saturated_run_meets_nothing_under_strict_whatever_its_median(tmp_path: Path) -> None:
    # Shortest prompt first keeps the median low while long prompts starve.
    flooded: dict[str, Any] = {"rates": (60.0,), "num_requests": 3000, "slo": "ttft_p50<0.5"}
    spec, run = digest(tmp_path, **flooded)
    assert run.saturated
    found = ratios(spec, run)
    assert found["ttft_p50<0.5", None] < 0
    assert found[STEADY, None] == math.inf
    paper, run = digest(tmp_path, **flooded, convention="paper")
    assert set(ratios(paper, run)) == {("ttft_p50<0.5", None)}


def test_a_saturated_run_fails_for_sure_however_few_of_a_tier_it_served(tmp_path: Path) -> None:
    flooded: dict[str, Any] = {
        "rates": (60.0,),
        "num_requests": 1500,
        "tiers": "a:0.005:0.1,b:0.995:1",
    }
    spec, run = digest(tmp_path, **flooded, slo="tbt_p99@a<10")
    assert run.saturated
    assert run.small["tbt_p99@a<10", "a"].n < 20
    assert untold_targets(spec, run) == {}
    assert ratios(spec, run)["tbt_p99@a<10", "a"] < 0
    assert ratios(spec, run)[STEADY, None] == math.inf


def test_a_run_too_short_to_tell_is_not_taken_for_steady(tmp_path: Path) -> None:
    spec, run = digest(tmp_path)
    assert run.steady is None
    assert ratios(spec, run)[STEADY, None] == math.inf
    assert "100 needed" in untold_targets(spec, run)[STEADY, None]


def test_a_percentile_counts_when_the_replicates_together_are_enough(tmp_path: Path) -> None:
    fields: dict[str, Any] = {"num_requests": 400, "slo": "ttft_p99<10", "rates": (15.0,)}
    alone, run = digest(tmp_path, **fields)
    assert run.metrics.overall.ttft.percentile(0.99).value is None
    assert ratios(alone, run)["ttft_p99<10", None] == math.inf
    assert untold_targets(alone, run)["ttft_p99<10", None].startswith("n too small: ")
    of_five, run = digest(tmp_path, **fields, num_seeds=5)
    small = run.small["ttft_p99<10", None]
    assert small.n * 5 >= 1000
    assert ratios(of_five, run)["ttft_p99<10", None] == pytest.approx(math.log(small.value / 10))
    assert untold_targets(of_five, run) == {}


def test_outputs_of_one_token_are_known_to_have_no_time_between_tokens(tmp_path: Path) -> None:
    slo = "ttft_p50<10,tbt_p99<tier"
    fields: dict[str, Any] = {"num_requests": 500, "rates": (10.0,), "slo": slo}
    spec, run = digest(tmp_path, workload="fixed:prompt=200,output=1", **fields)
    assert run.notes == (NO_SECOND_TOKEN,)
    assert {why for slo, why in untold_targets(spec, run).items() if slo[0] == "tbt_p99<tier"} == {
        NO_SECOND_TOKEN
    }
    why = never_told(spec, DEFAULT_TIERS, second_tokens=False)
    assert why is not None
    assert why.startswith("SLO 'tbt_p99<tier' is about times between tokens")
    with pytest.raises(ValueError, match="every output of this workload is one token"):
        find_capacity(spec, tmp_path)
    without = spec.model_copy(update={"slo": "ttft_p50<10"})
    assert never_told(without, DEFAULT_TIERS, second_tokens=False) is None
    _, two = digest(tmp_path, workload="fixed:prompt=200,output=2", **fields)
    assert two.notes == ()


def test_what_the_arrival_audit_finds_is_a_note_of_the_run(tmp_path: Path) -> None:
    fields: dict[str, Any] = {"num_requests": 500, "rates": (10.0,)}
    (cell,) = sweep(study(schedulers=("slai",), **fields), tmp_path, jobs=1).cells
    assert cell.digest.notes == ()
    recording = store.read(cell.folder)
    due_s = recording.requests.due_s
    cut = np.cumsum(np.minimum(np.diff(due_s, prepend=0.0), 0.3))
    spoilt = Recording(
        recording.run, replace(recording.requests, due_s=cut, sent_s=cut), recording.steps
    )
    found = Digester.for_study("strict", "ttft_p50<1")(spoilt)
    assert found.notes == found.audit.notes
    assert "longest gap in mean gaps 3" in found.notes[0]
    assert found.invalid is None


def test_gaps_far_within_their_bound_say_so_before_their_p99_would_print(tmp_path: Path) -> None:
    fields: dict[str, Any] = {"num_requests": 800, "rates": (10.0,), "num_seeds": 3}
    spec, run = digest(tmp_path, **fields, slo="tbt_p99@paying<10")
    small = run.small["tbt_p99@paying<10", "paying"]
    assert small.n * 3 < 300
    assert small.independent * 3 > 299
    assert run.metrics.tiers["paying"].tbt.percentile(0.99).value is None
    assert untold_targets(spec, run) == {}
    assert ratios(spec, run)["tbt_p99@paying<10", "paying"] == pytest.approx(
        math.log(small.value / 10)
    )
    # Of eleven requests nothing is known, however many gaps they have.
    few = {**fields, "num_requests": 300, "num_seeds": 1}
    spec, run = digest(tmp_path, **few, slo="tbt_p99@paying<10")
    assert ratios(spec, run)["tbt_p99@paying<10", "paying"] == math.inf
    assert untold_targets(spec, run)["tbt_p99@paying<10", "paying"] == "n too small: 11 requests"
    # Far beyond it.
    spec, run = digest(tmp_path, **fields, slo="tbt_p99@paying<0.001")
    assert 0 < ratios(spec, run)["tbt_p99@paying<0.001", "paying"] < math.inf


@pytest.mark.parametrize(
    ("slo", "tier"),
    [("e2e_p99@free<60", "free"), ("tpot_p99<1", None), ("tbt_p99.99@paying<1", "paying")],
)
def test_small_samples_are_of_the_metric_and_tier_that_were_asked(
    tmp_path: Path, slo: str, tier: str | None
) -> None:
    from slaibench.measure.latency import request_values, token_gaps  # noqa: PLC0415

    spec = study(schedulers=("slai",), num_requests=400, slo=slo, rates=(15.0,))
    (cell,) = sweep(spec, tmp_path, jobs=1).cells
    requests = store.read(cell.folder).requests
    members = requests.due_s >= cell.digest.metrics.window_s[0]
    if tier is not None:
        members &= requests.tier == tier
    carriers = None
    if slo.startswith("tbt"):
        sample = token_gaps(requests, members).values
        carriers = int((requests.num_tokens[members] > 1).sum())
    else:
        sample = request_values(requests, slo.partition("_")[0], math.inf)[members]
    level = float(slo.partition("_p")[2].partition("<")[0].partition("@")[0]) / 100
    found = cell.digest.small[slo, tier]
    assert found.n == (len(sample) if carriers is None else carriers)
    assert found.late_share == 0
    assert found.value == pytest.approx(float(np.quantile(sample, level)))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"num_requests": 99}, "99 requests are too few to tell whether a run is steady"),
        ({"num_requests": 100}, None),
        ({"num_requests": 333, "slo": "ttft_p99<1", "num_seeds": 3}, "needs 1,000 requests, "),
        ({"num_requests": 334, "slo": "ttft_p99<1", "num_seeds": 3}, None),
        ({"num_requests": None, "slo": "ttft_p99@paying<1", "num_seeds": 3}, "of tier paying"),
        ({"num_requests": 7000, "slo": "ttft_p99@paying<1", "num_seeds": 3}, None),
        ({"num_requests": 400, "slo": "ttft_mean<1,tbt_p99<tier"}, None),
        ({"num_requests": 133, "slo": "tbt_p99<tier", "num_seeds": 3}, "20 requests of tier pay"),
        ({"num_requests": 134, "slo": "tbt_p99<tier", "num_seeds": 3}, None),
        ({"num_requests": 20, "slo": "ttft_p99<1", "convention": "paper"}, None),
        ({"num_requests": None, "duration_s": 5.0}, None),
    ],
)
def test_what_no_run_of_a_study_can_tell_is_known_before_it_runs(
    fields: dict[str, Any], told: str | None
) -> None:
    spec = study(**{"num_requests": 100, "slo": "ttft_p50<1", **fields})
    why = never_told(spec, DEFAULT_TIERS)
    assert (why is None) is (told is None)
    if told is None:
        check_tellable(spec, DEFAULT_TIERS)
        return
    assert why is not None
    assert told in why
    with pytest.raises(ValueError, match=r"--requests [0-9]+ or more"):
        check_tellable(spec, DEFAULT_TIERS)
