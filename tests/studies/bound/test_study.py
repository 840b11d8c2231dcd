"""A study of bounds: what it answers follows from its runs, and nobody exceeds anything."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from slaibench.studies.bound.plan import plan

from slaibench.recording import store
from slaibench.spec import StudySpec
from slaibench.studies.bound.limits import BoundMaker, lengths_of
from slaibench.studies.bound.result import BoundResult, Throughput
from slaibench.studies.bound.study import check, run
from slaibench.studies.executors import CellResult
from slaibench.workloads.registry import resolve
from tests.studies.bound.asks import small


def every(found: BoundResult) -> list[Throughput]:
    return [*found.throughputs, *found.budgets.values()]


def test_shares_are_below_one_and_below_those_of_their_limits(found: BoundResult) -> None:
    for each in every(found):
        assert each.share.value is not None
        assert each.within_share.value is not None
        assert 0.3 < each.share.value <= each.within_share.value <= 1
        assert each.run_share < 1
        assert each.untold == 0


def test_rates_are_shares_of_the_bound(found: BoundResult) -> None:
    for each in every(found):
        assert each.share.value is not None
        assert each.rate_rps.value == pytest.approx(each.share.value * found.plan.bound.rate_rps)
        assert each.within_rps <= found.plan.bound.rate_rps * (1 + 1e-6)


def test_sarathi_is_the_same_by_any_name_and_loses_where_it_ignores_tiles(
    found: BoundResult,
) -> None:
    sarathi = found.throughputs[0]
    assert found.budgets[512].share == sarathi.share
    assert (found.budgets[528].share.value or 1) < 0.95 * (sarathi.share.value or 0)


def test_rad_comes_close_to_theorem_1_without_a_cost_of_steps_and_not_with_it(
    found: BoundResult,
) -> None:
    free, dear = (found.rad_at(step_s, 128) for step_s in (0.0, 0.001))
    assert 0.97 < (free[-1].share.value or 0) <= 1
    assert (free[0].share.value or 1) < 0.5
    assert free[-1].limit_rps == pytest.approx(found.plan.theorem_rps)
    assert (dear[-1].share.value or 1) == pytest.approx(
        dear[-1].limit_rps / found.plan.theorem_rps, rel=0.02
    )


def test_theorem_2_asks_for_more_than_is_enough(found: BoundResult) -> None:
    (least,) = found.least_cycles
    assert (least.tile, least.eps) == (128, 0.05)
    assert least.cycle == pytest.approx(566_400, rel=1e-3)
    assert least.enough == math.inf
    assert found.to_json()["rad"]["theorem_2"][0]["enough"] == "inf"


def test_maps_are_stable_far_below_the_bound_and_unstable_above_it(found: BoundResult) -> None:
    by_load = {(c.scheduler, c.load): c.stability for c in found.maps}
    for scheduler in ("sarathi", "rad"):
        assert by_load[scheduler, 0.3] == "stable"
        assert by_load[scheduler, 1.2] == "unstable"


def test_a_second_run_takes_all_from_disk(found: BoundResult, results: Path) -> None:
    seen: list[tuple[CellResult, int, int]] = []
    again = run(check(small(), results), results, jobs=1, on_cell=lambda *each: seen.append(each))
    assert all(cell.reused for cell, _, _ in seen)
    total = sum(map(len, again.cells.values()))
    assert [done for _, done, _ in seen] == list(range(1, total + 1))
    assert {count for _, _, count in seen} == {total} == {len(list(store.find_runs(results)))}
    assert again.to_json() == found.to_json()


def test_it_is_one_json_document(found: BoundResult) -> None:
    values = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert values["bound"]["binding"] == found.plan.bound.parts.binding
    assert sum(values["bound"]["shares"].values()) == pytest.approx(1)


def test_parts_can_be_left_out() -> None:
    made = plan(small(outputs=(), budgets=(), cycles=(), tiles=()))
    assert [part.name for part in made.parts] == ["backlog"]


def test_longer_requests_than_allowed_are_in_no_bound() -> None:
    source = resolve("uniform:prompt=100-200,output=10-20")
    assert lengths_of(source, 150).total_tokens.max() == 150


def test_a_backlog_too_small_to_tell_is_said(tmp_path: Path) -> None:
    study = StudySpec(
        schedulers=("sarathi",), workload="fixed:prompt=50,output=300", num_requests=20, num_seeds=1
    )
    ask = small(study=study, outputs=(), budgets=(), cycles=(), tiles=())
    (found,) = run(check(ask, tmp_path), tmp_path, jobs=1).throughputs
    assert found.share.value is None
    assert found.untold == 1
    assert found.run_share < 1


def test_a_bench_without_a_profile_has_no_bound() -> None:
    class SystemUnderTest:
        @staticmethod
        def identity() -> dict[str, None]:
            return {"kv_blocks": None, "profile_fingerprint": None}

    class PreparedStudy:
        system = SystemUnderTest
        spec = StudySpec(backend="vllm")

    with pytest.raises(ValueError, match="which --backend vllm has not here"):
        BoundMaker(PreparedStudy)  # type: ignore[arg-type]
