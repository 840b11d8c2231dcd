"""``--json``: one strict document on stdout, with the numbers of the tables."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest

from slaibench.cli.shell import print_json
from tests.cli.command import SMALL, process, slaibench, sweep
from tests.schedulers.hostile import hostile
from tests.studies.studies import H100, WORKLOAD


def document(text: str) -> Any:
    """What stdout holds, if that is one JSON document as the standard has it."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(text, parse_constant=refuse)


COMPARE = (
    *("compare", "sarathi:token_budget=128", "sarathi", "--rates", "10,60"),
    *("--workload", WORKLOAD, "--requests", "1000", "--seeds", "2", "--jobs", "1", "--no-report"),
    *("--profile", H100),
    *("--slo", "ttft_p50<0.2"),  # a median is sure after fewer requests than a tail is
)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("results")


def test_a_sweeps_document_and_table_have_the_same_numbers(results: Path) -> None:
    tiers = "paying:0.5:0.1,free:0.5:0.5"  # half each: a P99 of gaps takes 1,000 requests
    arguments = ("--requests", "1300", "--seeds", "2", "--tiers", tiers)
    ran = sweep(results, "--rates", "2,15", *arguments, "--json")
    assert ran.status == 0
    assert "sweep: 10 cells run" in ran.err  # one of each scheduler under overload
    points = document(ran.out)["points"]
    assert [(p["scheduler"], p["rate_rps"]) for p in points] == [
        (name, rate) for name in ("sarathi", "slai") for rate in (2, 15)
    ]
    table = sweep(results, "--rates", "2,15", *arguments, columns=140)
    rows = [line.split() for line in table.out.splitlines() if line.strip()[:2] in ("2 ", "15")]
    assert len(rows) == 4
    for row, point in zip(rows, points, strict=True):
        rate, median, interval, p99, paying, free, on_time, tokens, n = row
        low, high = interval.split("–")
        assert float(rate) == point["rate_rps"]
        for shown, value in (
            (median, point["ttft_p50_s"]),
            (low, point["ci95"]["ttft_p50_s"][0]),
            (high, point["ci95"]["ttft_p50_s"][1]),
            (p99, point["ttft_p99_s"]),
            (free, point["tbt_p99_s"]["free"]),
            (paying, point["tbt_p99_s"]["paying"]),
            (tokens.replace(",", ""), point["output_tokens_per_s"]),
        ):
            assert float(shown) == pytest.approx(value, rel=0.005)
        shares = [tier["tokens_on_time"] for tier in point["deadlines"].values()]
        assert on_time == f"{min(shares):.1%}"
        assert int(n.replace(",", "")) == point["n"]


def test_a_comparisons_document_and_table_have_the_same_numbers(results: Path) -> None:
    ran = slaibench(*COMPARE, "--results", results, "--json")
    assert ran.status == 0
    compared = document(ran.out)
    assert (compared["a"], compared["b"]) == ("sarathi:token_budget=128", "sarathi")
    for side in ("a", "b"):
        capacity = compared["capacity"][side]
        assert capacity["rate_rps"] > 0
        assert len(capacity["ci95"]) == 2
    ratio = compared["capacity"]["ratio"]
    assert ratio["value"] == pytest.approx(
        compared["capacity"]["b"]["rate_rps"] / compared["capacity"]["a"]["rate_rps"]
    )
    assert len(ratio["ci95"]) == 2
    calm, flooded = compared["rates"]
    assert (calm["a"]["saturated"], flooded["b"]["saturated"]) == (False, True)
    assert set(calm["a"]["tbt_p99_s"]) == {"paying", "free"}
    assert calm["a"]["n"] > 1500
    change = calm["ttft_p50_change"]
    assert change["value"] < 0
    table = slaibench(*COMPARE, "--results", results, columns=140)
    assert table.err.startswith("compare: 0 cells run")
    row = next(line.split() for line in table.out.splitlines() if line.split()[:1] == ["10"])
    assert float(row[1]) == pytest.approx(calm["a"]["ttft_p50_s"], rel=0.005)
    assert float(row[2]) == pytest.approx(calm["b"]["ttft_p50_s"], rel=0.005)
    assert f"{change['value']:+.1%}" in row
    assert f"{change['ci95'][0]:+.1%} to {change['ci95'][1]:+.1%}" in " ".join(row)
    assert f"sarathi carries {ratio['value']:.2f} times the load of sarathi:token" in table.out
    for side in ("a", "b"):
        assert f" carries {compared['capacity'][side]['rate_rps']:.1f} requests/s" in table.out


def test_a_capacitys_document_is_a_list_with_what_its_sentence_says(results: Path) -> None:
    base = ("capacity", "sarathi", "--results", results, "--workload", WORKLOAD)
    search = (*base, "--requests", "400", "--seeds", "2", "--jobs", "1", "--no-report")
    (capacity,) = document(slaibench(*search, "--json").out)
    assert capacity["scheduler"] == "sarathi"
    assert capacity["slo"] == "ttft_p50<0.5,ttft_p99<5,tbt_p99<tier"
    sentence = slaibench(*search, columns=400)
    assert f"{capacity['rate_rps']:.1f} requests/s" in sentence.out
    assert capacity["binding"] == "not saturated"
    assert "above that it is saturated" in sentence.out


def test_runs_too_small_to_tell_are_null_and_said_in_words(tmp_path: Path) -> None:
    ran = slaibench(
        *("compare", "sarathi", "slai", "--no-report", "--rates", "5", "--json", *SMALL),
        *("--results", tmp_path),
    )
    compared = document(ran.out)
    (rate,) = compared["rates"]
    assert rate["a"]["ttft_p99_s"] is None
    assert rate["a"]["saturated"] is None
    capacity = compared["capacity"]["a"]
    assert capacity["sure_rps"] is None
    assert capacity["ci95"][0] == 0
    assert "no rate is sure to hold" in capacity["note"]
    assert compared["capacity"]["ratio"]["ci95"] is None
    words = slaibench(
        *("compare", "sarathi", "slai", "--no-report", "--rates", "5", *SMALL),
        *("--results", tmp_path),
        columns=200,
    )
    assert "n too small" in words.out
    assert "its runs cannot tell whether it is saturated" in words.out
    assert "(95 % interval 0 to " in words.out
    assert "no rate is sure to hold" in words.out
    assert "(no interval: it may be chance)" in words.out


@pytest.mark.parametrize("command", ["schedulers", "models", "gpus", "workload"])
def test_what_there_is_comes_as_a_list_of_names(command: str) -> None:
    rows = document(slaibench(command, "--json").out)
    assert len(rows) > 3
    assert all(row.get("name") or row.get("gpu") for row in rows)


def test_an_infinite_option_is_a_word() -> None:
    rows = document(slaibench("schedulers", "--json").out)
    assert next(row for row in rows if row["name"] == "rad")["options"]["cycle"] == "inf"


def test_a_workload_is_described_in_one_document() -> None:
    described = document(slaibench("workload", "fixed:prompt=100,output=7", "--json").out)
    assert described["prompt_tokens"]["max"] == 100
    assert described["total_tokens"]["mean"] == 107


def test_recordings_are_listed_with_their_folders(results: Path) -> None:
    rows = document(slaibench("results", results, "--json").out)
    assert all((Path(row["folder"]) / "run.json").exists() for row in rows)
    rates = [row["rate_rps"] for row in rows if row["scheduler"] == "slai"]
    assert rates == sorted(rates)


def test_a_schedulers_own_prints_do_not_get_into_the_document(tmp_path: Path) -> None:
    mine = tmp_path / "loud.py"
    mine.write_text(
        "from schedulers.sarathi import Sarathi\nprint('imported')\nclass Loud(Sarathi):\n"
        "    def queue_key(self, request):\n        print('asked')\n        return 0\n"
    )
    arguments = ("-s", f"{mine}:Loud", "--seeds", "2", "--json")
    ran = sweep(tmp_path / "one", *arguments)
    assert ran.status == 0
    assert "imported" in ran.err  # it is asked in a worker, whose stderr is no part of this test
    running = process(
        *("sweep", "--no-report", "--rates", "5", "--results", tmp_path / "two", *SMALL),
        *(*arguments, "--jobs", "2"),
    )
    out, err = running.communicate(timeout=60)
    assert "asked" in err
    assert document(out) == document(ran.out)


def test_what_json_has_no_word_for_is_never_printed(capsys: pytest.CaptureFixture[str]) -> None:
    for value in (math.nan, math.inf):
        with pytest.raises(ValueError, match="not JSON compliant"):
            print_json({"value": value})
    print_json({"value": None})
    assert json.loads(capsys.readouterr().out) == {"value": None}


@pytest.mark.parametrize("place", ["import", "__init__", "schedule"])
def test_what_a_scheduler_writes_is_no_part_of_the_document(tmp_path: Path, place: str) -> None:
    file = tmp_path / "mine.py"
    writes = "print('printed'); os.write(1, b'written\\n'); os.system('echo child')"
    file.write_text(hostile(writes, place))
    arguments = ("--rates", "5", "--no-report", "--json", "--results", tmp_path / "results")
    running = process("sweep", "-s", f"{file}:Mine", *arguments, *SMALL)
    out, err = running.communicate()
    assert running.returncode == 0, err
    assert [point["rate_rps"] for point in document(out)["points"]] == [5]
    assert {"printed", "written", "child"} <= set(err.splitlines())


@pytest.mark.parametrize("harm", ["os.close(1)", "sys.stdout.close()", "sys.stderr.close()"])
def test_a_scheduler_may_close_what_it_prints_to(tmp_path: Path, harm: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(hostile(harm, "import"))
    arguments = ("--rates", "5", "--no-report", "--json", "--results", tmp_path / "results")
    running = process("sweep", "-s", f"{file}:Mine", *arguments, *SMALL)
    out, err = running.communicate()
    assert running.returncode == 0, err
    assert document(out)
    assert re.fullmatch(r"sweep: 2 cells run, in \d+ s\n", err)
