"""Commands over what is on disk: they show what the sweep that wrote it showed."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from slaibench.recording import store
from tests.cli.command import SMALL, refused, slaibench, sweep
from tests.studies.studies import WORKLOAD


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two schedulers at rates whose texts sort otherwise than their numbers."""
    folder = tmp_path_factory.mktemp("results")
    assert sweep(folder, "--rates", "2,10", "--seeds", "2", "--requests", "300").status == 0
    return folder


def rows(out: str) -> list[list[str]]:
    """Rows of numbers of the tables that were printed."""
    return [line.split() for line in out.splitlines() if re.match(r" *\d+(\.\d+)? ", line)]


@pytest.mark.parametrize("columns", [80, 120])
def test_recordings_are_listed_by_scheduler_rate_and_seed(results: Path, columns: int) -> None:
    ran = slaibench("results", results, columns=columns)
    assert ran.status == 0
    assert f"10 recordings in {results}" in " ".join(ran.out.split())
    assert "mistral-7b on h100 (sim)" in ran.out
    assert "strict conventions" in " ".join(ran.out.split())
    assert max(map(len, ran.out.splitlines())) <= columns
    listed = [line.split() for line in ran.out.splitlines() if line.startswith(("sar", "slai "))]
    points = [row for row in listed if "overload" not in row]
    assert [(row[0], row[1], row[2]) for row in points] == [
        (name, rate, seed)
        for name in ("sarathi", "slai")
        for rate in ("2", "10")
        for seed in ("0", "1")
    ]
    assert all(row[3:] == ["300", row[4], "s"] for row in points)
    overloads = [row for row in listed if row not in points]
    assert [(row[0], row[2], row[3]) for row in overloads] == [
        (name, "0", "2,000") for name in ("sarathi", "slai")
    ]
    assert all(row[-2:] == ["under", "overload"] for row in overloads)
    assert [listed.index(row) for row in overloads] == [4, 9]  # the highest rate of each


def test_one_recording_may_be_named_by_itself(results: Path) -> None:
    folder = next(f for f in store.find_runs(results) if f.name.startswith("rate2-"))
    (row,) = json.loads(slaibench("results", folder, "--json").out)
    assert row["folder"] == str(folder)
    assert (row["requests"], row["overload"]) == (300, False)
    assert row["stopped_early"] is None


def test_studies_are_listed_apart(results: Path, tmp_path: Path) -> None:
    sweep(tmp_path, "-s", "slai")
    sweep(tmp_path, "-s", "slai", "--gpu", "a100")
    out = slaibench("results", tmp_path).out
    assert "mistral-7b on a100 (sim)" in out
    assert "mistral-7b on h100 (sim)" in out


def page_in(text: str) -> Path:
    line = next(line for line in text.splitlines() if line.startswith("report: "))
    return Path(line.removeprefix("report: "))


def test_a_comparison_writes_a_page_that_verifies_until_its_recordings_change(
    tmp_path: Path,
) -> None:
    ran = slaibench(
        *("compare", "sarathi", "slai", "--rates", "5", "--json", *SMALL, "--requests", "300"),
        *("--results", tmp_path / "r", "--reports", tmp_path / "p"),
    )
    assert ran.status == 0
    assert json.loads(ran.out)["b"] == "slai"
    page = page_in(ran.err)
    assert page.parent == tmp_path / "p"
    checked = slaibench("verify", page)
    assert checked.status == 0
    assert "all the same" in checked.out
    victim, donor, *_ = sorted(store.find_runs(tmp_path / "r"))
    (victim / store.REQUESTS).write_bytes((donor / store.REQUESTS).read_bytes())
    spoilt = slaibench("verify", page, "--json")
    assert spoilt.status == 1
    assert json.loads(spoilt.out)["mismatches"]
    assert "difference" in spoilt.err
    assert "Traceback" not in spoilt.err


def test_a_page_from_recordings_is_the_sweeps_and_says_what_it_leaves_out(tmp_path: Path) -> None:
    mine, results = tmp_path / "mine.py", tmp_path / "r"
    text = "from schedulers.sarathi import Sarathi\nclass Mine(Sarathi):\n    pass\n"
    mine.write_text(text)
    sweep(results, "-s", f"{mine}:Mine", "--rates", "2,5")
    mine.write_text(text.replace("pass", "name = 'mine, edited'"))
    args = ("-s", f"{mine}:Mine", "--rates", "5", "--results", results, *SMALL)
    swept = slaibench("sweep", *args, "--reports", tmp_path / "p")
    assert swept.status == 0
    back = slaibench("report", results, "--reports", tmp_path / "q")
    assert back.status == 0
    assert rows(back.out) == rows(swept.out)
    assert len(rows(back.out)) == 1
    # Two rates, and the run under overload.
    assert "as it was before its code or defaults changed: 3" in " ".join(back.err.split())
    for page in (page_in(swept.out), page_in(back.out)):
        assert page.exists()


def test_what_is_no_page_is_refused(tmp_path: Path) -> None:
    assert "nowhere.html" in refused("verify", tmp_path / "nowhere.html")
    (tmp_path / "other.html").write_text("<p>hello</p>")
    assert "other.html" in refused("verify", tmp_path / "other.html")


def test_pages_are_listed_in_an_index_and_verified_together(tmp_path: Path) -> None:
    args = ("-s", "sarathi", "--results", tmp_path / "r", "--reports", tmp_path / "p", *SMALL)
    pages = [page_in(slaibench("sweep", *args, "--rates", rate).out) for rate in ("2", "5")]
    index = tmp_path / "p" / "index.html"
    assert all(f'href="{page.name}"' in index.read_text() for page in pages)
    shutil.rmtree(tmp_path / "p")
    damaged = tmp_path / "p" / "damaged.html"
    damaged.parent.mkdir()
    damaged.write_text('<script type="application/json" id="slaibench-numbers">{</script>')
    again = slaibench("report", tmp_path / "r", "--reports", tmp_path / "p")
    assert again.status == 0
    assert "index:" in again.err
    assert "damaged.html" in again.err
    damaged.unlink()
    whole = sorted((tmp_path / "p").glob("*.html"))
    assert index in whole
    ran = slaibench("verify", *whole)
    assert ran.status == 0, ran.err
    assert "numbers recomputed from" in ran.out
    message = refused("verify", index)
    assert "is the index of a folder: verify one of its pages" in message


def test_of_several_pages_each_is_named_and_one_that_differs_is_enough(tmp_path: Path) -> None:
    args = ("-s", "sarathi", "--results", tmp_path / "r", "--reports", tmp_path / "p", *SMALL)
    good, bad = (page_in(slaibench("sweep", *args, "--rates", rate).out) for rate in ("2", "5"))
    bad.write_text(bad.read_text().replace("All points", "All the points"))
    ran = slaibench("verify", good, bad)
    assert ran.status == 1
    assert f"{good}: " in ran.out
    assert f"{bad}: page, line" in ran.out
    assert f"other numbers: 1 difference in {str(bad)!r}" in ran.err
    verdicts = json.loads(slaibench("verify", good, bad, "--json").out)
    assert [verdict["verdict"] for verdict in verdicts] == ["all the same", "other numbers"]
    assert [verdict["page"] for verdict in verdicts] == [str(good), str(bad)]


def test_a_focus_rate_that_was_not_swept_is_refused(results: Path, tmp_path: Path) -> None:
    message = refused("report", results, "--reports", tmp_path, "--focus-rate", "3")
    assert "focus rate 3" in message
    assert "2, 10" in message
    assert "no tier 'gold'" in refused(
        "report", results, "--reports", tmp_path, "--slo", "tbt_p99@gold<tier"
    )


def test_a_search_writes_a_page_and_report_writes_it_again(tmp_path: Path) -> None:
    where = ("--results", tmp_path / "r", "--slo", "ttft_p50<0.05")
    load = ("--workload", WORKLOAD, "--requests", "300", "--seeds", "1", "--jobs", "1")
    ran = slaibench("capacity", "slai", *load, *where, "--reports", tmp_path / "p", "--json")
    assert json.loads(ran.out)[0]["scheduler"] == "slai"
    first = page_in(ran.err)
    assert first.name.startswith("capacity-h100-")
    again = slaibench(
        *("report", tmp_path / "r", "--capacity", "--slo", "ttft_p50<0.05"),
        *("--reports", tmp_path / "again"),
    )
    second = page_in(again.out)
    for page in (first, second):
        assert slaibench("verify", page).status == 0
    title = re.compile("<h1>(.*)</h1>")
    assert title.findall(first.read_text()) == title.findall(second.read_text())
    assert "requests/s within the latency targets" in title.findall(first.read_text())[0]


def test_a_search_writes_no_page_where_none_is_wanted(tmp_path: Path) -> None:
    load = ("--workload", WORKLOAD, "--requests", "300", "--seeds", "1", "--jobs", "1")
    where = ("--results", tmp_path / "r", "--reports", tmp_path / "p", "--no-report")
    assert slaibench("capacity", "slai", *load, *where).status == 0
    assert not (tmp_path / "p").exists()


def test_a_search_s_page_has_no_focus(results: Path) -> None:
    said = refused("report", results, "--capacity", "--focus-rate", "2")
    assert "--focus-rate 2 goes with the page of a sweep" in said
