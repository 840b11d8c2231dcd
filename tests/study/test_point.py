"""A point's numbers are those of its recordings, brought together over seeds."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import gmean

from slaibench.measure.latency import token_gaps
from slaibench.recording import store
from slaibench.study.digest import CellDigest
from slaibench.study.point import Point, make_point, measured_ttft
from slaibench.study.sweep import SweepResult, sweep
from tests.study.studies import study


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> SweepResult:
    """1,350 requests in three replicates: 450 are too few for a P99, together they are enough."""
    spec = study(schedulers=("slai",), rates=(15.0,), num_requests=450, num_seeds=3)
    return sweep(spec, tmp_path_factory.mktemp("results"), jobs=1)


@pytest.fixture(scope="module")
def point(swept: SweepResult) -> Point:
    return swept.points[0]


def measured(swept: SweepResult) -> list[np.ndarray]:
    """TTFTs after each replicate's warm-up, straight from the recordings."""
    found = []
    for cell in swept.cells:
        requests = store.read(cell.folder).requests
        found.append(requests.ttft_s[requests.due_s >= cell.digest.metrics.window_s[0]])
    return found


def test_a_percentile_is_the_geometric_mean_of_the_replicates_own(
    swept: SweepResult, point: Point
) -> None:
    samples = measured(swept)
    for name, level in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99)):
        own = [float(np.quantile(sample, level)) for sample in samples]
        found = point.ttft_s[name]
        assert found.value == pytest.approx(float(gmean(own)))
        assert found.n == sum(map(len, samples))
        assert found.ci95 is not None
        assert found.ci95[0] < gmean(own) < found.ci95[1]
    assert all(
        cell.digest.metrics.overall.ttft.percentile(0.99).value is None for cell in swept.cells
    )


def test_tail_gaps_are_taken_by_tier_and_print_by_the_requests_of_all_replicates(
    swept: SweepResult, point: Point
) -> None:
    assert set(point.tiers) == {"free", "paying"}
    for name, slo in (("free", 0.5), ("paying", 0.1)):
        tails, carriers = [], 0
        for cell in swept.cells:
            requests = store.read(cell.folder).requests
            inside = requests.due_s >= cell.digest.metrics.window_s[0]
            members = inside & (requests.tier == name) & (requests.num_tokens > 1)
            carriers += int(members.sum())
            tails.append(float(np.quantile(token_gaps(requests, members).values, 0.99)))
        estimate = point.tiers[name].tbt_p99_s
        assert estimate.n == carriers
        assert point.tiers[name].tbt_slo_s == slo
        if name == "free":
            assert estimate.value == pytest.approx(float(gmean(tails)))
        else:
            assert carriers < 1000
            assert estimate.value is None


def test_counts_are_of_all_replicates(swept: SweepResult, point: Point) -> None:
    assert point.num_seeds == 3
    assert (point.counts.due, point.counts.finished) == (1350, 1350)
    assert point.preemptions == 0
    assert point.audit_ok


def test_memory_in_use_is_averaged_over_time(swept: SweepResult, point: Point) -> None:
    shares, peaks = [], []
    for cell in swept.cells:
        recording = store.read(cell.folder)
        steps, total = recording.steps, recording.run["kv_blocks"]
        length = steps.end_s - steps.start_s
        shares.append((steps.kv_blocks_used * length).sum() / length.sum() / total)
        peaks.append(steps.kv_blocks_used.max() / total)
    assert point.kv_mean == pytest.approx(float(np.mean(shares)))
    assert point.kv_peak == max(peaks)


def test_one_replicate_alone_is_as_silent_as_its_sample(swept: SweepResult) -> None:
    alone = make_point("slai", 15.0, [swept.cells[0].digest])
    assert alone.ttft_s["p99"].value is None
    median = alone.ttft_s["p50"]
    value = float(np.median(measured(swept)[0]))
    assert median.value == pytest.approx(value)
    assert median.ci95 is not None
    assert median.ci95[0] < value < median.ci95[1]


def test_one_saturated_replicate_saturates_the_point_and_one_untold_leaves_it_open(
    swept: SweepResult, tmp_path: Path
) -> None:
    calm = swept.cells[0].digest
    fields: dict[str, Any] = {"schedulers": ("slai",), "rates": (60.0,)}
    long, short = (
        sweep(study(**fields, num_requests=num), tmp_path, jobs=1).cells[0].digest
        for num in (3000, 60)
    )
    assert (calm.steady, long.steady, short.steady) == (True, False, None)
    for digests, told in (
        ([calm, calm], False),
        ([calm, long], True),
        ([calm, short], None),
        ([short, long], True),
    ):
        point = make_point("slai", 60.0, digests)
        assert point.to_json()["saturated"] is told
        assert point.saturated is (told is True)
    assert make_point("slai", 60.0, [calm, long]).reason.startswith("saturated, stopped")


def test_under_the_papers_conventions_only_finished_requests_count(tmp_path: Path) -> None:
    fields: dict[str, Any] = {
        "schedulers": ("sarathi",),
        "rates": (60.0,),
        "num_requests": 1000,
    }
    digests: dict[str, CellDigest] = {}
    for convention in ("strict", "paper"):
        spec = study(**fields, convention=convention, duration_s=10.0)
        digests[convention] = sweep(spec, tmp_path, jobs=1).cells[0].digest
    assert math.inf in measured_ttft(digests["strict"])
    paper = measured_ttft(digests["paper"])
    assert np.isfinite(paper).all()
    assert len(paper) > 100
    assert digests["paper"].metrics.window_s[0] == 0
