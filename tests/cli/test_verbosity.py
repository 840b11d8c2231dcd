"""-q leaves the answer alone, -v says what is done, and both cost the answer nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from slaibench.cli.app import RUNS
from slaibench.cli.verbosity import ENGINE_LOG, Verbosity, is_quiet, is_verbose, speaking
from tests.cli.command import refused, slaibench, sweep

NAMES = [*(command.__name__ for command in RUNS), "paper"]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    assert sweep(folder).status == 0
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_every_command_that_runs_something_has_both(name: str) -> None:
    printed = slaibench(name, "--help").out
    assert "--quiet" in printed
    assert "--verbose" in printed


def test_quiet_leaves_the_answer_alone(results: Path) -> None:
    ran, usual = sweep(results, "-q"), sweep(results)
    assert (ran.status, ran.err) == (0, "")
    assert "TTFT" in ran.out
    assert usual.out.startswith(ran.out.rstrip("\n"))
    assert "recordings:" in usual.out
    assert "recordings:" not in ran.out
    assert "workload:" not in ran.out


def test_quiet_and_verbose_change_no_document(results: Path) -> None:
    documents = [json.loads(sweep(results, "--json", *how).out) for how in ((), ("-q",), ("-v",))]
    assert documents[0] == documents[1] == documents[2]


def test_quiet_still_says_what_is_wrong() -> None:
    assert "unknown scheduler 'sarath'" in refused("sweep", "-q", "-s", "sarath")


def test_verbose_says_what_runs_where_and_how_long(results: Path, tmp_path: Path) -> None:
    first, again = sweep(tmp_path, "-v"), sweep(results, "-v")
    lines = first.err.splitlines()
    assert lines[0].startswith("sweep: sarathi, slai; 2 cells, 1 at a time; recordings in ")
    (cell,) = [line for line in lines if line.startswith("sweep: slai at 5 requests/s, seed 0: ")]
    assert " s, " in cell
    assert str(tmp_path) in cell
    assert "slai at 5 requests/s, seed 0: from disk, " in again.err


def test_quiet_and_verbose_exclude_each_other() -> None:
    assert "--quiet and --verbose" in refused("sweep", "-q", "-v")


def test_engines_log_for_debugging_for_as_long_as_the_command_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(ENGINE_LOG, raising=False)
    with speaking(Verbosity.DEBUG):
        assert os.environ[ENGINE_LOG] == "DEBUG"
        assert is_verbose()
    assert ENGINE_LOG not in os.environ
    assert not is_verbose()
    monkeypatch.setenv(ENGINE_LOG, "INFO")
    with speaking(Verbosity.DEBUG):
        assert os.environ[ENGINE_LOG] == "INFO"
    assert os.environ[ENGINE_LOG] == "INFO"


def test_a_level_ends_with_its_block() -> None:
    with speaking(Verbosity.QUIET):
        assert is_quiet()
    assert not is_quiet()
