"""``slaibench board`` without the library that published runs come with, and with it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from slaibench.operators.aiconfigurator import installed_version
from slaibench.studies.board import study
from slaibench.studies.board.study import BoardSpec
from tests.cli.command import refused, slaibench

WITHOUT = pytest.mark.skipif(installed_version() is not None, reason="the library is installed")


@WITHOUT
def test_the_summary_that_ships_is_shown_and_how_to_make_it_again():
    ran = slaibench("board", columns=80)
    assert ran.status == 0
    assert "held-out half" in ran.out
    assert "pip install 'slaibench[profiles]'" in ran.out
    longest = max(len(line) for line in ran.out.splitlines() if "─" in line)
    assert longest <= 80


@WITHOUT
def test_json_is_one_document():
    ran = slaibench("board", "--json")
    document = json.loads(ran.out)
    assert document["rows"] > 1000
    assert {total["half"] for total in document["totals"]} == {"fitted", "held-out"}


@WITHOUT
@pytest.mark.parametrize("option", ["--fit", "--keep"])
def test_what_replays_says_what_it_needs(option):
    assert "pip install 'slaibench[profiles]'" in refused("board", option)


@pytest.mark.parametrize("option", ["--fit", "--keep"])
def test_what_ships_is_of_all_runs(option):
    assert "leave --gpu" in refused("board", option, "--gpu", "h100")


def test_runs_are_replayed_where_the_library_is(tmp_path: Path, monkeypatch):
    pytest.importorskip("aiconfigurator_core", reason="needs the extra 'profiles'")
    monkeypatch.setenv("SLAIBENCH_CACHE", str(tmp_path / "cache"))
    plan = study.plan(BoardSpec(gpu="h200", model="qwen3-235b-a22b", engine="sglang", jobs=1))
    few = tuple((key, rows[:1]) for key, rows in plan.configurations)
    monkeypatch.setattr(study, "plan", lambda _: replace(plan, configurations=few))
    ran = slaibench("board", "--json", "--reports", tmp_path)
    assert ran.status == 0
    document = json.loads(ran.out)
    assert document["rows"] == len(document["scores"]) == 2
    (page,) = tmp_path.glob("board-*.html")
    assert slaibench("verify", page).status == 0
    ran = slaibench("board", "--no-report", columns=80)
    assert "qwen3-235b-a22b" in ran.out
    assert max(map(len, (line for line in ran.out.splitlines() if "─" in line))) <= 80


def test_a_summary_without_the_runs_of_our_own_is_not_kept():
    pytest.importorskip("aiconfigurator_core", reason="needs the extra 'profiles'")
    text = refused("board", "--keep")
    assert "has runs of our own" in text
    assert "give them with --log and --recording" in text


def test_a_run_that_cannot_be_scored_is_refused_before_any_work(tmp_path: Path):
    pytest.importorskip("aiconfigurator_core", reason="needs the extra 'profiles'")
    assert "no_such" in refused("board", "--log", tmp_path / "no_such.jsonl")
    assert "holds no recordings" in refused("board", "--recording", tmp_path)


def test_what_nobody_published_is_named_with_what_was(tmp_path: Path):
    pytest.importorskip("aiconfigurator_core", reason="needs the extra 'profiles'")
    assert "there are runs of --gpu: b200" in refused("board", "--gpu", "h20")
