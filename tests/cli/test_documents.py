"""The JSON documents of studies keep their names, their shape and their numbers."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from slaibench.measure.slo import parse_slos
from slaibench.recording import store
from slaibench.studies.crosscheck.agreement import BackendRun, agreement
from slaibench.studies.run_summary import RunSummarizer
from tests.cli.command import slaibench
from tests.studies.studies import H100, WORKLOAD

GOLDEN = Path(__file__).with_name("documents.json")
"""Documents as they were; deleted, the tests write it anew."""
OF_THE_MACHINE = {
    *("about", "ask", "code_fingerprint", "slaibench_version", "spec", "specs", "study_file"),
}
"""Keys whose values are of the code or the specification, not what a study finds."""
LOAD = ("--workload", WORKLOAD, "--seeds", "2", "--jobs", "1", "--profile", str(H100))
PAIR = ("sarathi:token_budget=128", "sarathi")
COMMANDS = {
    "sweep": ("sweep", "-s", "sarathi", "--rates", "5,60", "--requests", "400"),
    "compare": ("compare", *PAIR, "--rates", "5", "--slo", "ttft_p50<0.2", "--requests", "300"),
    "capacity": ("capacity", "sarathi", "--slo", "ttft_p50<0.2", "--requests", "300"),
    "bound": (
        *("bound", "-s", "sarathi", "--requests", "200", "--outputs", "60", "--loads", "0.5,1.2"),
        *("--budgets", "256,512", "--no-rad"),
    ),
}


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    results = tmp_path_factory.mktemp("results")
    made = {}
    for name, arguments in COMMANDS.items():
        ran = slaibench(*arguments, *LOAD, "--no-report", "--results", results, "--json")
        assert ran.status == 0, ran.err
        made[name] = of_the_study(json.loads(ran.out))
    summarize = RunSummarizer.for_study("strict", parse_slos("ttft_p50<0.5"))
    runs = [
        BackendRun(recording, summarize(recording))
        for recording in map(store.read, store.find_runs(results))
        if recording.run["spec"]["scheduler"] == "sarathi"
        and recording.run["spec"]["num_requests"] == 400
        and recording.run["spec"]["rate_rps"] in (5, 60)
        and recording.run["spec"].get("overload") is None
    ]
    runs.sort(key=lambda run: run.recording.run["spec"]["rate_rps"])
    made["crosscheck"] = agreement(runs[:2], runs[:2], ("paying", "free")).to_json()
    return made


def of_the_study(value: Any) -> Any:
    """A document without what the code and the machine decide, its numbers to six digits."""
    if isinstance(value, dict):
        return {key: of_the_study(v) for key, v in value.items() if key not in OF_THE_MACHINE}
    if isinstance(value, list):
        return [of_the_study(item) for item in value]
    return float(f"{value:.6g}") if isinstance(value, float) and math.isfinite(value) else value


@pytest.mark.parametrize("name", [*COMMANDS, "crosscheck"])
def test_a_document_is_as_it_was(documents: dict[str, Any], name: str) -> None:
    if not GOLDEN.exists():
        GOLDEN.write_text(json.dumps(documents, indent=1, sort_keys=True) + "\n")
        pytest.fail(f"{GOLDEN.name} was written: look at it, and run the tests again")
    same(documents[name], json.loads(GOLDEN.read_text())[name], name)


def same(now: Any, before: Any, place: str) -> None:
    """The same keys and texts, and the same numbers to what processors differ by."""
    if isinstance(before, dict):
        assert sorted(now) == sorted(before), place
        for key, value in before.items():
            same(now[key], value, f"{place}.{key}")
    elif isinstance(before, list):
        assert len(now) == len(before), place
        for index, value in enumerate(before):
            same(now[index], value, f"{place}[{index}]")
    elif isinstance(before, float):
        assert now == pytest.approx(before, rel=1e-4), place
    else:
        assert now == before, place
