"""``slaibench bound``: its tables, its JSON, and what it refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from slaibench.cli.bound_tables import stable_up_to
from tests.cli.command import Ran, refused, slaibench
from tests.studies.studies import WORKLOAD

SMALL = (
    *("bound", "--gpu", "rtx6000-ada", "--workload", WORKLOAD, "-s", "sarathi"),
    *("-s", "rad-batch-prefill", "--seeds", "2"),
    *("--requests", "400", "--outputs", "60", "--loads", "0.3,1.2", "--budgets", "512,528"),
    *("--no-rad", "--jobs", "1"),
)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bound")


@pytest.fixture(scope="module")
def ran(results: Path) -> Ran:
    return slaibench(*SMALL, "--results", results, "--reports", results / "reports", columns=80)


def test_it_prints_the_bound_what_binds_and_every_table(ran: Ran) -> None:
    assert ran.status == 0, ran.err
    assert re.search(r"No scheduler serves more than [\d.]+ requests/s", ran.out)
    assert "what binds: compute" in ran.out
    assert re.search(r"sarathi +[\d.]+ +[\d.]+% +[\d.]+–[\d.]+ +[\d.]+ +[\d.]+%", ran.out)
    assert re.search(r"528 +[\d.]+ +[\d.]+ to [\d.]+ +-\d+\.\d%", ran.out)
    assert re.search(r"sarathi +30%", ran.out)
    assert "RAD under" not in ran.out
    assert "Theorem 2" not in ran.out
    assert "each is this one node at rate / r" in " ".join(ran.out.split())


def test_tables_fit_80_columns(ran: Ran) -> None:
    assert "…" not in ran.out


def test_its_page_can_be_verified(ran: Ran, results: Path) -> None:
    (page,) = (results / "reports").glob("bound-*.html")
    assert f"report: {page}" in ran.out.replace("\n", "")
    again = slaibench("verify", page)
    assert again.status == 0, again.err


def test_json_has_the_same_numbers_and_all_is_taken_from_disk(ran: Ran, results: Path) -> None:
    again = slaibench(*SMALL, "--results", results, "--no-report", "--json")
    values = json.loads(again.out)
    assert "0 cells run" in again.err
    assert f"more than {values['bound']['rate_rps']:.3f} requests/s" in ran.out
    assert values["budgets"][0]["token_budget"] == 512
    assert values["rad"]["points"] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--outputs", "many"), "--outputs takes numbers such as 100,200, or none, not 'many'"),
        (("--budgets", "512.5"), "--budgets takes whole numbers, not 512.5"),
        (("--loads", "0.5,0.4"), "loads must increase: 0.5, 0.4"),
        (("--backend", "vllm", "--device", "cpu"), "--device cpu has its own"),
        (("--eps", "1"), "eps must lie between 0 and 1, not be 1"),
        (("--prefix-caching",), "leave --prefix-caching out"),
        (("--kv-blocks", "50"), "leave longer ones out with --max-total-tokens 800"),
        (("-s", "sarathy"), "sarathi"),
    ],
)
def test_bad_questions_are_refused(arguments: tuple[str, ...], message: str) -> None:
    assert message in refused("bound", "--workload", WORKLOAD, *arguments)


def test_stable_up_to_ends_below_the_first_unstable_load() -> None:
    assert stable_up_to([0.3, 0.5, 0.9], [0.8]) == "50%"
    assert stable_up_to([0.3], []) == "30%"
    assert stable_up_to([0.9], [0.8]) == "-"
