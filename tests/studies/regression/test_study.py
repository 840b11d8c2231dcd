"""A baseline's runs made again: identical code, an edited one, other seeds, other profiles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest

from benchmarks.regress_power import scaled_profile
from slaibench.measure.regression import ChangeVerdict
from slaibench.recording.store import RecordingError
from slaibench.spec import Clock
from slaibench.studies.regression import baseline
from slaibench.studies.regression.result import SATURATED, RegressResult
from slaibench.studies.regression.study import plan, run
from slaibench.studies.systems import table
from tests.studies.studies import WORKLOAD, recordings
from tests.studies.systems.others import RealTimeSystem

SCHEDULER = """
from slaibench.schedulers.sarathi import Sarathi

class Mine(Sarathi):
    pass
"""
WORSE = SCHEDULER.replace(
    "    pass", "    def __init__(self):\n        super().__init__(token_budget=96)\n"
)


def regress(folder: Path, results: Path | None = None, **options: Any) -> RegressResult:
    """Four seeds of 300 requests where the options say nothing else; in this process."""
    small: dict[str, Any] = {}
    if not (folder / baseline.FILE).exists():
        small = {
            **{"workload": WORKLOAD, "rates": (8.0,), "num_requests": 300, "num_seeds": 4},
            **{"schedulers": ("sarathi",)},
        }
    return run(plan(folder, results, jobs=1, **{**small, **options}))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("baselines") / "small"
    regress(folder, update=True)
    return folder


def verdicts(result: RegressResult) -> set[ChangeVerdict]:
    return {row.verdict for row in result.rows}


def slowed(tmp_path: Path, factor: float) -> str:
    """The default profile with every time multiplied."""
    return str(scaled_profile("h100", "mistral-7b", factor, tmp_path))


def test_the_first_update_writes_what_it_ran(kept: Path) -> None:
    written = baseline.read(kept)
    assert written.exact
    assert written.spec.clock is Clock.VIRTUAL
    assert [replicate.seed for replicate in written.replicates] == [0, 1, 2, 3]
    assert written.spec.gpu == "h100"
    assert set(written.versions) >= {"slaibench", "numpy", "python"}
    assert (kept / baseline.FILE).stat().st_size < 10_000


def test_the_same_code_is_identical(kept: Path) -> None:
    result = regress(kept)
    assert verdicts(result) == {ChangeVerdict.IDENTICAL}
    assert (result.num_cells, result.num_identical) == (4, 4)
    assert result.notes == ()


def test_recordings_are_kept_where_wanted_and_never_reused(kept: Path, tmp_path: Path) -> None:
    """One on disk may be of a simulator that was edited since."""
    regress(kept, tmp_path)
    before = recordings(tmp_path)
    assert len(before) == 4
    stale = next(iter(before))
    (tmp_path / stale / "steps.parquet").write_bytes(b"stale")
    assert verdicts(regress(kept, tmp_path)) == {ChangeVerdict.IDENTICAL}
    assert len(recordings(tmp_path)) == 4


def test_slower_batches_are_worse_and_much_less_is_not_an_alarm(kept: Path, tmp_path: Path) -> None:
    slow = regress(kept, profile=slowed(tmp_path, 1.1))
    rows = {row.metric: row for row in slow.rows}
    assert rows["tpot_mean_s"].verdict is ChangeVerdict.WORSE
    assert rows["tpot_mean_s"].paired
    assert any(note.startswith("profile was None, is ") for note in slow.notes)
    little = regress(kept, profile=slowed(tmp_path, 1.005))
    assert little.worse == ()
    assert little.num_identical == 0


def test_other_seeds_are_judged_as_independent_runs(kept: Path) -> None:
    result = regress(kept, first_seed=100)
    assert not any(row.paired for row in result.rows)
    assert ChangeVerdict.WORSE not in verdicts(result)
    assert ChangeVerdict.IDENTICAL not in verdicts(result)
    assert any("compared as independent runs" in note for note in result.notes)


def test_an_edit_without_a_decision_is_identical_and_a_worse_one_is_caught(tmp_path: Path) -> None:
    file, folder = tmp_path / "mine.py", tmp_path / "baseline"
    file.write_text(SCHEDULER)
    name = f"{file}:Mine"
    regress(folder, update=True, schedulers=(name,))
    file.write_text(SCHEDULER + "\nANOTHER = 1\n")
    same = regress(folder)
    assert verdicts(same) == {ChangeVerdict.IDENTICAL}
    assert same.notes == (f"the code of {name} changed, and none of its decisions did",)
    file.write_text(WORSE)
    changed = regress(folder)
    assert {row.metric for row in changed.worse} >= {"ttft_p50_s"}
    assert changed.notes == (f"the code of {name} changed",)


def test_losing_the_steady_state_is_worse(tmp_path: Path) -> None:
    folder = tmp_path / "baseline"
    regress(folder, update=True, rates=(20.0,), num_requests=1500, num_seeds=3)
    lost = regress(folder, profile=slowed(tmp_path, 2.0))
    rows = {row.metric: row for row in lost.rows}
    assert rows[SATURATED].verdict is ChangeVerdict.WORSE
    assert rows["ttft_p50_s"].verdict is ChangeVerdict.WORSE


def test_an_update_says_what_it_changes(kept: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    baseline.write(baseline.read(kept), folder)
    result = regress(folder, update=True, profile=slowed(tmp_path, 1.1))
    assert result.worse
    assert verdicts(regress(folder)) == {ChangeVerdict.IDENTICAL}


def test_a_part_of_a_baseline_can_be_run(tmp_path: Path) -> None:
    folder = tmp_path / "baseline"
    regress(folder, update=True, rates=(5.0, 8.0), num_seeds=2)
    result = regress(folder, rates=(8.0, 9.0), num_seeds=1)
    assert {row.rate_rps for row in result.rows} == {8.0}
    assert any("at 5 requests/s is in the baseline only" in note for note in result.notes)
    assert any("at 9 requests/s is in this run only" in note for note in result.notes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rates": (99.0,)}, "nothing of it is in the baseline, which has sarathi at 8 requests/s"),
        ({"margin": 0.0}, "--margin 0 must lie between 0 and 1"),
        ({"margin": 5.0}, "--margin 5 must lie between 0 and 1"),
        ({"names": ("speed",)}, "unknown metric 'speed'"),
        ({"names": ("tbt_p99_s@free",)}, "every tier is judged"),
        ({"names": ("e2e_p50_s",)}, "the baseline has no e2e_p50_s"),
        ({"update": True, "other": "main"}, "leave --against out"),
        ({"other": "no-such-ref"}, "is no interpreter, no folder of an environment"),
        ({"other": "http://127.0.0.1:9"}, "this baseline is not of an endpoint"),
    ],
)
def test_bad_plans_are_refused_before_any_work(
    kept: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        plan(kept, **options)


def test_a_folder_that_cannot_be_written_is_refused_before_any_work(
    kept: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RecordingError, match="file"):
        plan(kept, tmp_path / "file" / "results")


def test_a_first_baseline_needs_update_and_rates(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="write one with --update"):
        plan(tmp_path / "none", rates=(1.0,))
    with pytest.raises(ValueError, match="needs at least one rate"):
        plan(tmp_path / "none", update=True)


class TestRealClocks:
    """The simulator under a clock that is said to be real."""

    @pytest.fixture
    def real(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> type[RealTimeSystem]:
        class SystemUnderTest(RealTimeSystem):
            log: ClassVar[Path] = tmp_path / "log"

        monkeypatch.setitem(table.SYSTEMS, "real", SystemUnderTest)
        return SystemUnderTest

    def test_stored_numbers_are_of_another_day(
        self, real: type[RealTimeSystem], tmp_path: Path
    ) -> None:
        folder = tmp_path / "baseline"
        regress(folder, update=True, backend="real")
        assert not baseline.read(folder).exact
        result = regress(folder)
        assert not any(row.paired for row in result.rows)
        assert "of another day" in result.against
        assert any("is in no interval" in note for note in result.notes)
        assert result.worse == ()

    def test_another_machine_has_no_verdict(
        self, real: type[RealTimeSystem], tmp_path: Path
    ) -> None:
        folder = tmp_path / "baseline"
        regress(folder, update=True, backend="real")
        file = folder / baseline.FILE
        data = json.loads(file.read_text())
        data["hardware"]["name"] = "a faster one"
        file.write_text(json.dumps(data))
        result = regress(folder)
        assert verdicts(result) == {ChangeVerdict.UNKNOWN}
        assert "the baseline is of a faster one" in result.rows[0].reason

    def test_a_run_that_is_no_measurement_decides_nothing(
        self, real: type[RealTimeSystem], tmp_path: Path
    ) -> None:
        folder = tmp_path / "baseline"
        regress(folder, update=True, backend="real")
        real.lag_s = 0.5
        result = regress(folder)
        assert result.worse == ()
        assert "send lag" in result.invalid[0]
        before = (folder / baseline.FILE).read_text()
        regress(folder, update=True)
        assert (folder / baseline.FILE).read_text() == before
