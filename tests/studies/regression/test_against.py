"""The other side: a commit in a worktree, another Python, another server; and whose turn it is."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slaibench.backends.base import BackendError
from slaibench.measure.regression import ChangeVerdict
from slaibench.recording import store
from slaibench.spec import Clock, StudySpec
from slaibench.studies.regression import against, baseline, interleave
from slaibench.studies.regression.baseline import Baseline
from slaibench.studies.regression.result import RegressResult
from slaibench.studies.regression.study import RegressPlan, plan, run
from tests.client.serving import Server, serve
from tests.studies.regression.test_study import SCHEDULER, WORSE
from tests.studies.studies import WORKLOAD, study, sweep
from tests.studies.systems.test_endpoint import models

SMALL: dict[str, Any] = {"workload": WORKLOAD, "rates": (8.0,), "num_requests": 100}


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.org")
    done = subprocess.run(
        ["git", "-C", folder, *who, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Somebody's own repository with a scheduler in it; the current folder."""
    root = tmp_path / "theirs"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    (root / "mine.py").write_text(SCHEDULER)
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "a scheduler")
    monkeypatch.chdir(root)
    return root


def written(folder: Path, **fields: Any) -> Path:
    run(plan(folder, update=True, jobs=1, **{**SMALL, "num_seeds": 3, **fields}))
    return folder


def unmeasured(regression: RegressPlan) -> Baseline:
    """The baseline of a plan, without a run."""
    prepared = regression.prepared
    facts: dict[str, Any] = {"versions": {}, "hardware": {}, "sources": {}, "replicates": ()}
    facts["code"] = None
    return Baseline(
        spec=prepared.spec, about="", metrics=regression.metrics, margin=regression.margin, **facts
    )


def compared(folder: Path, other: str) -> RegressResult:
    return run(plan(folder, other=other, jobs=1))


def test_a_scheduler_is_compared_with_what_it_was_in_a_commit(
    repository: Path, tmp_path: Path
) -> None:
    folder = written(tmp_path / "baseline", schedulers=("mine.py:Mine",))
    (repository / "mine.py").write_text(WORSE)
    result = compared(folder, "main")
    assert result.against == f"main ({git(repository, 'rev-parse', 'main')[:10]})"
    assert {row.metric for row in result.worse} >= {"ttft_p50_s"}
    assert all(row.paired for row in result.rows)
    git(repository, "commit", "-q", "-a", "-m", "worse")
    assert compared(folder, "HEAD").verdict is ChangeVerdict.IDENTICAL
    assert len(git(repository, "worktree", "list").splitlines()) == 1  # nothing is left behind


def test_a_commit_that_holds_slaibench_is_run_by_its_own_code(
    repository: Path, tmp_path: Path
) -> None:
    """A package that stops at once, and records nothing."""
    package = repository / "slaibench"
    package.mkdir()
    (package / "api.py").write_text("")
    (package / "__init__.py").write_text("def sweep(*_, **spec):\n    raise SystemExit('theirs')\n")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "another slaibench")
    folder = written(tmp_path / "baseline", schedulers=("sarathi",))
    with pytest.raises(BackendError, match=r"HEAD .* does not run: theirs"):
        compared(folder, "HEAD")
    assert len(git(repository, "worktree", "list").splitlines()) == 1


def test_another_python_without_slaibench_runs_this_code(tmp_path: Path) -> None:
    assert against.find(sys.executable).python == sys.executable
    folder = written(tmp_path / "baseline", schedulers=("sarathi", "slai"), num_seeds=1)
    result = compared(folder, sys.executable)
    assert result.verdict is ChangeVerdict.IDENTICAL
    assert (result.num_cells, result.num_identical) == (2, 2)


def test_both_sides_have_every_replicate_and_no_run_that_is_no_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a rate that is stopped early a sweep makes one run alone, and of one that is nearly full
    it makes longer ones; the runs that measure a saturated throughput are no cells either."""
    fields: dict[str, Any] = {"schedulers": ("sarathi",), "rates": (5.0, 60.0), "num_seeds": 2}
    folder = written(tmp_path / "baseline", **fields, num_requests=None)
    specs: list[StudySpec] = []

    def here(_: against.Side, spec: StudySpec, results: Path, jobs: int) -> None:
        specs.append(spec)
        sweep(spec, results, jobs=jobs)

    monkeypatch.setattr(against, "run", here)
    results = tmp_path / "results"
    result = run(plan(folder, results, other=sys.executable, jobs=1))
    assert (result.num_cells, result.num_identical) == (4, 4)
    assert result.verdict is ChangeVerdict.IDENTICAL
    # Both rates, each at its own length; then the other seed of the one that was stopped.
    lengths = [(spec.rates, spec.num_requests, spec.num_seeds, spec.first_seed) for spec in specs]
    assert lengths == 2 * [
        ((5.0,), 1250, 2, 0),
        ((60.0,), 10_800, 2, 0),
        ((60.0,), 10_800, 1, 1),
    ]
    assert len(list(store.find_runs(results))) == 2 * (4 + 2)  # a throughput for either seed


def test_an_environments_folder_stands_for_its_python(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    assert against.find(str(tmp_path)).python == str(tmp_path / "bin" / "python")


def test_what_is_nothing_is_refused(repository: Path) -> None:
    (repository / "text").write_text("no program")
    for text in ("text", "no-branch", ""):
        with pytest.raises(ValueError, match=r"is no interpreter.*no commit of the repository"):
            against.find(text)


def test_a_side_that_fails_says_why(tmp_path: Path) -> None:
    spec = study(schedulers=("no-such-scheduler",))
    with pytest.raises(BackendError, match=r"this code does not run: .*no-such-scheduler"):
        against.run(against.here(), spec, tmp_path / "results", 1)


def test_files_of_lengths_are_the_same_on_both_sides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("lengths.csv").write_text("prompt_tokens,output_tokens\n" + "300,20\n" * 40)
    other_folder = tmp_path / "there"
    other_folder.mkdir()
    ours = against.here()
    side = against.Side("there", ours.python, ours.import_path, other_folder)
    spec = study(workload="lengths.csv", schedulers=("sarathi",), num_requests=30)
    against.run(side, spec, tmp_path / "results", 1)
    specs = [store.read_run(path)["spec"] for path in store.find_runs(tmp_path / "results")]
    assert [recorded["workload"] for recorded in specs] == [str(tmp_path / "lengths.csv")] * 2
    assert sum("overload" in recorded for recorded in specs) == 1


def test_real_clocks_take_turns_and_the_order_turns_with_every_seed() -> None:
    planned = interleave.turns(study(clock=Clock.REAL, num_seeds=2, first_seed=7))
    order = "".join("B" if turn.ours else "A" for turn in planned)
    assert order == "ABAB" + "BABA"
    assert [turn.spec.first_seed for turn in planned] == [7] * 4 + [8] * 4
    assert {turn.spec.num_seeds for turn in planned} == {1}


def test_virtual_clocks_run_once_a_side() -> None:
    planned = interleave.turns(study(clock=Clock.VIRTUAL, num_seeds=3))
    assert [turn.ours for turn in planned] == [False, True]
    assert {turn.spec.num_seeds for turn in planned} == {3}


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Server, Server]]:
    with serve({"/v1/models": models}) as ours, serve({"/v1/models": models}) as theirs:
        yield ours, theirs


def test_two_servers_are_run_in_turns_with_their_own_noise(
    servers: tuple[Server, Server], tmp_path: Path
) -> None:
    ours, theirs = servers
    spec = {"workload": "fixed:prompt=20,output=5", "rates": (40.0,), "num_requests": 20}
    place = {"backend": "endpoint", "url": ours.url, "schedulers": ("theirs",), "num_seeds": 1}
    folder = tmp_path / "baseline"
    # Written by hand: whether these runs are sent in time is this machine's matter of the moment.
    first = plan(folder, update=True, **spec, **place)
    baseline.write(unmeasured(first), folder)
    before = [len(server.received) for server in servers]
    result = run(plan(folder, tmp_path / "results", other=theirs.url))
    counts = [len(server.received) - count for server, count in zip(servers, before, strict=True)]
    assert min(counts) >= interleave.REPEATS * 20
    assert result.against == theirs.url
    turns = sorted(path.name for path in (tmp_path / "results").iterdir())
    assert [name.split("-")[2] for name in turns] == ["theirs", "ours", "theirs", "ours"]
    urls = {
        json.loads((tmp_path / "results" / name / "plan.json").read_text())["spec"]["url"]
        for name in turns
    }
    assert urls == {ours.url, theirs.url}
    if result.invalid:
        pytest.skip(f"nothing is judged where requests were sent late: {result.invalid[0]}")
    # Not a time between tokens: the server sends them at once, and some of those are 0.
    row = next(row for row in result.rows if row.metric == "ttft_p50_s")
    assert row.paired
    assert row.noise is not None
    assert row.noise > 0
    assert any("against itself (A/A)" in note for note in result.notes)
