"""Workflows are what GitHub takes, and call what a person can call."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
SCRIPTS = sorted((ROOT / ".ci").iterdir())
SCHEMA = pytest.mark.skipif(
    find_spec("check_jsonschema") is None, reason="check-jsonschema is not installed"
)
PUBLISHES = "pypa/gh-action-pypi-publish"
"""The one action that is not GitHub's own: the Python index's."""
STAND_IN = """#!/bin/sh
echo "slaibench $*" >> "$SAID"
for word in "$@"; do [ "$last" = --markdown ] && echo "a summary" > "$word"; last=$word; done
[ "$1" != "$FAILS" ]
"""


def schema_says(path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema"]
    return subprocess.run(
        [*command, "vendor.github-workflows", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )


def load(path: Path) -> dict[str, Any]:
    yaml = pytest.importorskip("ruamel.yaml", reason="ruamel.yaml is not installed")
    workflow: dict[str, Any] = yaml.YAML(typ="safe").load(path.read_text())
    return workflow


def triggers(workflow: dict[str, Any]) -> set[str]:
    return set(workflow["on"])


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


@SCHEMA
@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_it_is_a_workflow(path: Path, tmp_path: Path) -> None:
    assert schema_says(path).returncode == 0, schema_says(path).stdout
    wrong = tmp_path / path.name
    wrong.write_text(path.read_text().replace("runs-on:", "run-on:"))
    assert schema_says(wrong).returncode != 0


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_it_may_only_read_and_takes_no_text_of_others_into_a_command(path: Path) -> None:
    workflow = load(path)
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        writes = "write" in job.get("permissions", {}).values()
        assert not (writes and "self-hosted" in job["runs-on"])
        assert not (writes and any("checkout" in step.get("uses", "") for step in job["steps"]))
        assert not (writes and triggers(workflow) & {"pull_request", "pull_request_target"})
    for step in steps(workflow):
        assert "${{" not in step.get("run", ""), "a value goes by the environment"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_what_others_wrote_is_named_by_its_commit(path: Path) -> None:
    workflow = load(path)
    assert "pull_request_target" not in triggers(workflow), "it runs their code with our token"
    used = [step["uses"] for step in steps(workflow) if "uses" in step]
    named = rf"(?:actions/[\w-]+|{re.escape(PUBLISHES)})@[0-9a-f]{{40}}"
    assert all(re.fullmatch(named, name) for name in used), used
    assert path.read_text().count("uses:") == len(used)
    for step in steps(workflow):
        if "checkout" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False, "no token beside their code"


def test_what_runs_on_our_gpu_had_the_label_as_it_is() -> None:
    workflow = load(ROOT / ".github" / "workflows" / "gpu-regression.yml")
    assert workflow["on"]["pull_request"] == {"types": ["labeled"]}, "a push starts nothing"
    assert triggers(workflow) == {"pull_request", "schedule", "workflow_dispatch"}
    measure = workflow["jobs"]["measure"]
    assert measure["if"] == (
        "github.event_name != 'pull_request' || github.event.label.name == 'gpu'"
    )
    (checkout,) = (step for step in measure["steps"] if "checkout" in step.get("uses", ""))
    assert checkout["with"]["ref"] == "${{ github.event.pull_request.head.sha || github.sha }}"
    assert "permissions" not in measure  # the workflow's: it may read


def test_the_comment_is_written_from_the_main_branch() -> None:
    """A fork's token may only read: another workflow writes, and runs nothing of the fork's."""
    workflow = load(ROOT / ".github" / "workflows" / "gpu-comment.yml")
    regression = load(ROOT / ".github" / "workflows" / "gpu-regression.yml")
    assert workflow["on"] == {
        "workflow_run": {"workflows": [regression["name"]], "types": ["completed"]}
    }
    (job,) = workflow["jobs"].values()
    assert job["permissions"] == {"actions": "read", "pull-requests": "write"}
    assert [step["uses"].partition("@")[0] for step in job["steps"] if "uses" in step] == [
        "actions/download-artifact"
    ]


@SCHEMA
def test_the_action_and_the_forms_are_what_the_site_takes() -> None:
    done = subprocess.run([ROOT / ".ci" / "lint-workflows"], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_one_on_a_cpu_is_the_one_command() -> None:
    workflow = load(ROOT / ".github" / "workflows" / "ci.yml")
    assert [step["run"] for step in steps(workflow) if "run" in step] == [".ci/run"]


def test_the_one_on_a_gpu_holds_it_alone_and_tries_both_engines() -> None:
    workflow = load(ROOT / ".github" / "workflows" / "gpu-regression.yml")
    measure = workflow["jobs"]["measure"]
    assert measure["runs-on"] == ["self-hosted", "gpu"]
    assert measure["strategy"]["matrix"]["engine"] == ["vllm", "sglang"]
    assert measure["strategy"]["max-parallel"] == 1
    assert workflow["concurrency"]["cancel-in-progress"] is False
    assert '.ci/gpu-regression "$ENGINE" cuda' in [step.get("run") for step in measure["steps"]]


def test_every_python_that_is_promised_is_tried() -> None:
    tests = load(ROOT / ".github" / "workflows" / "light.yml")["jobs"]["tests"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    promised = [
        name.rpartition(" ")[2]
        for name in project["classifiers"]
        if re.fullmatch(r"Programming Language :: Python :: 3\.\d+", name)
    ]
    assert tests["strategy"]["matrix"]["python"] == promised
    assert project["requires-python"] == f">={promised[0]}"


def test_what_publishes_has_no_source_and_what_builds_has_no_token() -> None:
    jobs = load(ROOT / ".github" / "workflows" / "release.yml")["jobs"]
    assert "permissions" not in jobs["build"]
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    used = [step["uses"].partition("@")[0] for step in jobs["publish"]["steps"]]
    assert used == ["actions/download-artifact", PUBLISHES]
    assert "tag" in jobs["publish"]["if"]


@pytest.mark.parametrize(("fails", "status"), [("", 0), ("regress", 1)])
def test_the_action_gives_its_inputs_to_one_command(
    fails: str, status: int, tmp_path: Path
) -> None:
    action = load(ROOT / "action.yml")
    (step,) = action["runs"]["steps"]
    assert "${{" not in step["run"]
    assert {name.lower() for name in step["env"]} == action["inputs"].keys()
    tool = tmp_path / "bin" / "slaibench"
    tool.parent.mkdir()
    tool.write_text(STAND_IN)
    tool.chmod(0o755)
    env = {
        **os.environ,
        "PATH": f"{tool.parent}{os.pathsep}{os.environ['PATH']}",
        "SAID": str(tmp_path / "said"),
        "FAILS": fails,
        "GITHUB_ACTION_PATH": str(ROOT),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "BASELINE": "a baseline",
        "AGAINST": "main",
        "MARGIN": "0.05",
        "ARGUMENTS": "--rates 1,2",
        "INSTALL": "",
        "OUT": str(tmp_path / "out"),
    }
    done = subprocess.run(["bash", "-c", step["run"]], env=env, check=False)
    assert done.returncode == status
    said = (tmp_path / "said").read_text()
    assert said.startswith("slaibench regress --baseline a baseline --against main --margin 0.05")
    assert said.endswith("--rates 1,2\n")
    assert (tmp_path / "summary").read_text() == "a summary\n"
    assert f"summary={tmp_path}/out/summary.md" in (tmp_path / "output").read_text()


def shellcheck_says(text: str) -> str:
    """What is wrong with a script; nothing if it is sound."""
    beside = Path(sys.executable).with_name("shellcheck")
    program = str(beside) if beside.exists() else shutil.which("shellcheck")
    if program is None:
        pytest.skip("shellcheck is not installed")
    command = [program, "--shell=bash", "--severity=warning", "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_can_be_run_and_are_sound(path: Path) -> None:
    assert os.access(path, os.X_OK)
    assert shellcheck_says(path.read_text()) == ""


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_commands_inside_are_sound_and_scripts_they_call_are_there(path: Path) -> None:
    for command in (step["run"] for step in steps(load(path)) if "run" in step):
        assert shellcheck_says(command) == ""
        if command.startswith(".ci/"):
            assert ROOT / command.split()[0] in SCRIPTS
    assert "SC2164" in shellcheck_says("cd /nowhere\n")  # it does look


@pytest.mark.parametrize("arguments", [("trtllm", "cpu", "v"), ("vllm", "tpu", "v")])
def test_no_other_engine_or_device_is_installed(arguments: tuple[str, ...]) -> None:
    done = subprocess.run(
        [ROOT / ".ci" / "install", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "engines: vllm, sglang; devices: cuda, cpu" in done.stderr


@pytest.mark.parametrize(
    ("fails", "status", "num_commands"), [("", 0, 4), ("regress", 1, 4), ("doctor", 1, 2)]
)
def test_a_regression_ends_with_the_status_of_its_command(
    fails: str, status: int, num_commands: int, tmp_path: Path
) -> None:
    tool = tmp_path / "venv" / "bin" / "slaibench"
    tool.parent.mkdir(parents=True)
    tool.write_text(STAND_IN)
    tool.chmod(0o755)
    said = tmp_path / "said"
    env = {
        **os.environ,
        "SAID": str(said),
        "FAILS": fails,
        "VENV": str(tool.parents[1]),
        "OUT": str(tmp_path / "out"),
        "MODEL": "tiny-mistral",
        "REGRESS": "--rates 2 --seeds 4",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
    }
    done = subprocess.run(
        [ROOT / ".ci" / "gpu-regression", "vllm", "cpu"],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = said.read_text().splitlines()
    assert (done.returncode, len(lines)) == (status, num_commands), done.stderr
    if num_commands == 4:
        assert lines[:3] == [
            "slaibench env",
            "slaibench doctor --fix-hints",
            "slaibench doctor vllm:cpu",
        ]
        assert lines[3].startswith(
            "slaibench regress --baseline results/baselines/gpu-vllm --backend vllm --device cpu "
            "--against origin/main --model tiny-mistral --results"
        )
        assert lines[3].endswith("--rates 2 --seeds 4")
        assert (tmp_path / "summary").read_text() == "a summary\n"
