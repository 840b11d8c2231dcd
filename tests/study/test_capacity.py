"""Capacity: the largest rate that passes, never one that fails, and what ends it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slaibench.measure.capacity import level
from slaibench.spec import DEFAULT_SLO
from slaibench.study.capacity import STEADY, CapacityResult, cells_of, check, find_capacity
from slaibench.study.sweep import sweep
from slaibench.study.targets import log_ratios
from tests.study.studies import study

SPEC: dict[str, Any] = {
    "schedulers": ("sarathi",),
    "num_requests": 400,
    "num_seeds": 3,
    "rates": (),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("results")


def find(results: Path, **fields: Any) -> CapacityResult:
    return find_capacity(study(**{**SPEC, **fields}), results, jobs=1)[0]


def failing(found: CapacityResult) -> list[float]:
    """Rates at which some target does not hold over the replicates."""
    rates, curves = found.measured.rates_rps, found.measured.curves
    return [
        float(rate)
        for row, rate in enumerate(rates)
        if any(
            level(values[~np.isnan(values)]) > 0 for values in (c.log_ratio[row] for c in curves)
        )
    ]


@pytest.mark.parametrize("slo", [DEFAULT_SLO, "ttft_p50<0.06", "tbt_p99<15ms", "ttft_p99<0.2"])
def test_no_rate_that_fails_lies_at_or_below_the_capacity(results: Path, slo: str) -> None:
    found = find(results, slo=slo)
    rate, (low, high) = found.capacity.rate_rps, found.capacity.bracket
    assert rate is not None
    assert low is not None
    assert high is not None
    assert failing(found)
    assert rate < min(failing(found)) == high
    assert low <= rate
    assert high / low <= 1.051 or found.capacity.shape == "smooth"


def test_a_run_at_the_capacity_keeps_the_targets(results: Path, tmp_path: Path) -> None:
    found = find(results, slo="ttft_p50<0.06")
    assert found.capacity.shape == "smooth"
    assert found.capacity.binding == "ttft_p50<0.06"
    rate = found.capacity.rate_rps
    assert rate is not None
    for factor, holds in ((0.97, True), (1.03, False)):
        spec = study(**{**SPEC, "rates": (rate * factor,), "slo": "ttft_p50<0.06"})
        digests = [cell.digest for cell in sweep(spec, tmp_path, jobs=1).cells]
        values = [log_ratios(spec, each)[0][2] for each in digests]
        assert (float(np.mean(values)) <= 0) is holds


def test_what_saturates_first_is_named_so(results: Path) -> None:
    found = find(results, slo="tbt_p99<tier")
    assert found.capacity.binding == STEADY == "not saturated"
    assert found.capacity.shape == "cliff"
    high = found.capacity.bracket[1]
    at = [cell.digest for cell in found.cells if cell.cell.rate_rps == high]
    assert sum(digest.saturated for digest in at) >= 2
    assert found.untold is None


def test_the_paper_does_not_look_at_saturation(results: Path) -> None:
    # The tail of TBT holds however long the queue: nothing else ends this capacity.
    fields: dict[str, Any] = {"slo": "tbt_p99<tier", "num_seeds": 1, "rates": (20.0, 50.0)}
    found = find(results, **fields, convention="paper")
    assert failing(found) == []
    assert found.capacity.shape is None
    assert found.capacity.rate_rps is not None
    assert found.capacity.rate_rps > 500
    assert "at least this" in found.capacity.note


def test_a_target_nobody_keeps_has_no_capacity(results: Path) -> None:
    found = find(results, slo="ttft_p50<1ms", num_seeds=1)
    assert found.capacity.rate_rps is None
    assert found.capacity.binding == "ttft_p50<1ms"
    told = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert told["rate_rps"] is None
    assert told["ci95"] is None


def test_too_small_a_sample_is_not_taken_for_a_broken_target(results: Path) -> None:
    # One run has some 350 requests after its warm-up: too few for a P99, five have enough.
    found = find(results, slo="ttft_p99<0.2", num_seeds=5)
    assert found.capacity.rate_rps is not None
    assert found.capacity.rate_rps > 10
    assert found.untold is None
    # Three have enough before the cut and too few after it: then this is said, not a number.
    silent = find(results, slo="ttft_p99<0.2", num_seeds=3, num_requests=340)
    assert silent.capacity.rate_rps is None or silent.untold is not None
    assert silent.untold is not None
    assert silent.untold.startswith("n too small: ")
    assert "cannot be told" in silent.to_json()["note"]


def test_runs_that_cannot_tell_are_refused_before_they_run(tmp_path: Path) -> None:
    for refuse in (check, find_capacity):
        with pytest.raises(ValueError, match="60 requests are too few"):
            refuse(study(num_requests=60, rates=()), tmp_path)
        with pytest.raises(ValueError, match=r"burst arrivals do not depend on a rate.*poisson"):
            refuse(study(arrivals="burst", num_requests=400, rates=()), tmp_path)
    assert not list(tmp_path.rglob("run.json"))


def test_rates_that_are_given_are_measured_first(tmp_path: Path) -> None:
    found = find(tmp_path, rates=(20.0, 40.0), num_seeds=1, slo="ttft_p50<0.5")
    assert {20.0, 40.0} <= set(found.measured.rates_rps.tolist())
    assert found.measured.rates_rps.min() == 20.0
    assert all(len(found.to_json()[key]) == 2 for key in ("bracket", "ci95"))


def test_the_same_search_ends_the_same_and_runs_nothing_again(results: Path) -> None:
    first, again = find(results, slo="ttft_p50<0.06"), find(results, slo="ttft_p50<0.06")
    assert again.to_json() == first.to_json()
    assert all(cell.reused for cell in again.cells)


def test_each_scheduler_has_its_own(results: Path) -> None:
    spec = study(**{**SPEC, "schedulers": ("sarathi", "sarathi:token_budget=128")})
    large, small = find_capacity(spec, results, jobs=1)
    assert large.scheduler == "sarathi"
    assert large.capacity.rate_rps is not None
    assert small.capacity.rate_rps is not None
    assert small.capacity.rate_rps < large.capacity.rate_rps


def test_cells_that_were_not_run_are_nan_and_those_that_fail_are_infinite(tmp_path: Path) -> None:
    few = sweep(study(**{**SPEC, "rates": (5.0,), "num_seeds": 1}), tmp_path, jobs=1)
    more = sweep(study(**{**SPEC, "rates": (60.0,), "num_seeds": 2}), tmp_path, jobs=1)

    cells = cells_of(study(**SPEC), [*few.cells, *more.cells])
    steady = next(curve.log_ratio for curve in cells.curves if curve.slo == STEADY)
    assert cells.seeds == (0, 1)
    assert steady[0, 0] < 0
    assert np.isnan(steady[0, 1])
    assert np.isinf(steady[1]).all()
