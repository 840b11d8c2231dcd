"""The command that redoes the paper's figures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slaibench.recording import store
from slaibench.report.verify import verify
from tests.cli.command import Ran, refused, slaibench
from tests.reproductions.bari2025.small import WORKLOAD

SMALL = ("--workload", WORKLOAD, "--rates", "1.6", "--seeds", "1", "--jobs", "1")
SHORT = (*SMALL, "--duration", "60")


def paper(folder: Path, *arguments: str | Path, columns: int = 80) -> Ran:
    where = ("--results", folder / "results", "--reports", folder / "reports")
    return slaibench("paper", *where, *SHORT, *arguments, columns=columns)


@pytest.fixture(scope="module")
def top(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("paper")


def test_claims_are_printed_and_a_true_page_is_written(top: Path) -> None:
    ran = paper(top, "--figure", "6", "--figure", "8")
    assert ran.status == 0
    assert "Figures 6a, 6b, 6c, 8; 1 seed a rate" in ran.out
    for text in ("0.724 s", "disagrees +27.9 %", "KV blocks in use grow", "fixed 5 saturates"):
        assert text in ran.out
    assert "these are not the paper's lengths" in ran.out
    (page,) = (top / "reports").glob("paper-*.html")
    assert page.name in ran.out
    assert verify(page).mismatches == ()


@pytest.mark.parametrize("columns", [80, 120])
def test_the_table_fits_the_terminal(top: Path, columns: int) -> None:
    ran = paper(top, "-f", "6a", "-f", "8", "--no-report", columns=columns)
    table = ran.out.partition("simulated")[0]
    assert max(map(len, table.splitlines())) <= columns
    assert "…" not in table


def test_again_runs_nothing_and_prints_the_same(top: Path) -> None:
    first, again = (paper(top, "-f", "8", "--no-report") for _ in range(2))
    assert again.out == first.out
    assert "6 taken from disk" in again.err


def test_json_has_the_same_claims(top: Path) -> None:
    document = json.loads(paper(top, "-f", "6", "--no-report", "--json").out)
    claims = {claim["name"]: claim for claim in document["claims"]}
    claim = claims["budget-ttft-512"]
    assert claim["published"]["value"] == pytest.approx(0.2122)
    assert claim["paper"]["verdict"] == "disagrees"
    assert claim["strict"] is None
    assert document["papers_lengths"] is None


@pytest.mark.parametrize(
    ("arguments", "texts"),
    [
        (["--figure", "13"], ["--figure 13", "no figure '13' with a plot", "6a, 6b, 6c"]),
        (["--backend", "vlm"], ["unknown backend 'vlm'", "did you mean 'vllm'"]),
        (["--backend", "endpoint"], ["a server has a scheduler of its own"]),
        (["--backend", "vllm", "--device", "cpu"], ["--device cpu", "rtx6000-ada", "compare"]),
        (["--device", "emulated"], ["--device does not go with --backend sim"]),
        (["--rates", "0"], ["'0' is not a positive number"]),
        (["--duration", "0"], ["--duration 0", "greater than 0"]),
        (["--workload", "sharegpt"], ["unknown workload 'sharegpt'", "did you mean"]),
        (["--workload", "nowhere.csv"], ["nowhere.csv", "no such file"]),
        (["--seeds", "0"], ["--seeds"]),
        (["--jobs", "0"], ["--jobs"]),
    ],
)
def test_bad_input_is_refused_before_any_work(
    tmp_path: Path, arguments: list[str], texts: list[str]
) -> None:
    message = refused("paper", "--results", tmp_path, *SMALL, *arguments)
    assert not list(tmp_path.rglob(store.RUN))
    for text in texts:
        assert text in message
