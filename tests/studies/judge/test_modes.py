"""A class that cannot decide ahead, judged against stock in vLLM: the mode's share is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from slaibench.report.judge import words
from slaibench.spec import Device
from slaibench.studies.judge.result import JudgeResult
from slaibench.studies.judge.study import modes, plan, run
from slaibench.studies.modes import mode_warnings
from slaibench.studies.systems.engines import VllmSystem
from slaibench.studies.trust import warnings_of
from tests.backends.needed import needed

CLASSES = Path(__file__).parents[3] / "benchmarks" / "proposals" / "no_op.py"
LOAD: dict[str, Any] = {
    "rates": (6.0,),
    "num_requests": 40,
    "num_seeds": 2,
    "workload": "uniform:prompt=50-900,output=20-60",
}
METRICS = ["e2e_p50_s", "tpot_mean_s"]

pytestmark = pytest.mark.filterwarnings("ignore")  # vLLM's own


@pytest.fixture(scope="module")
def synchronous(tmp_path_factory: pytest.TempPathFactory) -> JudgeResult:
    needed(VllmSystem.ENGINE, Device.EMULATED)
    made = plan(
        f"{CLASSES}:Synchronous",
        None,
        LOAD,
        tmp_path_factory.mktemp("runs"),
        metrics=METRICS,
        jobs=1,
    )
    assert made.given is not None
    assert modes(made.given.prepared) == [True, False]
    assert modes(made.prepared) == [False, False]
    return run(made)


def test_in_one_mode_a_class_that_changes_nothing_is_identical(synchronous: JudgeResult) -> None:
    assert synchronous.identical
    assert not synchronous.asynchronous


def test_as_given_it_is_much_slower_and_all_of_that_is_the_modes(synchronous: JudgeResult) -> None:
    assert [row.metric for row in synchronous.as_given] == METRICS
    for row in synchronous.as_given:
        assert row.change > 0.3
        assert row.mode == pytest.approx(row.change)
        assert row.scheduler == 0
    named = " ".join(words.artefact(synchronous))
    assert f"engine decides batches ahead and {CLASSES}:Synchronous cannot" in named


def test_a_study_of_both_as_given_names_who_ran_in_which_mode(synchronous: JudgeResult) -> None:
    given = [cell for cell in synchronous.cells if cell.cell.async_scheduling]
    (line,) = mode_warnings(given)
    who = f"asynchronously: engine; synchronously: {CLASSES}:Synchronous"
    assert line.startswith(f"scheduled in different modes ({who}): what differs")
    assert warnings_of(given)[0] == line
    alike = [cell for cell in synchronous.cells if not cell.cell.async_scheduling]
    assert mode_warnings(alike) == mode_warnings(synchronous.cells) == ()


def test_a_class_that_decides_ahead_is_judged_as_it_is(tmp_path: Path) -> None:
    needed(VllmSystem.ENGINE, Device.EMULATED)
    made = plan(f"{CLASSES}:Asynchronous", None, LOAD, tmp_path)
    assert made.given is None
    assert modes(made.prepared) == [True, True]


def test_two_classes_that_cannot_decide_ahead_are_both_run_synchronously(tmp_path: Path) -> None:
    needed(VllmSystem.ENGINE, Device.EMULATED)
    both = f"{CLASSES}:Synchronous", f"{CLASSES}:Synchronous:max_active=64"
    made = plan(*both, LOAD, tmp_path)
    assert made.given is None
    assert made.spec.async_scheduling is False
    assert modes(made.prepared) == [False, False]
