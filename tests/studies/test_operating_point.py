"""A point's numbers are those of its recordings, brought together over seeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from slaibench.measure.latency import token_gaps
from slaibench.measure.quantile_interval import quantile_interval
from slaibench.measure.steady import Steadiness
from slaibench.recording import store
from slaibench.studies import operating_point
from slaibench.studies.operating_point import OperatingPoint
from slaibench.studies.replicates import majority
from slaibench.studies.run_summary import RunSummary
from slaibench.studies.sweep import SweepResult
from tests.studies.studies import loaded, study, sweep

TIERS = ("paying", "free")


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> SweepResult:
    """1,350 requests in three replicates: 450 are too few for a P99, together they are enough."""
    spec = study(schedulers=("slai",), rates=(15.0,), num_requests=450, num_seeds=3)
    return sweep(spec, tmp_path_factory.mktemp("results"), jobs=1)


@pytest.fixture(scope="module")
def point(swept: SweepResult) -> OperatingPoint:
    return swept.points[0]


def make_point(
    scheduler: str, rate_rps: float, summaries: list[RunSummary], tiers: Sequence[str] = TIERS
) -> OperatingPoint:
    return operating_point.make_point(scheduler, rate_rps, summaries, tiers)


def measured(swept: SweepResult) -> list[np.ndarray]:
    """TTFTs after each replicate's warm-up, straight from the recordings."""
    samples = []
    for cell in loaded(swept.cells):
        requests = store.read(cell.folder).requests
        samples.append(requests.ttft_s[requests.due_s >= cell.summary.metrics.window_s[0]])
    return samples


def test_a_percentile_is_that_of_all_replicates_together(
    swept: SweepResult, point: OperatingPoint
) -> None:
    samples = measured(swept)
    pooled = np.concatenate(samples)
    for name, level in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99)):
        estimate = point.ttft_s[name]
        assert estimate.value == pytest.approx(float(np.quantile(pooled, level)))
        assert estimate.n == len(pooled)
        interval = quantile_interval(samples, level)
        both = interval.low is not None and interval.high is not None
        assert estimate.ci95 == ((interval.low, interval.high) if both else None)
    assert point.ttft_s["p50"].ci95 is not None
    assert all(
        cell.summary.metrics.overall.ttft.percentile(0.99).value is None
        for cell in loaded(swept.cells)
    )


def test_tail_gaps_are_taken_by_tier_and_print_by_the_requests_of_all_replicates(
    swept: SweepResult, point: OperatingPoint
) -> None:
    assert set(point.tiers) == {"free", "paying"}
    for name, slo in (("free", 0.5), ("paying", 0.1)):
        gaps, carriers = [], 0
        for cell in loaded(swept.cells):
            requests = store.read(cell.folder).requests
            inside = requests.due_s >= cell.summary.metrics.window_s[0]
            members = inside & (requests.tier == name) & (requests.num_tokens > 1)
            carriers += int(members.sum())
            gaps.append(token_gaps(requests, members).values)
        estimate = point.tiers[name].tbt_p99_s
        assert estimate.n == carriers
        assert point.tiers[name].tbt_slo_s == slo
        if name == "free":
            assert estimate.value == pytest.approx(float(np.quantile(np.concatenate(gaps), 0.99)))
        else:
            assert carriers < 1000
            assert estimate.value is None


def test_counts_are_of_all_replicates(swept: SweepResult, point: OperatingPoint) -> None:
    assert point.num_seeds == 3
    assert (point.counts.due, point.counts.finished) == (1350, 1350)
    assert point.preemptions == 0
    assert point.audit_ok


def test_memory_in_use_is_averaged_over_time(swept: SweepResult, point: OperatingPoint) -> None:
    shares, peaks = [], []
    for cell in loaded(swept.cells):
        recording = store.read(cell.folder)
        steps, total = recording.steps, recording.run["kv_blocks"]
        length = steps.end_s - steps.start_s
        shares.append((steps.kv_blocks_used * length).sum() / length.sum() / total)
        peaks.append(steps.kv_blocks_used.max() / total)
    assert point.kv_mean == pytest.approx(float(np.mean(shares)))
    assert point.kv_peak == max(peaks)


def test_tiers_come_in_the_order_of_the_study_and_without_those_that_nobody_was_in(
    swept: SweepResult, point: OperatingPoint
) -> None:
    summaries = [cell.summary for cell in loaded(swept.cells)]
    assert list(point.tiers) == list(point.to_json()["tbt_p99_s"]) == ["paying", "free"]
    other = make_point("slai", 15.0, summaries, ("free", "gold", "paying"))
    assert list(other.tiers) == ["free", "paying"]


def test_one_replicate_alone_is_as_silent_as_its_sample(swept: SweepResult) -> None:
    alone = make_point("slai", 15.0, [loaded(swept.cells)[0].summary])
    assert alone.ttft_s["p99"].value is None
    median = alone.ttft_s["p50"]
    value = float(np.median(measured(swept)[0]))
    assert median.value == pytest.approx(value)
    assert median.ci95 is not None
    assert median.ci95[0] < value < median.ci95[1]


@pytest.fixture(scope="module")
def runs(
    swept: SweepResult, tmp_path_factory: pytest.TempPathFactory
) -> dict[Steadiness, RunSummary]:
    """One run in each state."""
    results = tmp_path_factory.mktemp("states")
    fields: dict[str, Any] = {"schedulers": ("slai",), "rates": (60.0,)}
    long, short = (
        loaded(sweep(study(**fields, num_requests=num), results, jobs=1).cells)[0].summary
        for num in (3000, 60)
    )
    by_state = {summary.state: summary for summary in (loaded(swept.cells)[0].summary, long, short)}
    assert set(by_state) == set(Steadiness)
    return by_state


STEADY, GROWING, CANNOT_TELL = Steadiness


@pytest.mark.parametrize(
    ("states", "state"),
    [
        ([STEADY, STEADY, STEADY], STEADY),
        ([STEADY, STEADY, GROWING], STEADY),
        ([STEADY, GROWING, GROWING], GROWING),
        ([CANNOT_TELL, GROWING, GROWING], GROWING),
        ([STEADY, GROWING], CANNOT_TELL),
        ([STEADY, GROWING, CANNOT_TELL], CANNOT_TELL),
        ([CANNOT_TELL, CANNOT_TELL, STEADY], CANNOT_TELL),
        ([GROWING], GROWING),
    ],
)
def test_a_point_is_what_more_than_half_of_its_replicates_are(
    runs: dict[Steadiness, RunSummary], states: list[Steadiness], state: Steadiness
) -> None:
    """With three replicates a sound rate is called saturated only if two of them are wrong."""
    point = make_point("slai", 60.0, [runs[name] for name in states])
    assert point.state is state is majority(Counter(states))
    assert (point.saturated, point.undecided) == (state is GROWING, state is CANNOT_TELL)
    assert point.num_growing == states.count(GROWING)
    document = point.to_json()
    assert document["saturated"] is {STEADY: False, GROWING: True, CANNOT_TELL: None}[state]
    assert document["runs"] == {name.value: states.count(name) for name in Steadiness}


def test_the_reason_is_that_of_a_replicate_in_the_points_state(
    runs: dict[Steadiness, RunSummary],
) -> None:
    summaries = [runs[STEADY], runs[GROWING], runs[GROWING]]
    assert make_point("slai", 60.0, summaries).reason.startswith("saturated, stopped")
    assert (
        "does not grow" in make_point("slai", 60.0, [*summaries, runs[STEADY], runs[STEADY]]).reason
    )


def test_what_most_replicates_grow_in_has_no_interval(runs: dict[Steadiness, RunSummary]) -> None:
    calm = make_point("slai", 60.0, [runs[STEADY]] * 3)
    assert calm.ttft_s["p50"].ci95 is not None
    flooded = make_point("slai", 60.0, [runs[STEADY], runs[GROWING], runs[GROWING]])
    assert flooded.ttft_s["p50"].value is not None
    assert flooded.ttft_s["p50"].ci95 is None
