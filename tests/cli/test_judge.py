"""``slaibench judge``: exit statuses, what is printed and written, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command import Ran, refused, slaibench
from tests.studies.studies import WORKLOAD

SPEC = (
    *("--backend", "sim", "--workload", WORKLOAD, "--rates", "8", "--requests", "150"),
    *("--seeds", "4", "--gpu", "h100", "--model", "mistral-7b", "--no-async-scheduling"),
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


def judge(runs: Path, *arguments: str | Path, columns: int = 80) -> Ran:
    both = ("prefill-first", "sarathi")
    return slaibench(
        "judge", *both, *SPEC, "--jobs", "1", "--results", runs, *arguments, columns=columns
    )


def test_the_table_fits_and_the_rule_is_said_before_the_numbers(runs: Path) -> None:
    ran = judge(runs)
    assert ran.status == 0
    assert "7 verdicts hold together with 95% probability" in ran.err
    table = ran.out.split("reference: ")[0]
    assert max(map(len, table.splitlines())) <= 80
    assert "TBT P99" in table
    assert "worse" in table
    assert "prefill-first against sarathi: " in ran.out
    assert "to confirm on a real h100: " in ran.out


def test_markdown_is_written_and_json_is_the_whole_document(runs: Path, tmp_path: Path) -> None:
    file = tmp_path / "verdict.md"
    ran = judge(runs, "--json", "--markdown", file)
    assert json.loads(ran.out)["candidate"] == "prefill-first"
    assert file.read_text("utf-8").startswith("### prefill-first against sarathi: ")


def test_worse_is_status_1_only_where_it_is_asked_for(runs: Path) -> None:
    assert judge(runs, "--fail-if-worse").status == 1
    assert judge(runs, "--fail-if-worse", "--metric", "output_tokens_per_s").status == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--metric", "nothing"), "unknown metric 'nothing'"),
        (("--margin", "2"), "--margin 2 must lie between 0 and 1"),
        (("--markdown", "."), "--markdown '.' is a folder: name a file"),
        (("--rates", "fast"), "fast"),
    ],
)
def test_bad_input_is_refused(runs: Path, arguments: tuple[str, ...], message: str) -> None:
    said = refused("judge", "slai", "sarathi", *SPEC, "--results", runs, *arguments)
    assert message in said


def test_stock_is_refused_where_there_is_no_engine(runs: Path) -> None:
    said = refused("judge", "slai", "engine", *SPEC, "--results", runs)
    assert "scheduler 'engine'" in said
