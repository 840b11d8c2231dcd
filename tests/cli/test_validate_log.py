"""``slaibench validate --log`` and ``--recording``: tables, JSON, statuses, refusals."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from slaibench.catalog import get_profile
from slaibench.catalog.validations import own_file
from tests.cli.command import refused, slaibench, sweep
from tests.studies.validation.logs import PROFILE, meta, write_log


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SLAIBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_table_and_the_document_have_the_same_numbers(tmp_path: Path) -> None:
    log = write_log(tmp_path / "mine", overhead_ms=0.2)
    ran = slaibench("validate", "--log", log, columns=80)
    assert ran.status == 0
    document = slaibench("validate", "--log", log, "--json").out
    (run,) = json.loads(document)["runs"]
    lines = [line.split() for line in ran.out.splitlines()]
    for metric, name in (("ttft", "TTFT"), ("tpot", "TPOT"), ("e2e", "E2E")):
        mean = next(line for line in lines if line[:3] == [f"{name},", "s", "mean"])
        statistic = run["metrics"][metric]["statistics"]["mean"]
        assert float(mean[3]) == pytest.approx(statistic["reference"], rel=0.006)
        assert float(mean[4]) == pytest.approx(statistic["other"], rel=0.006)
        assert mean[5] == f"{statistic['change']:+.1%}"
        assert f"{name}: grade {run['metrics'][metric]['grade']} (" in ran.out
    assert f"all: grade {run['grade']['grade']}" in ran.out
    assert "KV blocks, prefix caching on, scheduling asynchronous, 0 ms between steps" in ran.out
    table = ran.out.split("TTFT: grade")[0]
    assert "…" not in table
    assert max(map(len, table.splitlines())) <= 80


def test_a_fitted_step_is_shown_with_what_it_was_fitted_to(tmp_path: Path) -> None:
    log = write_log(tmp_path / "mine", overhead_ms=3.0)
    ran = slaibench("validate", "--log", log, "--fit-step-overhead")
    assert "(fitted to 60 requests; the other 60 scored)" in ran.out
    assert "grade A" in ran.out


def test_the_last_grade_is_status_one_and_still_shown(tmp_path: Path) -> None:
    ran = slaibench("validate", "--log", write_log(tmp_path / "mine", overhead_ms=40.0))
    assert ran.status == 1
    assert "all: grade D" in ran.out
    assert "stands for nothing but the shape of a curve" in ran.err


def test_what_is_kept_is_shown_by_gpus_by_results_and_in_their_documents(
    tmp_path: Path,
) -> None:
    profile = tmp_path / "own.json"
    profile.write_text(json.dumps({"extends": "rtx4090_llama-3.1-8b", "gpu": "mine"}))
    log = write_log(tmp_path / "log")
    given = ("--profile", profile)
    model = ("--model", "llama-3.1-8b")
    before = sweep(tmp_path / "r", *given, *model, "-s", "sarathi")
    assert "\nnot validated against a run of an engine\n" in before.out
    ran = slaibench("validate", "--log", log, *given, "--source", "a test")
    assert "errors kept in" in ran.out
    after = sweep(tmp_path / "r", *given, *model, "-s", "sarathi", "--fresh")
    line = "validated against vLLM 0.19.0, log/requests.jsonl (120 requests in"
    assert f"\n{line}" in after.out
    shown = next(text for text in after.out.splitlines() if text.startswith(line))
    assert re.search(
        r": median TTFT .0\.0%, median TPOT .0\.0%, median E2E .0\.0%; grade A$", shown
    )
    page = slaibench("report", tmp_path / "r", "--reports", tmp_path / "p")
    assert page.status == 0
    (html,) = (tmp_path / "p").glob("sweep-*.html")
    assert line.capitalize().replace("vllm", "vLLM") in html.read_text()
    assert slaibench("verify", html).status == 0
    slaibench("validate", "--log", log)
    rows = json.loads(slaibench("gpus", "--json").out)
    (row,) = (row for row in rows if (row["gpu"], row["model"]) == ("rtx4090", "llama-3.1-8b"))
    assert {kept["against"].split("/")[0] for kept in row["validations"]} > {"log"}
    assert "rtx4090/llama-3.1-8b: validated against" in slaibench("gpus", columns=400).out


def test_a_recordings_folder_is_replayed_run_by_run(tmp_path: Path) -> None:
    sweep(tmp_path, "--rates", "2,5", "-s", "sarathi", "-s", "slai")
    ran = slaibench("validate", "--recording", tmp_path)
    assert ran.status == 0
    assert ran.out.count("all: grade A") == 6  # one of each scheduler is under overload
    assert "6 of 6 runs" in ran.err
    assert "errors kept" not in ran.out


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--rates", "2"], ["--rates", "the run's own"]),
        (["--seeds", "5", "--workload", "x.csv"], ["--seeds, --workload"]),
        (["--between", "sim,sglang"], ["--between"]),
        (["--prefix-caching"], ["--prefix-caching is the run's own matter"]),
        (["--max-context-tokens", "100"], ["--max-context-tokens"]),
        (["--speculative-tokens", "3"], ["--speculative-tokens is the run's own matter"]),
        (["-s", "sarathi", "-s", "slai"], ["not with sarathi and slai: name one"]),
        (["-s", "sarath"], ["did you mean 'sarathi'"]),
        (["--gpu", "rtx409"], ["unknown GPU 'rtx409'"]),
        (["--column", "arrival"], ["--column 'arrival': write it as arrival=NAME"]),
        (["--column", "arrival=t0"], ["has no 't0'"]),
        (["--time-unit", "min"], ["time unit 'min'"]),
        (["--meta", "nowhere.json"], ["cannot read nowhere.json"]),
        (["--recording", "r"], ["either --log FILE or --recording FOLDER"]),
    ],
)
def test_a_bad_value_is_named_with_the_way_out(
    tmp_path: Path, arguments: list[str], parts: list[str]
) -> None:
    log = write_log(tmp_path / "mine", count=20)
    message = refused("validate", "--log", log, *arguments)
    for part in parts:
        assert part in message
    assert not own_file(PROFILE).exists()


@pytest.mark.parametrize(
    "arguments", [["--meta", "m.json"], ["--fit-step-overhead"], ["--no-keep"], ["--column", "a=b"]]
)
def test_options_of_a_run_need_a_run(arguments: list[str]) -> None:
    assert "give --log FILE or --recording" in refused("validate", *arguments)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "has no requests"),
        ("not json\n", "line 1 is not JSON"),
        ('{"arrival": 1}\n', "has no prompt column"),
    ],
)
def test_a_file_that_is_no_log_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "requests.jsonl").write_text(content)
    (tmp_path / "meta.json").write_text(json.dumps(meta()))
    assert message in refused("validate", "--log", tmp_path / "requests.jsonl")
    nowhere = tmp_path / "nowhere.jsonl"
    assert "cannot read log" in refused("validate", "--log", nowhere)


def test_a_log_without_the_size_of_the_cache_needs_it_given(tmp_path: Path) -> None:
    log = write_log(tmp_path / "mine", num_gpu_blocks=None)
    assert "does not say the size of the KV cache" in refused("validate", "--log", log)
    assert slaibench("validate", "--log", log, "--kv-blocks", "600").status == 0


def test_a_log_of_another_gpu_is_refused_and_replayed_where_it_is_wanted_all_the_same(
    tmp_path: Path,
) -> None:
    log = write_log(tmp_path / "mine", count=20)
    message = refused("validate", "--log", log, "--gpu", "h100")
    assert "the log's GPU is NVIDIA GeForce RTX 4090, and profile h100/llama-3.1-8b is" in message
    assert "Give --gpu rtx4090 --model llama-3.1-8b; or --despite-mismatch" in message
    ran = slaibench("validate", "--log", log, "--gpu", "h100", "--despite-mismatch")
    assert "note: the log's GPU is NVIDIA GeForce RTX 4090" in ran.out
    assert "errors are not kept with profile h100/llama-3.1-8b" in ran.out
    assert "errors kept in" not in ran.out
    assert not own_file(get_profile("h100", "llama-3.1-8b")).exists()


def test_a_cache_in_which_nothing_fits_is_no_answer(tmp_path: Path) -> None:
    log = write_log(tmp_path / "mine", count=20)
    ran = slaibench("validate", "--log", log, "--kv-blocks", "1", columns=300)
    assert ran.status == 1
    assert "the simulator served none of the requests" in ran.err
    assert "Traceback" not in ran.err
