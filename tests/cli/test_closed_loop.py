"""Closed loops on the command line: tables, documents, study files, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slaibench.recording import store
from slaibench.studies.closed_result import CANNOT_TELL
from tests.cli.command import refused, slaibench
from tests.studies.studies import WORKLOAD

SMALL = ("--workload", WORKLOAD, "--requests", "100", "--seeds", "1", "--jobs", "1")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("closed")


@pytest.mark.parametrize("columns", [80, 120])
def test_a_table_by_clients_and_what_it_cannot_tell(results: Path, columns: int) -> None:
    ran = slaibench(
        *("compare", "sarathi", "slai", "--concurrency", "4,8", "--no-report"),
        *("--results", results, *SMALL),
        columns=columns,
    )
    assert ran.status == 0, ran.err
    table, _, about = ran.out.partition("simulated ")
    assert "closed loops: all clients begin at once" in about
    assert all(len(line) <= columns for line in table.splitlines())
    legend = " ".join(table.split())
    assert CANNOT_TELL in legend
    assert "left out: what was sent in the first" in legend
    assert "saturated" not in legend
    assert " inf" not in legend


def test_a_document_is_json_and_the_page_is_beside_it(results: Path, tmp_path: Path) -> None:
    ran = slaibench(
        *("sweep", "-s", "sarathi", "--concurrency", "8", "--json"),
        *("--reports", tmp_path, "--results", results, *SMALL),
    )
    assert ran.status == 0, ran.err
    document = json.loads(ran.out)
    assert [point["concurrency"] for point in document["points"]] == [8]
    assert document["reference"] is None
    assert "concurrency = [8]" in document["study_file"]
    assert list(tmp_path.glob("closed-loop-*.html"))


def test_recordings_are_listed_and_reported_by_clients(results: Path, tmp_path: Path) -> None:
    listed = slaibench("results", results)
    assert listed.status == 0
    assert "clients" in listed.out
    rows = json.loads(slaibench("results", results, "--json").out)
    assert {(row["rate_rps"], row["concurrency"]) for row in rows} == {(None, 4), (None, 8)}
    ran = slaibench("report", results, "--reports", tmp_path)
    assert ran.status == 0, ran.err
    (page,) = tmp_path.glob("closed-loop-*.html")
    assert slaibench("verify", page).status == 0


def test_a_study_file_asks_for_closed_loops(tmp_path: Path) -> None:
    saved = tmp_path / "saved.toml"
    common = ("--no-report", "--results", tmp_path / "results", *SMALL)
    first = slaibench(
        "sweep", "-s", "sarathi", "--concurrency", "4", *common, "--save-study", saved
    )
    assert first.status == 0, first.err
    assert 'concurrency = "4"' in saved.read_text("utf-8")
    again = slaibench("run", saved, "--results", tmp_path / "results")
    assert again.out == first.out.replace(f"study file: {saved}\n", "")
    saved.write_text('kind = "sweep"\n[load]\nconcurrency = [4, 0]\n', "utf-8")
    assert "load.concurrency [4, 0]: a concurrency must lie between" in refused("run", saved)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--concurrency", "0"], ["between 1 and 100,000 clients, not 0"]),
        (["--concurrency", "1000000000"], ["between 1 and 100,000 clients"]),
        (["--concurrency", "many"], ["'many' is not a whole number of clients", "8,64,256"]),
        (["--concurrency", "8.5"], ["'8.5' is not a whole number"]),
        (["--concurrency", ""], ["'' is not a whole number"]),
        (["--concurrency", "8", "--rates", "1:4"], ["--rates 1:4", "leave out one of the two"]),
        (["--concurrency", "8", "--duration", "60"], ["--duration and --concurrency"]),
        (["--concurrency", "8", "--arrivals", "burst"], ["--arrivals and --concurrency"]),
        (["--concurrency", "8", "--convention", "paper"], ["--convention paper", "leave it out"]),
        (["--concurrency", "64", "--requests", "100"], ["too few for 64 clients", "256 or more"]),
        (["--concurrency", "8", "--mlflow", "x"], ["--mlflow x", "--json"]),
    ],
)
def test_what_does_not_go_with_them_is_refused(
    tmp_path: Path, arguments: list[str], expected: list[str]
) -> None:
    message = refused("sweep", "--no-report", "--results", tmp_path, *arguments)
    for text in expected:
        assert text in message
    assert not list(tmp_path.rglob(store.RUN))


def test_a_search_for_a_capacity_has_no_such_option() -> None:
    ran = slaibench("capacity", "slai", "--concurrency", "8")
    assert ran.status == 2
    assert "No such option: --concurrency" in ran.err
