"""Two backends are compared over the same requests, and told apart fairly."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slaibench.measure.catalogue import METRICS
from slaibench.measure.slo import parse_slos
from slaibench.recording import store
from slaibench.recording.record import Recording
from slaibench.studies.crosscheck.agreement import (
    Agreement,
    AgreementVerdict,
    BackendRun,
    Difference,
    identical,
)
from slaibench.studies.crosscheck.agreement import agreement as agreement_of_tiers
from slaibench.studies.run_summary import RunSummarizer
from tests.studies.studies import H100, loaded, study, sweep

SUMMARIZE = RunSummarizer.for_study("strict", parse_slos("ttft_p50<0.5"))
TIERS = ("paying", "free")


def agreement(reference: list[BackendRun], other: list[BackendRun]) -> Agreement:
    return agreement_of_tiers(reference, other, TIERS)


def replicate(recording: Recording) -> BackendRun:
    return BackendRun(recording, SUMMARIZE(recording))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[BackendRun]:
    """One cell over two seeds, with enough requests for a P99 of both together."""
    spec = study(
        schedulers=("sarathi",), rates=(15.0,), num_requests=800, num_seeds=2, profile=str(H100)
    )
    cells = loaded(sweep(spec, tmp_path_factory.mktemp("r"), jobs=1).cells)
    return [replicate(store.read(cell.folder)) for cell in cells]


def stretched(run: BackendRun, factor: float, *, first: int = 0) -> BackendRun:
    """The same run with each request's tokens so much longer after it was due; from request
    ``first`` on."""
    table = run.recording.requests
    due = np.repeat(table.due_s, table.num_tokens)
    scale = np.repeat(np.where(np.arange(len(table)) >= first, factor, 1.0), table.num_tokens)
    times = np.rint((due + scale * (table.token_times_s - due)) * 1e6) / 1e6
    end_s = float(max(times.max(), run.recording.run["end_s"]))
    changed = {**run.recording.run, "end_s": end_s}
    return replicate(Recording(changed, replace(table, token_times_s=times), run.recording.steps))


def test_a_run_against_itself_is_identical(runs: list[BackendRun]) -> None:
    result = agreement(runs, runs)
    assert result.verdict is AgreementVerdict.IDENTICAL
    assert (result.num_seeds, {item.change for item in result.differences.values()}) == (2, {0.0})
    assert list(result.differences) == [
        *("ttft_p50_s", "ttft_p99_s", "tbt_p99_s@paying", "tbt_p99_s@free"),
        *("output_tokens_per_s", "steps", "preemptions", "kv_mean"),
    ]


@pytest.mark.parametrize(
    ("factor", "within", "verdict"),
    [(1.02, True, AgreementVerdict.WITHIN), (1.05, False, AgreementVerdict.BEYOND)],
)
def test_a_stretch_of_all_times_is_the_change_that_is_reported(
    runs: list[BackendRun], factor: float, within: bool, verdict: AgreementVerdict
) -> None:
    result = agreement(runs, [stretched(run, factor) for run in runs])
    for name in ("ttft_p50_s", "tbt_p99_s@free", "tbt_p99_s@paying"):
        difference = result.differences[name]
        assert difference.change == pytest.approx(factor - 1, abs=0.004)
        assert difference.within is within
        assert difference.tolerance == 0.03
    tail = result.differences["ttft_p99_s"]
    assert tail.within is True  # 10 % are allowed there
    assert tail.change == pytest.approx(factor - 1, abs=0.004)
    assert result.differences["steps"].change == 0
    assert result.verdict is verdict


def test_the_interval_is_of_the_seeds_own_ratios(runs: list[BackendRun]) -> None:
    moved = [stretched(runs[0], 1.01), stretched(runs[1], 1.03)]
    difference = agreement(runs, moved).differences["ttft_p50_s"]
    assert difference.change is not None
    assert 0.01 < difference.change < 0.03
    assert difference.ci95 is not None
    low, high = difference.ci95
    # One degree of freedom: t is 12.7, over logarithms 0.0196 apart.
    half = 12.706 * math.log(1.03 / 1.01) / 2
    assert math.log((1 + high) / (1 + low)) == pytest.approx(2 * half, rel=0.05)
    assert agreement(runs[:1], moved[:1]).differences["ttft_p50_s"].ci95 is None


def test_percentiles_are_of_all_seeds_together_and_silent_when_too_few(
    runs: list[BackendRun],
) -> None:
    both, alone = agreement(runs, runs), agreement(runs[:1], runs[:1])
    assert both.differences["ttft_p99_s"].reference is not None
    assert alone.differences["ttft_p99_s"].reference is None
    assert alone.differences["ttft_p99_s"].within is None
    assert both.num_pairs == sum(
        int((run.recording.requests.due_s >= run.summary.metrics.window_s[0]).sum()) for run in runs
    )


def test_both_are_measured_after_the_later_warm_up(runs: list[BackendRun]) -> None:
    """Only requests that neither drops count, or the two would be of different requests."""
    (run, _) = runs
    start, end = run.summary.metrics.window_s
    later = replace(
        run,
        summary=replace(run.summary, metrics=replace(run.summary.metrics, window_s=(20.0, end))),
    )
    assert start < 20
    due = run.recording.requests.due_s
    for pair in (([run], [later]), ([later], [run])):
        assert agreement(*pair).num_pairs == int((due >= 20).sum())


def test_other_requests_are_refused_by_name(runs: list[BackendRun]) -> None:
    with pytest.raises(ValueError, match="due_s differ from request 0 on"):
        agreement(runs[:1], runs[1:])


def test_one_token_at_another_time_is_not_identical(runs: list[BackendRun]) -> None:
    run = runs[0].recording
    times = run.requests.token_times_s.copy()
    times[-1] += 1e-6
    other = replace(run, requests=replace(run.requests, token_times_s=times))
    assert identical(run, run)
    assert not identical(run, other)
    none = replace(run.steps, **{name: np.empty(0) for name in ("start_s", "end_s")})
    assert not identical(replace(run, steps=none), replace(run, steps=none))


def test_an_invalid_run_agrees_with_nobody(runs: list[BackendRun]) -> None:
    invalid = replace(runs[0], summary=replace(runs[0].summary, invalid="sent late"))
    assert agreement(runs[:1], [invalid]).verdict is AgreementVerdict.INVALID
    assert not AgreementVerdict.INVALID.ok


def test_a_backend_without_steps_is_reported_by_its_latencies(runs: list[BackendRun]) -> None:
    blind = [
        replace(
            run, summary=replace(run.summary, num_steps=0, kv=replace(run.summary.kv, mean=None))
        )
        for run in (stretched(run, 1.01) for run in runs)
    ]
    result = agreement(runs, blind)
    assert result.differences["steps"] == Difference(
        None, None, None, None, METRICS["steps"].tolerance
    )
    assert result.differences["kv_mean"].reference is None
    assert result.verdict is AgreementVerdict.WITHIN


def median_ttft(result: Agreement) -> dict[str, Any]:
    return result.to_json()["quantities"]["ttft_p50_s"]


def test_json_has_what_a_script_needs(runs: list[BackendRun]) -> None:
    result = agreement(runs, [stretched(run, 1.05) for run in runs])
    quantity = median_ttft(result)
    assert quantity["within"] is False
    assert quantity["other"] / quantity["reference"] - 1 == pytest.approx(quantity["change"])
    assert result.to_json()["verdict"] == "beyond"


@given(st.floats(-0.2, 0.2), st.sampled_from([0.01, 0.03, 0.1]))
def test_a_difference_is_within_up_to_its_tolerance_to_either_side(
    change: float, tolerance: float
) -> None:
    assert Difference(1.0, 1 + change, change, None, tolerance).within is (
        -tolerance <= change <= tolerance
    )
    assert Difference(1.0, 1 + change, change, None, None).within is None
