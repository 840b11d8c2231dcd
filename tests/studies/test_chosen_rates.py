"""Rates that a study chooses: round, few, about the capacities, the same again."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from slaibench.rates import parse_rates
from slaibench.spec import StudySpec
from slaibench.studies.capacity_result import capacity_from
from slaibench.studies.chosen_rates import check_can_choose, grid
from slaibench.studies.sweep import SweepResult
from tests.studies.studies import compare, study, sweep

SMALL: dict[str, Any] = {"rates": (), "num_requests": 400, "slo": "ttft_p50<0.5"}


def test_a_grid_is_light_load_then_fine_about_the_capacity_then_past_it() -> None:
    assert grid({"a": 7.04}, 9.0) == (1.8, 3.5, 5.3, 6.2, 6.6, 7.0, 7.5, 7.9, 8.8)


def test_a_grid_serves_all_schedulers_and_repeats_no_neighbour() -> None:
    both = grid({"a": 6.41, "b": 7.04}, 9.0)
    assert 8 <= len(both) <= 12
    many = grid({"a": 1.0, "b": 1.02, "c": 4.0, "d": None}, 9.0)
    assert len(many) <= 12
    assert min(many) == 0.24
    assert max(many) == 5.0
    assert all(b - a > 0.03 * a for a, b in pairwise(many))


def test_a_grid_in_real_time_has_few_rates() -> None:
    assert len(grid({"a": 7.04}, 9.0, in_real_time=True)) <= 6


def test_where_nobody_carries_anything_the_rates_are_low() -> None:
    assert grid({"a": None, "b": None}, 10.0) == (0.2, 0.5, 1.0, 2.0)


@pytest.fixture(scope="module")
def chosen(tmp_path_factory: pytest.TempPathFactory) -> SweepResult:
    return sweep(study(**SMALL, num_seeds=2), tmp_path_factory.mktemp("chosen"), jobs=1)


def test_a_sweep_that_names_no_rates_measures_about_its_capacities(chosen: SweepResult) -> None:
    rates = chosen.spec.rates
    assert 8 <= len(rates) <= 12
    for scheduler in chosen.spec.schedulers:
        assert len(chosen.of(scheduler)) == len(rates)
        low, high = capacity_from(
            chosen.spec, chosen.targets, "", scheduler, chosen.cells
        ).capacity.bracket
        assert low is not None
        assert high is not None
        assert high / low < 1.2
    assert all(len(f"{rate:g}".replace(".", "").strip("0")) <= 3 for rate in rates)


def test_its_document_names_the_rates_and_why_they_are_these(chosen: SweepResult) -> None:
    document = chosen.to_json()["spec"]
    reason = document["rates_chosen"]  # type: ignore[typeddict-item]
    assert reason.startswith("auto: no scheduler exceeds")
    assert "carries about" in reason
    assert StudySpec.model_validate(document) == chosen.spec
    assert "rates_chosen" not in study(rates=(5.0,)).to_json()


def test_the_same_study_chooses_the_same_rates(chosen: SweepResult, tmp_path: Path) -> None:
    again = sweep(study(**SMALL, num_seeds=2), tmp_path, jobs=2)
    assert again.spec == chosen.spec
    named = sweep(study(**{**SMALL, "rates": chosen.spec.rates}, num_seeds=2), tmp_path, jobs=1)
    assert named.points == chosen.points
    assert named.num_reused == len(named.cells)


def test_a_scheduler_that_no_rate_stopped_carries_at_least_the_largest(tmp_path: Path) -> None:
    """Of so few requests none waits for long, and nothing is seen to grow."""
    swept = sweep(study(rates=(), num_requests=20, slo="ttft_p50<0.5"), tmp_path, jobs=1)
    assert swept.spec.rates_chosen is not None
    assert "sarathi carries at least" in swept.spec.rates_chosen


def test_a_comparison_chooses_them_too(tmp_path: Path) -> None:
    result = compare(study(**SMALL, num_seeds=1), tmp_path, jobs=1)
    assert tuple(rate.rate_rps for rate in result.rates) == result.spec.rates
    assert len(result.spec.rates) >= 8


def test_targets_that_nobody_meets_are_said(tmp_path: Path) -> None:
    fields = {**SMALL, "slo": "ttft_p50<0.000001", "num_requests": 60}
    result = sweep(study(**fields, schedulers=("sarathi",), num_seeds=1), tmp_path, jobs=1)
    assert "sarathi fails its targets at every rate tried" in str(result.spec.rates_chosen)
    assert len(result.points) == 4


def test_rates_of_a_server_that_is_not_ours_are_named() -> None:
    spec = study(backend="endpoint", url="http://127.0.0.1:9", rates=parse_rates("auto"))
    with pytest.raises(ValueError, match="slaibench capacity --url"):
        check_can_choose(spec)
