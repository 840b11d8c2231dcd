"""The GPU session, rehearsed: the same program with vLLM on this machine's CPU."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from slaibench.backends.vllm.launch import VllmEngine
from slaibench.catalog.profiles import load_profile
from slaibench.recording import store
from slaibench.spec import Device
from tests.backends.needed import needed

ROOT = Path(__file__).parents[2]
LIMITS = "token_budget=64,max_active=8"
SARATHI, SLAI = f"sarathi:{LIMITS}", f"slai:{LIMITS},decode_limit=8"
STAGES = ("start", "greedy", "calibrate", "compare", "cost")
OPTIONS = (
    *("--device", "cpu", "--model", "tiny-mistral", "--name", "rehearsed"),
    *("--minutes", "9", "--calibrate-minutes", "3", "--rounds", "2"),
    *("--max-context-tokens", "512", "--max-total-tokens", "500"),
    *("-s", SARATHI, "-s", SLAI, "--rates", "3", "--requests", "40"),
    *("--workload", "uniform:prompt=40-200,output=4-10", "--engine-args=--max-logprobs=7"),
    *("--greedy-requests", "16", "--cost-tokens", "96"),
)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that a GPU session leaves."""
    needed(VllmEngine(), Device.CPU)
    folder = tmp_path_factory.mktemp("gpu") / "session"
    command = [sys.executable, "-m", "benchmarks.gpu.session", "--out", str(folder), *OPTIONS]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return folder


@pytest.fixture(scope="module")
def stages(session: Path) -> dict[str, Any]:
    """What each line of the session's diary says, by its name."""
    lines = map(json.loads, (session / "session.jsonl").read_text().splitlines())
    return {line["what"]: line["result"] for line in lines}


def test_every_stage_runs_and_each_part_of_the_calibration_is_on_record(
    stages: dict[str, Any],
) -> None:
    assert [name for name in stages if name in STAGES] == list(STAGES)
    parts = [name for name in stages if name.startswith("calibrate: ")]
    phases = ("light load", "short contexts", "middle contexts", "long contexts")
    assert parts == [f"calibrate: round {number}, {phase}" for number in (1, 2) for phase in phases]
    assert stages["calibrate"]["rounds"] == 2
    assert stages["compare"] == {"rates": [3.0], "left_out": [], "failed": []}
    assert {row["scheduler"].partition(":")[0] for row in stages["cost"]} == {
        *("engine", "sarathi", "slai", "hrrn")
    }
    # On a busy machine requests may come too far apart, whichever scheduler it is.
    counted = [row["cycle_ms"] for row in stages["cost"] if row["spread_ms"]]
    assert counted, stages["cost"]
    assert all(cycle_ms > 0 for cycle_ms in counted)


def test_greedy_ids_are_the_engines_own_under_every_scheduler(stages: dict[str, Any]) -> None:
    ids = stages["greedy"]
    assert ids["distinct_answers"] > 1
    assert set(ids["against_the_engines_own"]) == {"engine again", SARATHI, SLAI}
    for name, row in ids["against_the_engines_own"].items():
        assert row["first_tokens_equal"] == 1.0, name


def test_the_summary_has_what_was_measured_beside_what_was_predicted(
    session: Path, tmp_path: Path
) -> None:
    out = tmp_path / "summary"
    command = [sys.executable, "-m", "benchmarks.gpu.summary", str(session), "--out", str(out)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert load_profile(out / "profile.json").gpu == "rehearsed"
    summary = json.loads((out / "summary.json").read_text())
    assert {cell["scheduler"] for cell in summary["cells"]} == {SARATHI, SLAI}
    for cell in summary["cells"]:
        assert set(cell["errors"]) == {"calibrated"}
        assert cell["measured"]["ttft_p50_s"] > 0 < cell["calibrated"]["ttft_p50_s"]
    (pair,) = summary["pairs"]
    assert (pair["a"], pair["b"], pair["rate_rps"]) == (SARATHI, SLAI, 3.0)
    assert pair["ttft_p50_change"] > -1
    assert pair["interval"] == [None, None], "40 requests are too few for one"
    assert "independent pairs" in pair["note"], pair
    runs = [store.read(file.parent) for file in (session / "recordings").rglob(store.RUN)]
    assert [run.run["spec"]["engine_args"] for run in runs] == ["--max-logprobs=7"] * 2
    assert all(run.requests.finished.all() for run in runs)


BROKEN = """
from slaibench.schedulers.base import Batch, EngineView, Scheduler

class Broken(Scheduler):
    name = "broken"

    def schedule(self, view: EngineView) -> Batch:
        raise RuntimeError("no batch today")
"""


def test_a_cell_that_fails_is_reported_and_the_others_run(tmp_path: Path) -> None:
    needed(VllmEngine(), Device.EMULATED)
    file = tmp_path / "broken.py"
    file.write_text(BROKEN)
    broken, folder = f"{file}:Broken", tmp_path / "session"
    command = [sys.executable, "-m", "benchmarks.gpu.session", "--out", str(folder)]
    command += ["--device", "emulated", "--stages", "compare", "-s", broken, "-s", "sarathi"]
    command += ["--rates", "4", "--requests", "40"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "no batch today" in ran.stdout
    lines = map(json.loads, (folder / "session.jsonl").read_text().splitlines())
    compared = {line["what"]: line["result"] for line in lines}["compare"]
    assert compared == {"rates": [4.0], "left_out": [], "failed": [f"{broken} at 4, seed 0"]}
    (run,) = (store.read(file.parent) for file in (folder / "recordings").rglob(store.RUN))
    assert run.run["spec"]["scheduler"] == "sarathi"
