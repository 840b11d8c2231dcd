"""A study of bounds: what it answers follows from its runs, and nobody exceeds anything."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from slaibench.recording import store
from slaibench.spec import StudySpec
from slaibench.studies.bound.bounds import bounds_of
from slaibench.studies.bound.limits import BoundMaker, lengths_of
from slaibench.studies.bound.result import BoundResult, Throughput
from slaibench.studies.bound.study import plan, run
from slaibench.studies.executors import CellResult
from slaibench.workloads.registry import resolve
from tests.studies.bound.specs import small


def every(result: BoundResult) -> list[Throughput]:
    return [*result.throughputs, *result.budgets.values()]


def test_shares_are_below_one_and_below_those_of_their_limits(result: BoundResult) -> None:
    for throughput in every(result):
        assert throughput.share.value is not None
        assert throughput.within_share.value is not None
        assert 0.3 < throughput.share.value <= throughput.within_share.value <= 1
        assert throughput.run_share < 1
        assert throughput.untold == 0


def test_rates_are_shares_of_the_bound(result: BoundResult) -> None:
    for throughput in every(result):
        assert throughput.share.value is not None
        rate_rps = throughput.share.value * result.bounds.bound.rate_rps
        assert throughput.rate_rps.value == pytest.approx(rate_rps)
        assert throughput.within_rps <= result.bounds.bound.rate_rps * (1 + 1e-6)


def test_sarathi_is_the_same_by_any_name_and_loses_where_it_ignores_tiles(
    result: BoundResult,
) -> None:
    sarathi = result.throughputs[0]
    assert result.budgets[512].share == sarathi.share
    assert (result.budgets[528].share.value or 1) < 0.95 * (sarathi.share.value or 0)


def test_rad_comes_close_to_theorem_1_without_a_cost_of_steps_and_not_with_it(
    result: BoundResult,
) -> None:
    free, dear = (result.rad_at(step_s, 128) for step_s in (0.0, 0.001))
    assert 0.97 < (free[-1].share.value or 0) <= 1
    assert (free[0].share.value or 1) < 0.5
    assert free[-1].limit_rps == pytest.approx(result.bounds.theorem_rps)
    assert (dear[-1].share.value or 1) == pytest.approx(
        dear[-1].limit_rps / result.bounds.theorem_rps, rel=0.02
    )


def test_theorem_2_asks_for_more_than_is_enough(result: BoundResult) -> None:
    (least,) = result.least_cycles
    assert (least.tile, least.eps) == (128, 0.05)
    assert least.cycle == pytest.approx(566_400, rel=1e-3)
    assert least.enough == math.inf
    assert result.to_json()["rad"]["theorem_2"][0]["enough"] == "inf"


def test_maps_are_stable_far_below_the_bound_and_unstable_above_it(result: BoundResult) -> None:
    by_load = {(c.scheduler, c.load): c.stability for c in result.maps}
    for scheduler in ("sarathi", "rad"):
        assert by_load[scheduler, 0.3] == "stable"
        assert by_load[scheduler, 1.2] == "unstable"


def test_a_second_run_takes_all_from_disk(result: BoundResult, results: Path) -> None:
    seen: list[tuple[CellResult, int, int]] = []
    again = run(plan(small(), results, jobs=1), lambda *report: seen.append(report))
    assert all(cell.reused for cell, _, _ in seen)
    total = sum(map(len, again.cells.values()))
    assert [done for _, done, _ in seen] == list(range(1, total + 1))
    assert {count for _, _, count in seen} == {total} == {len(list(store.find_runs(results)))}
    assert again.to_json() == result.to_json()


def test_it_is_one_json_document(result: BoundResult) -> None:
    values = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert values["bound"]["binding"] == result.bounds.bound.parts.binding
    assert sum(values["bound"]["shares"].values()) == pytest.approx(1)


def test_parts_can_be_left_out() -> None:
    bounds = bounds_of(small(outputs=(), budgets=(), cycles=(), tiles=()))
    assert [part.name for part in bounds.parts] == ["backlog"]


def test_longer_requests_than_allowed_are_in_no_bound() -> None:
    source = resolve("uniform:prompt=100-200,output=10-20")
    assert lengths_of(source, 150).total_tokens.max() == 150


def test_a_backlog_too_small_to_tell_is_said(tmp_path: Path) -> None:
    study = StudySpec(
        schedulers=("sarathi",), workload="fixed:prompt=50,output=300", num_requests=20, num_seeds=1
    )
    spec = small(study=study, outputs=(), budgets=(), cycles=(), tiles=())
    (throughput,) = run(plan(spec, tmp_path, jobs=1)).throughputs
    assert throughput.share.value is None
    assert throughput.untold == 1
    assert throughput.run_share < 1


def test_a_study_without_a_profile_has_no_bound() -> None:
    class SystemUnderTest:
        @staticmethod
        def identity() -> dict[str, None]:
            return {"kv_blocks": None, "profile_fingerprint": None}

    class PreparedStudy:
        system = SystemUnderTest
        spec = StudySpec(backend="vllm")

    with pytest.raises(ValueError, match="which --backend vllm lacks here"):
        BoundMaker(PreparedStudy)  # type: ignore[arg-type]
