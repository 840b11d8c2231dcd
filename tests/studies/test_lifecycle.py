"""A plan refuses and resolves, each thing once; a run only works."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slaibench.measure import slo as slo_module
from slaibench.schedulers import registry
from slaibench.schedulers.base import SchedulerError
from slaibench.studies import capacity, compare, prepared, scheduler_info, sweep
from slaibench.studies.bound import study as bound
from slaibench.studies.lifecycle import collect
from slaibench.studies.scheduler_info import DEBUG
from slaibench.studies.targets import Targets
from slaibench.workloads.tiers import parse_tiers
from tests.studies.bound.specs import small
from tests.studies.studies import study

MINE = """
from pathlib import Path
from slaibench.schedulers.sarathi import Sarathi

with Path({log!r}).open("a") as log:
    log.write("executed\\n")


class Mine(Sarathi):
    pass
"""


class Counted:
    """A function that counts its calls."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function, self.calls = function, 0

    def __call__(self, *args: Any, **named: Any) -> Any:
        self.calls += 1
        return self.function(*args, **named)


def counted(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> Counted:
    counter = Counted(getattr(module, name))
    monkeypatch.setattr(module, name, counter)
    return counter


def test_a_comparison_resolves_parses_and_hashes_everything_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over 4 points it parsed schedulers 24 times, hashed their code 12 times, and parsed the
    targets 43 times. A user's file is executed for each scheduler object that is built of it: one
    in the plan and a fresh one a run, so that what a file keeps in its globals moves nothing."""
    log, file = tmp_path / "log", tmp_path / "mine.py"
    file.write_text(MINE.format(log=str(log)))
    monkeypatch.setenv(DEBUG, "1")  # all in this process, and no trial in another
    studies = counted(monkeypatch, compare, "prepare")
    objects = counted(monkeypatch, registry, "make")
    targets = counted(monkeypatch, slo_module, "_parse_one")
    scheduler_info._hash_of.cache_clear()
    mine = f"{file}:Mine"
    spec = study(schedulers=("sarathi", mine), rates=(5.0, 10.0), slo="ttft_p50<5,tbt_p99<tier")
    plan = compare.plan(spec, tmp_path / "r", jobs=1)
    assert (studies.calls, objects.calls, targets.calls) == (1, 2, 2)
    result = compare.run(plan)
    runs = [cell.cell.scheduler for cell in result.cells]
    assert len(runs) >= 6  # four points, two saturated throughputs, and what the searches add
    assert studies.calls == 1
    assert objects.calls == 2 + len(runs)
    assert targets.calls == 2
    assert scheduler_info._hash_of.cache_info().misses == 2
    assert len(log.read_text().splitlines()) == 1 + runs.count(mine)


def test_a_file_that_is_edited_while_a_study_runs_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DEBUG, "1")
    file = tmp_path / "mine.py"
    text = MINE.format(log=str(tmp_path / "log"))
    file.write_text(text)
    plan = sweep.plan(study(schedulers=(f"{file}:Mine",)), tmp_path / "r", jobs=1)
    file.write_text(text + "\nEDITED = True\n")
    with pytest.raises(SchedulerError, match="its code changed while the study ran"):
        sweep.run(plan)


def test_no_plan_runs_or_writes_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served = counted(monkeypatch, prepared, "serve")
    results, spec = tmp_path / "r", study(num_requests=400)
    plans = [
        sweep.plan(spec, results, fresh=True),
        compare.plan(spec, results, jobs=3),
        capacity.plan(spec, results),
        *bound.plan(small(), results).parts,
    ]
    assert served.calls == 0
    assert not list(results.rglob("run.json"))
    assert {plan.results for plan in plans} == {results}
    assert (plans[0].fresh, plans[1].fresh, plans[1].jobs) == (True, False, 3)


def test_results_come_in_the_order_asked_for_and_reports_in_that_of_completion(
    tmp_path: Path,
) -> None:
    plan = sweep.plan(study(rates=(2.0, 5.0), schedulers=("sarathi",)), tmp_path, jobs=1)
    cells = plan.prepared.cells()
    reports: list[tuple[float, int, int]] = []
    with plan.open() as executor:
        results = collect(
            executor,
            cells[::-1],
            lambda result, done, total: reports.append((result.cell.rate_rps, done, total)),
        )
    assert [result.cell for result in results] == cells[::-1]
    assert reports == [(5.0, 1, 2), (2.0, 2, 2)]


def test_tiers_are_in_one_order_strictest_first_whatever_the_specification_says() -> None:
    tiers = "slow:0.5:1,quick:0.2:0.1,also-quick:0.3:0.1"
    targets = Targets.of(study(tiers=tiers))
    assert targets.tier_names == ("also-quick", "quick", "slow")
    assert set(targets.tiers) == set(parse_tiers(tiers))
