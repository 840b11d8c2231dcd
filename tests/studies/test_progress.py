"""How far a study is: from its cells, and by the rules that its result will be judged by."""

from __future__ import annotations

from pathlib import Path

import pytest

from slaibench.spec import StudySpec
from slaibench.studies import capacity as capacity_study
from slaibench.studies import closed_loop
from slaibench.studies import sweep as sweep_study
from slaibench.studies.executors import CellResult
from slaibench.studies.progress import Snapshot, Tracker, bracket_so_far
from tests.studies.studies import study

RATES = (5.0, 20.0, 60.0)
SIZE = 2000


class Recorded(Tracker):
    """Keeps what is seen after each cell."""

    def __init__(self, plan: sweep_study.SweepPlan) -> None:
        self.now_s = 0.0
        self.seen: list[Snapshot] = []
        super().__init__(plan, clock=lambda: self.now_s)
        self.seen.append(self.snapshot())

    def __call__(self, result: CellResult, done: int, total: int) -> None:
        self.now_s += result.took_s or 0.0
        super().__call__(result, done, total)
        self.seen.append(self.snapshot())


def spec(**fields: object) -> StudySpec:
    more = {"rates": RATES, "num_requests": SIZE, "num_seeds": 2, "slo": "ttft_p50<0.5", **fields}
    return study(schedulers=("sarathi", "slai"), **more)


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recorded, sweep_study.SweepResult]:
    plan = sweep_study.plan(spec(), tmp_path_factory.mktemp("swept"), jobs=1)
    tracker = Recorded(plan)
    return tracker, sweep_study.run(plan, tracker)


def test_every_cell_is_counted_from_the_start_to_the_end(
    swept: tuple[Recorded, sweep_study.SweepResult],
) -> None:
    tracker, result = swept
    first, last = tracker.seen[0], tracker.seen[-1]
    assert (first.done, first.total) == (0, len(RATES) * 2 * 2)
    assert (last.done, last.total) == (len(result.cells), len(result.cells))
    assert [seen.done for seen in tracker.seen] == list(range(len(result.cells) + 1))
    assert {name.scheduler: name.done for name in last.schedulers} == {
        "sarathi": len([c for c in result.cells if c.cell.scheduler == "sarathi"]),
        "slai": len([c for c in result.cells if c.cell.scheduler == "slai"]),
    }


def test_replicates_of_a_run_that_was_stopped_are_not_expected_any_more(
    swept: tuple[Recorded, sweep_study.SweepResult],
) -> None:
    tracker, result = swept
    assert any(cell.summary.stopped_early for cell in result.cells)
    totals = [seen.total for seen in tracker.seen]
    assert totals[-1] is not None
    assert totals[-1] < len(RATES) * 2 * 2 + 2


def test_what_is_carried_so_far_is_what_the_capacity_search_says(
    swept: tuple[Recorded, sweep_study.SweepResult],
) -> None:
    tracker, result = swept
    for scheduler in tracker.seen[-1].schedulers:
        own = [cell for cell in result.cells if cell.cell.scheduler == scheduler.scheduler]
        said = capacity_study.capacity_from(
            result.spec, result.targets, "", scheduler.scheduler, own
        )
        assert (scheduler.carries_rps, scheduler.fails_rps) == said.capacity.bracket
        assert scheduler.carries_rps is not None
        assert scheduler.fails_rps is not None


def test_nothing_is_carried_before_anything_ran(
    swept: tuple[Recorded, sweep_study.SweepResult],
) -> None:
    tracker, result = swept
    assert bracket_so_far(result.targets, []) == (None, None)
    assert all(name.carries_rps is name.fails_rps is None for name in tracker.seen[0].schedulers)


def test_the_time_left_is_unknown_until_near_rates_have_run_and_nothing_at_the_end(
    swept: tuple[Recorded, sweep_study.SweepResult],
) -> None:
    tracker, _ = swept
    assert tracker.seen[0].eta_s is None
    assert tracker.seen[-1].eta_s == 0.0
    # 60 requests/s lie further from 20 than a cost can be carried.
    highest = next(
        place
        for place, result in enumerate(tracker.results, 1)
        if result.cell.rate_rps == 60.0 and result.cell.overload is None
    )
    assert all(seen.eta_s is None for seen in tracker.seen[:highest])
    assert all(seen.eta_s is not None for seen in tracker.seen[highest:])


def test_the_time_left_is_what_cells_of_the_same_rate_took(tmp_path: Path) -> None:
    plan = sweep_study.plan(
        spec(rates=(5.0,), num_requests=60, num_seeds=3, convention="paper"), tmp_path, jobs=1
    )
    tracker = Recorded(plan)
    sweep_study.run(plan, tracker)
    second = tracker.seen[2]  # one replicate of both, four to go
    took = {result.cell.scheduler: result.took_s for result in tracker.results[:2]}
    assert second.eta_s == pytest.approx(2 * sum(t or 0.0 for t in took.values()))


def test_cells_from_disk_are_counted_as_such_and_cost_nothing(tmp_path: Path) -> None:
    small = spec(rates=(5.0,), num_requests=60)
    sweep_study.run(sweep_study.plan(small, tmp_path, jobs=1))
    plan = sweep_study.plan(small, tmp_path, jobs=1)
    tracker = Recorded(plan)
    sweep_study.run(plan, tracker)
    last = tracker.seen[-1]
    assert last.done == last.reused > 0
    assert all(seen.eta_s is None for seen in tracker.seen[:-1])


def test_the_next_cell_is_the_one_that_runs_now(tmp_path: Path) -> None:
    plan = sweep_study.plan(
        spec(rates=(5.0,), num_requests=60, convention="paper"), tmp_path, jobs=1
    )
    tracker = Recorded(plan)
    sweep_study.run(plan, tracker)
    names = [[cell.scheduler for cell in seen.now] for seen in tracker.seen]
    assert names == [[], ["slai"], [], ["slai"], []]


def test_a_search_says_that_more_may_follow(tmp_path: Path) -> None:
    one = study(schedulers=("sarathi",), rates=(), num_requests=SIZE)
    assert Tracker(capacity_study.plan(one, tmp_path, jobs=1)).snapshot().searches
    assert not Tracker(sweep_study.plan(spec(), tmp_path, jobs=1)).snapshot().searches


def test_without_a_plan_cells_are_counted_by_what_is_reported(
    swept: tuple[Recorded, sweep_study.SweepResult],
) -> None:
    tracker = Tracker()
    assert tracker.snapshot().total is None
    first = swept[0].results[0]
    tracker(first, 1, 7)
    seen = tracker.snapshot()
    assert (seen.done, seen.total, seen.eta_s) == (1, 7, None)


def test_closed_loops_carry_nothing_and_their_time_left_is_known(tmp_path: Path) -> None:
    small = {"rates": (), "concurrency": (4, 8), "num_requests": 60, "schedulers": ("slai",)}
    plan = closed_loop.plan(study(**small), tmp_path, jobs=1)
    tracker = Tracker(plan)
    assert tracker.snapshot().total == 2
    closed_loop.run(plan, tracker)
    seen = tracker.snapshot()
    assert (seen.done, seen.total) == (2, 2)
    assert [(name.carries_rps, name.fails_rps) for name in seen.schedulers] == [(None, None)]
