"""Bad input: one message that names the value and the way out, and nothing run or lost."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from slaibench.recording import store
from tests.cli.command import refused, slaibench, sweep
from tests.schedulers.hostile import LINES, hostile
from tests.studies.studies import BROKEN_LATE


def refused_sweep(results: Path, *arguments: str | Path) -> str:
    message = refused("sweep", "--no-report", "--results", results, "--requests", "60", *arguments)
    assert not list(results.rglob(store.RUN))
    return message


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--scheduler", "sarath"], ["unknown scheduler 'sarath'", "did you mean 'sarathi'"]),
        (["-s", "slai:ofset=5"], ["no option 'ofset'", "did you mean 'offset'"]),
        (["-s", "slai:offset=soon"], ["offset must be 'dynamic' or 'fixed:N'", "not 'soon'"]),
        (["-s", "slai:offset"], ["option 'offset' has no value", "name:option=value"]),
        (["-s", "sarathi:token_budget=-1"], ["token_budget", "at least 1, not -1"]),
        (["-s", "sarathi", "-s", "sarathi"], ["named twice"]),
        (["--model", "mistral"], ["model 'mistral'", "did you mean 'mistral-7b'"]),
        (["--gpu", "h10"], ["unknown GPU 'h10'", "did you mean 'h100'"]),
        (["--workload", "sharegpt"], ["unknown workload 'sharegpt'", "did you mean 'sharegpt4'"]),
        (["--arrivals", "poison"], ["unknown arrival process 'poison'", "did you mean 'poisson'"]),
        (["--arrivals", "gamma"], ["gamma:cv=2"]),
        (["--arrivals", "burst"], ["burst arrivals do not depend on a rate", "--rates auto"]),
        (["--arrivals", "burst", "--rates", "1:20"], ["do not depend on a rate", "20 rates"]),
        (["--arrivals", "trace"], ["no recorded arrival times", "poisson"]),
        (["--backend", "vlm"], ["unknown backend 'vlm'", "sim"]),
        (["--tiers", "gold:1"], ["name:share:tbt_slo_s", "'gold:1'"]),
        (["--tiers", "gold:0.5:0.1"], ["must add up to 1, not 0.5"]),
        (["--convention", "strct"], ["--convention", "strct", "strict", "paper"]),
        (["--rates", "0"], ["'0' is not a positive number", "start:stop"]),
        (["--rates", "-1"], ["'-1' is not a positive number", "start:stop"]),
        (["--rates", "nan"], ["'nan' is not a positive number", "start:stop"]),
        (["--rates", "1:inf"], ["'inf' is not a positive number", "start:stop"]),
        (["--rates", "1e-308"], ["between 1e-06 and 1e+06 requests a second, not 1e-308"]),
        (["--rates", "1e308"], ["between 1e-06 and 1e+06 requests a second, not 1e+308"]),
        (["--arrivals", "gamma:cv=1e300"], ["cv must lie between", "not '1e300'"]),
        (["--arrivals", "gamma:cv=500"], ["cv must be at most 100, not 500", "burst"]),
        (["--tiers", "all:1:1e-300"], ["tier all: the TBT SLO must be above 0 s", "1e-300"]),
        (["--tiers", f"{'x' * 100_000}:1:0.1"], ["a tier's name has 100000 characters"]),
        (["--model", "x" * 100_000], ["--model xxx", "at most 2000 characters"]),
        (["--workload", "x" * 100_000], ["xxx... (100001 characters)", "File name too long"]),
        (["-s", "x" * 100_000], ["a scheduler's name has 100000 characters"]),
        (["-s", "a\x1b[2J\n::error::b"], ["scheduler ", "has no value"]),
        (["--rates", "fast"], ["'fast' is not a positive number", "start:stop"]),
        (["--rates", "5:1"], ["stop 1 lies below the start 5"]),
        (["--rates", ""], ["is not a positive number"]),
        (["--slo", "ttft<1"], ["'ttft<1'", "Accepted: METRIC_STAT[@WHOSE]<BOUND"]),
        (["--slo", "ttft_p50<0.5,"], ["is empty", "Accepted"]),
        (["--slo", "ttft_p101<1"], ["p101", "Accepted"]),
        (["--slo", "ttft_p50@gold<1"], ["no tier 'gold'", "paying, free"]),
        (["--slo", "ttft_p99<tier"], ["tbt and tpot only"]),
        (["--kv-blocks", "10"], ["KV cache (10 blocks) holds 160", "--max-total-tokens 160"]),
        (["--workload", "fixed:prompt=32768,output=1"], ["mistral-7b holds 32768", "--max-total"]),
        (["--max-total-tokens", "5"], ["max_total_tokens=5", "raise it"]),
        (["--duration", "0"], ["--duration 0", "greater than 0"]),
        (["--duration", "nan"], ["--duration nan", "finite"]),
        (["--profile", "/nowhere/p.json"], ["cannot read /nowhere/p.json"]),
        (["--jobs", "0"], ["--jobs"]),
        (["--seeds", "0"], ["--seeds"]),
        (["--requests", "5"], ["--requests"]),
        (["--first-seed", "-1"], ["--first-seed"]),
        (["--rate", "1"], ["--rate", "--rates"]),
    ],
)
def test_a_bad_value_is_named_with_the_way_out(
    tmp_path: Path, arguments: list[str], expected: list[str]
) -> None:
    message = refused_sweep(tmp_path / "r", *arguments)
    for part in expected:
        assert part in message


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("missing.csv", None, "no such file"),
        ("empty.csv", b"", "is empty"),
        ("header.csv", b"prompt_tokens,output_tokens\n", "no rows"),
        ("columns.csv", b"a,b\n1,2\n", "no column for prompt tokens"),
        ("short.csv", b"prompt_tokens,output_tokens\n10,20\n30\n", "line 3: 1 fields"),
        ("word.csv", b"prompt_tokens,output_tokens\n10,20\nx,3\n", "line 3: prompt_tokens"),
        ("zero.csv", b"prompt_tokens,output_tokens\n0,20\n", "from 1 to"),
        ("cut.parquet", b"PAR1 and no more", "not a readable parquet"),
        ("cut.jsonl", b'{"prompt_tokens": 1, "outp', "line 1"),
    ],
)
def test_a_trace_that_cannot_be_read_is_named_with_the_place(
    tmp_path: Path, name: str, content: bytes | None, expected: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    message = refused_sweep(tmp_path / "r", "--workload", tmp_path / name)
    assert name in message
    assert expected in message


def test_a_trace_whose_requests_are_too_long_is_refused(tmp_path: Path) -> None:
    (tmp_path / "long.csv").write_text("prompt_tokens,output_tokens\n10,20\n40000,5\n")
    message = refused_sweep(tmp_path / "r", "--workload", tmp_path / "long.csv")
    assert "40005 tokens" in message
    assert "--max-total-tokens 32768" in message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import nothing_of_that_name\n", "ModuleNotFoundError"),
        ("class Mine: pass\n", "not a subclass of slaibench.schedulers.base.Scheduler"),
        ("def f(:\n", "SyntaxError"),
        ("from schedulers.sarathi import Sarathi\nclass Other(Sarathi): pass\n", "Other"),
        (
            "from schedulers.sarathi import Sarathi\nclass Mine(Sarathi):\n"
            "    def __init__(self, **k): raise OSError('no such device')\n",
            "OSError: no such device (mine.py, line 3)",
        ),
    ],
)
def test_a_schedulers_file_that_cannot_be_used_is_named(
    tmp_path: Path, text: str, expected: str
) -> None:
    (tmp_path / "mine.py").write_text(text)
    message = refused_sweep(tmp_path / "r", "-s", f"{tmp_path}/mine.py:Mine")
    assert "mine.py" in message
    assert expected in message
    assert "no scheduler file" in refused_sweep(tmp_path / "r", "-s", "nowhere.py:Mine")
    assert "names no class" in refused_sweep(tmp_path / "r", "-s", f"{tmp_path}/mine.py")


@pytest.mark.parametrize(
    ("place", "harm", "expected", "status"),
    [
        ("import", "sys.exit(0)", "fails on import: SystemExit: 0", 2),
        ("options", "raise KeyboardInterrupt", "cannot be built: KeyboardInterrupt", 2),
        ("schedule", "sys.exit(0)", "SystemExit: 0", 1),
        ("queue_key", "raise GeneratorExit", "GeneratorExit", 1),
        ("batch_done", "os._exit(0)", "os._exit(0) would end the process", 1),
    ],
)
def test_a_scheduler_that_asks_for_the_end_passes_no_gate(
    tmp_path: Path, place: str, harm: str, expected: str, status: int
) -> None:
    (tmp_path / "mine.py").write_text(hostile(harm, place))
    ran = sweep(tmp_path / "r", "-s", f"{tmp_path}/mine.py:Mine", columns=400)
    assert (ran.status, ran.out) == (status, "")
    assert expected in ran.err
    assert f"(mine.py, line {LINES[place]})" in ran.err


def test_a_workload_given_twice_is_both(tmp_path: Path) -> None:
    for name, tokens in (("a", 300), ("b", 900)):
        row = f"{tokens},20\n"
        (tmp_path / f"{name}.csv").write_text("prompt_tokens,output_tokens\n" + 30 * row)
    files = [part for name in "ab" for part in ("--workload", tmp_path / f"{name}.csv")]
    ran = slaibench(
        *("sweep", "--no-report", "--results", tmp_path / "r", "--requests", "60", "--json"),
        *("--seeds", "1", "--jobs", "1", "--rates", "5", "-s", "slai", *files),
    )
    assert ran.status == 0
    assert "a.csv: 30 recorded requests; b.csv: 30 recorded requests" in ran.out


def test_folders_that_cannot_be_written_are_refused_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        message = refused("sweep", "--no-report", "--results", folder)
        assert str(folder) in message
        assert "choose another with --results" in message
        for command in (["sweep"], ["compare", "sarathi", "slai"]):
            message = refused(*command, "--results", tmp_path / "r", "--reports", folder)
            assert str(folder) in message
            assert "choose another with --reports" in message
    assert not list(tmp_path.rglob(store.RUN))


def test_a_capacity_that_no_run_can_tell_is_refused(tmp_path: Path) -> None:
    base = ("capacity", "slai", "--results", tmp_path)
    assert "60 requests are too few" in refused(*base, "--requests", "60")
    one_token = refused(*base, "--workload", "fixed:prompt=100,output=1")
    assert "'tbt_p99<tier' is about times between tokens" in one_token
    assert "name targets without tbt and tpot" in one_token
    assert "no capacity to find" in refused(*base, "--arrivals", "burst")
    assert "no recorded arrival times" in refused(*base, "--arrivals", "trace")
    assert "max_total_tokens=5" in refused(*base, "--max-total-tokens", "5")
    assert "no capacity to find" in refused(
        *("compare", "sarathi", "slai", "--arrivals", "burst", "--rates", "1", "--no-report"),
        *("--results", tmp_path),
    )
    assert not list(tmp_path.rglob(store.RUN))


def test_a_comparison_needs_two_schedulers(tmp_path: Path) -> None:
    assert "named twice" in refused("compare", "slai", "slai", "--results", tmp_path)
    assert "named twice" in refused("compare", "rad", "slai", "slai", "--results", tmp_path)
    assert "'b'" in refused("compare", "slai").lower()
    assert "scheduler" in refused("capacity").lower()


def test_an_unknown_command_or_option_is_wrong_usage() -> None:
    assert "No such command 'swep'" in refused("swep")
    assert "--bogus" in refused("--bogus")


def test_a_scheduler_that_breaks_in_the_middle_leaves_what_was_finished(tmp_path: Path) -> None:
    results, mine = tmp_path / "r", tmp_path / "late.py"
    mine.write_text(BROKEN_LATE.replace("AFTER_S", "100"))
    # 60 requests at 20 requests/s are done after 3 s, at 0.4 requests/s after 150; the 2,000 under
    # overload after 80.
    rates = ("--rates", "0.4,20", "-s", "sarathi", "-s", f"{mine}:Late")
    broken = sweep(results, *rates)
    assert (broken.status, broken.out) == (1, "")
    assert "late.py:Late at 0.4 requests/s, seed 0: invariant 5" in broken.err
    assert "What was finished is kept" in broken.err
    assert "Traceback" not in broken.err
    assert len(list(store.find_runs(results))) == 3
    assert sweep(results, "--rates", "20", "-s", f"{mine}:Late").status == 0
    mine.write_text(BROKEN_LATE.replace("AFTER_S", "1e9"))
    mended = sweep(results, *rates)
    assert mended.status == 0
    # What the broken file recorded is not taken for the mended one's.
    assert "4 cells run, 2 taken from disk" in mended.err


def test_a_scheduler_that_breaks_under_overload_is_reported(tmp_path: Path) -> None:
    mine = tmp_path / "late.py"
    mine.write_text(BROKEN_LATE.replace("AFTER_S", "30"))
    broken = sweep(tmp_path / "r", "--rates", "20", "-s", f"{mine}:Late")
    assert (broken.status, broken.out) == (1, "")
    assert re.search(
        r"late\.py:Late under overload of [\d.]+ requests/s, seed 0: invariant 5", broken.err
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["replay", "--url", "http://h", "--model", "m\udcff"], "--model is given a value"),
        (["sweep", "--workload=a\udcff"], "--workload is given a value"),
        (["compare", "slai", "s\udcff"], "argument 3 is given a value"),
        (["workload", "\udcff"], "argument 2 is given a value"),
        (["replay", "--header", "X-Key: hunter2\udcff"], "--header is given a value"),
    ],
)
def test_text_that_is_no_utf8_is_refused_and_not_repeated(
    arguments: list[str], expected: str
) -> None:
    message = refused(*arguments)
    assert f"{expected} that is no UTF-8 text" in message
    assert "hunter2" not in message
