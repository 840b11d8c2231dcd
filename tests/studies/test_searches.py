"""Searches side by side: each goes on by its own results, and none waits for another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from slaibench.spec import CellSpec
from slaibench.studies import sweep
from slaibench.studies.executors import CellResult
from slaibench.studies.lifecycle import quiet
from slaibench.studies.prepared import PreparedStudy
from slaibench.studies.searches import Search, side_by_side
from tests.studies.studies import contents, study

RATES = (2.0, 3.0, 4.0)


def one_by_one(prepared: PreparedStudy, scheduler: str) -> Search[list[CellResult]]:
    """Asks for a cell of each rate, and once for none."""
    results: list[CellResult] = []
    assert (yield []) == ()
    for rate in RATES:
        results += yield [prepared.cell(scheduler, rate, 0)]
    return results


def at_once(prepared: PreparedStudy, scheduler: str) -> Search[list[CellResult]]:
    """Asks for all rates, the last first."""
    return list((yield [prepared.cell(scheduler, rate, 0) for rate in RATES[::-1]]))


class Heard:
    """A listener that keeps what it hears."""

    def __init__(self) -> None:
        self.begun: list[list[tuple[str, float]]] = []
        self.done: list[tuple[str, int, int]] = []

    def begin(self, cells: Sequence[CellSpec]) -> None:
        self.begun.append([cell.key[:2] for cell in cells])

    def skip(self, cells: Sequence[CellSpec]) -> None:
        raise AssertionError("nothing is skipped")

    def __call__(self, result: CellResult, done: int, total: int) -> None:
        self.done.append((result.cell.scheduler, done, total))


def run(results: Path, jobs: int, heard: Heard | None = None) -> tuple[list[CellResult], ...]:
    plan = sweep.plan(study(rates=RATES, schedulers=("sarathi", "slai")), results, jobs=jobs)
    searches = [one_by_one(plan.prepared, "sarathi"), at_once(plan.prepared, "slai")]
    with plan.open() as executor:
        return side_by_side(executor, searches, heard or quiet)


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_search_has_its_own_results_in_the_order_asked_for(tmp_path: Path, jobs: int) -> None:
    first, second = run(tmp_path, jobs)
    assert [result.cell.key for result in first] == [("sarathi", rate, 0) for rate in RATES]
    assert [result.cell.key for result in second] == [("slai", rate, 0) for rate in RATES[::-1]]
    again = run(tmp_path, jobs)
    assert [result.reused for results in again for result in results] == [True] * 6


def test_a_search_goes_on_while_another_waits(tmp_path: Path) -> None:
    heard = Heard()
    run(tmp_path / "1", 1, heard)
    waiting = [("slai", rate) for rate in RATES[::-1]]
    assert heard.begun[0] == [("sarathi", 2.0), *waiting]
    # Its first cell is done, and the next one is begun before the other search has all of its own.
    assert heard.begun[1] == [*waiting, ("sarathi", 3.0)]
    assert heard.done[0] == ("sarathi", 1, 4)
    assert heard.done[-1] == ("sarathi", 6, 6)
    run(tmp_path / "2", 2)
    assert contents(tmp_path / "1") == contents(tmp_path / "2")


def test_no_searches_need_no_cells(tmp_path: Path) -> None:
    plan = sweep.plan(study(), tmp_path, jobs=1)
    with plan.open() as executor:
        assert side_by_side(executor, [], quiet) == ()
