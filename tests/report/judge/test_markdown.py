"""A judgement as Markdown: what a reviewer of a pull request reads."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from slaibench.report.judge import words
from slaibench.report.judge.markdown import markdown
from slaibench.studies.judge.artefact import ArtefactRow
from slaibench.studies.judge.result import JudgeResult
from tests.studies.judge.test_study import judged


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> JudgeResult:
    where: Path = tmp_path_factory.mktemp("runs")
    return judged("prefill-first", "sarathi", where, rates=(10.0,), num_seeds=4)


def test_it_says_what_was_compared_how_and_with_what_error(result: JudgeResult) -> None:
    text = markdown(result)
    assert text.startswith("### prefill-first against sarathi: ")
    assert "`prefill-first` against `sarathi`, both scheduled synchronously." in text
    assert f"all {result.design.comparisons} intervals hold together with 95% probability" in text
    assert "note: what the schedulers' own code takes is not in virtual time" in text
    table = [line for line in text.splitlines() if line.startswith("| 10 |")]
    assert len(table) == len(result.rows)
    assert all(line.count("|") == 9 for line in table)


def test_the_command_that_is_printed_makes_the_same_numbers(result: JudgeResult) -> None:
    line = words.again(result)
    assert line in markdown(result)
    arguments = shlex.split(line)
    assert arguments[:4] == ["slaibench", "judge", "prefill-first", "sarathi"]
    assert arguments[arguments.index("--rates") + 1] == "10"
    assert arguments[arguments.index("--seeds") + 1] == "4"


def test_the_minutes_of_a_device_come_with_their_command(result: JudgeResult) -> None:
    first, command = words.confirmation(result)
    assert result.confirmation is not None
    assert f"{result.confirmation.minutes:.0f} minutes" in first
    assert f"--seeds {result.confirmation.num_pairs} " in command
    assert "--device cuda" in command
    assert command in markdown(result)


def test_the_artefact_of_the_mode_is_named(result: JudgeResult) -> None:
    row = ArtefactRow(10.0, "ttft_p50_s", change=0.8, mode=0.78, scheduler=0.011)
    other = replace(result, synchronous="prefill-first", as_given=(row,))
    text = markdown(other)
    assert (
        "As given, sarathi decides batches ahead and prefill-first cannot: TTFT P50 at 10 "
        "requests/s changes by +80.0%, of which +78.0% is the mode (a synchronous class) and +1.1% "
        "the scheduler."
    ) in text
    assert "| 10 | TTFT P50 | +80.0% | +78.0% | +1.1% |" in text
    assert "AsyncScheduler" in text
