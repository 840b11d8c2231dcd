import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slaibench.measure.catalogue import LATENCIES
from slaibench.measure.metrics import run_metrics, strictest_first
from slaibench.measure.warmup import time_to_fill
from tests.measure.queues import many_servers
from tests.measure.recordings import Row, random_rows, recording


def test_counts_are_one_bucket_a_request() -> None:
    rows = [
        Row(0.0, [1.0]),
        Row(1.0, [2.0], "failed"),
        Row(2.0, [], "timed_out"),
        Row(3.0, [], "unfinished"),
        Row(9.0, [], "unfinished"),
    ]
    counts = run_metrics(recording(rows, 5.0)).counts
    buckets = (counts.due, counts.finished, counts.failed, counts.timed_out, counts.unfinished)
    assert buckets == (4, 1, 1, 1, 1)  # the fifth was not due before the run was stopped


@settings(deadline=None)
@given(st.integers(0, 2**31), st.sampled_from(["strict", "paper"]))
def test_invariants_of_any_recording(seed: int, convention: str) -> None:
    rng = np.random.default_rng(seed)
    rows = random_rows(rng, 120)
    run = recording(rows, float(rng.uniform(60, 200)))
    metrics = run_metrics(run, convention=convention)
    counts = metrics.counts
    assert counts.due == counts.finished + counts.failed + counts.timed_out + counts.unfinished
    assert metrics.num_measured <= counts.due
    for name in LATENCIES:
        parts = [tier.latencies[name] for tier in metrics.tiers.values()]
        whole = metrics.overall.latencies[name]
        assert whole.n == sum(part.n for part in parts)
        assert whole.unserved == sum(part.unserved for part in parts)
        values = [p.value for p in whole.percentiles if p.value is not None]
        assert values == sorted(values)
    assert sum(bucket.num_due for bucket in metrics.prompt_buckets) == metrics.num_measured
    assert all(0 <= bucket.share_served <= 1 for bucket in metrics.prompt_buckets)
    assert metrics.window_s[0] <= metrics.window_s[1] <= metrics.stop_s


def steady_run(n: int = 2000) -> tuple[list[Row], float]:
    due, _, end = many_servers(n, 0.7, 20, np.random.default_rng(3))
    rows = [
        Row(d, [d + 0.1 * (e - d), e], tier="paying" if i % 10 == 0 else "free", tbt_slo_s=0.5)
        for i, (d, e) in enumerate(zip(due.tolist(), end.tolist(), strict=True))
    ]
    return rows, float(end.max())


def test_strict_measures_after_the_warmup_and_before_the_drain() -> None:
    rows, end = steady_run()
    metrics = run_metrics(recording(rows, end))
    due = np.array([row.due_s for row in rows])
    left = np.array([row.tokens_s[-1] for row in rows])
    assert metrics.warmup is not None
    assert metrics.warmup.cut_s == time_to_fill(due, left, end) > 0
    assert metrics.window_s == (metrics.warmup.cut_s, due[-1])
    kept = due >= metrics.warmup.cut_s
    assert metrics.num_measured == metrics.overall.ttft.n == metrics.overall.tbt.n == kept.sum()
    ttft = np.array([row.tokens_s[0] - row.due_s for row in rows])[kept]
    assert metrics.overall.ttft.percentile(0.99).value == pytest.approx(np.quantile(ttft, 0.99))
    assert metrics.overall.ttft.mean == pytest.approx(ttft.mean())
    assert metrics.throughput_rps == pytest.approx(0.7, rel=0.1)
    assert metrics.output_tokens_per_s == pytest.approx(1.4, rel=0.1)


def test_paper_measures_everything() -> None:
    rows, end = steady_run()
    metrics = run_metrics(recording(rows, end), convention="paper")
    assert metrics.warmup is None
    assert metrics.window_s == (0.0, end)
    assert metrics.num_measured == 2000
    assert metrics.overall.tbt.n == 2000
    assert metrics.throughput_rps == pytest.approx(2000 / end)


def test_two_runs_can_be_measured_over_the_same_requests() -> None:
    rows, end = steady_run()
    run = recording(rows, end)
    metrics = run_metrics(run, cut_s=1000.0)
    assert metrics.window_s[0] == 1000.0
    assert metrics.num_measured == sum(row.due_s >= 1000 for row in rows)


def test_tiers_have_their_own_latencies_and_slo() -> None:
    rows, end = steady_run()
    metrics = run_metrics(recording(rows, end), cut_s=0.0)
    assert sorted(metrics.tiers) == ["free", "paying"]
    assert metrics.tiers["paying"].ttft.n == 200
    assert metrics.tiers["paying"].tbt_slo_s == 0.5
    assert metrics.overall.tbt_slo_s is None
    gaps = np.array([row.tokens_s[1] - row.tokens_s[0] for row in rows if row.tier == "paying"])
    assert metrics.tiers["paying"].tbt.percentile(0.95).value == pytest.approx(
        np.quantile(gaps, 0.95)
    )


def test_prompt_buckets_are_512_wide() -> None:
    sizes = [1, 511, 512, 1023, 1024, 4000]
    rows = [
        Row(
            float(i),
            [i + 1.0] if size < 4000 else [],
            "finished" if size < 4000 else "unfinished",
            prompt_tokens=size,
        )
        for i, size in enumerate(sizes)
    ]
    buckets = run_metrics(recording(rows, 50.0), cut_s=0.0).prompt_buckets
    assert [(b.low_tokens, b.high_tokens) for b in buckets] == [
        (0, 512), (512, 1024), (1024, 1536), (3584, 4096),
    ]  # fmt: skip
    assert [b.num_due for b in buckets] == [2, 2, 1, 1]
    assert [b.share_served for b in buckets] == [1, 1, 1, 0]
    assert buckets[3].ttft.unserved == 1


def test_run_that_was_stopped_early_is_measured_up_to_then() -> None:
    rows, _ = steady_run()
    rows = [
        Row(
            row.due_s,
            [t for t in row.tokens_s if t <= 900],
            "finished" if row.tokens_s[1] <= 900 else "unfinished",
        )
        for row in rows
    ]
    metrics = run_metrics(recording(rows, 900.0))
    assert metrics.window_s[1] <= 900
    assert metrics.counts.due == sum(row.due_s <= 900 for row in rows)


def test_all_at_once_is_measured_over_the_whole_run() -> None:
    rows = [Row(0.0, [i + 1.0]) for i in range(100)]
    metrics = run_metrics(recording(rows, 100.0))
    assert metrics.window_s == (0.0, 100.0)
    assert metrics.throughput_rps == 1.0
    assert metrics.num_measured == 100


def test_empty_recording() -> None:
    metrics = run_metrics(recording([], 0.0))
    assert metrics.counts.due == 0
    assert metrics.throughput_rps is None
    assert metrics.overall.ttft.percentile(0.5).value is None


def test_unknown_convention_is_refused() -> None:
    with pytest.raises(ValueError, match="'strict' or 'paper'"):
        run_metrics(recording([], 0.0), convention="vllm")


def test_measuring_needs_no_heavy_import() -> None:
    code = (
        "import sys, slaibench.measure.metrics, slaibench.measure.capacity;"
        "import slaibench.measure.audit, slaibench.measure.paired, slaibench.measure.deadlines;"
        "print([m for m in ('scipy', 'pandas', 'matplotlib', 'pyarrow') if m in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"


def test_tiers_come_strictest_first_and_those_without_a_target_last() -> None:
    slos_s = {"free": 0.5, "any": None, "paying": 0.1, "none": np.nan, "also": 0.5}
    assert strictest_first(slos_s) == ["paying", "also", "free", "any", "none"]
