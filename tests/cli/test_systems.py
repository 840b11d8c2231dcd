"""The commands over other backends: what goes wrong is reported, and the exit status says no."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from slaibench.recording import store
from slaibench.report.verify import verify
from slaibench.studies.systems import table
from tests.cli.command import SMALL, refused, slaibench, sweep
from tests.cli.test_show import page_in
from tests.client.serving import Server, serve
from tests.studies.crosscheck.test_study import Small, Twin
from tests.studies.systems.others import RealTimeSystem
from tests.studies.systems.test_endpoint import models


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> type[RealTimeSystem]:
    class SystemUnderTest(RealTimeSystem):
        log: ClassVar[Path] = tmp_path / "log"

    monkeypatch.setitem(table.SYSTEMS, "real", SystemUnderTest)
    return SystemUnderTest


@pytest.fixture
def twins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(table.SYSTEMS, "twin", Twin)
    monkeypatch.setitem(table.SYSTEMS, "small", Small)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serve({"/v1/models": models}) as running:
        yield running


@pytest.mark.parametrize("columns", [80, 120])
def test_invalid_runs_are_shown_and_end_in_status_1(
    real: type[RealTimeSystem], tmp_path: Path, columns: int
) -> None:
    real.lag_s = 2.0
    ran = sweep(tmp_path, "--backend", "real", "-s", "slai", columns=columns)
    assert ran.status == 1
    row = next(line for line in ran.out.splitlines() if line.strip().startswith("5 "))
    assert row.rstrip().endswith("invalid" if columns == 120 else "!")
    assert "a run of it is invalid and stands for nothing" in ran.out
    assert "sent late by at most 2000.00 ms" in ran.out
    assert "something real, version 1.2" in ran.out
    printed = " ".join(ran.err.split())
    assert (
        "1 of 1 run is invalid and meets no target: slai at 5 requests/s, seed 0: send" in printed
    )
    document = sweep(tmp_path, "--backend", "real", "-s", "slai", "--json")
    assert document.status == 1
    (point,) = json.loads(document.out)["points"]
    assert point["invalid"].startswith("send lag P99 2000.00 ms decides: ttft_p50<0.5 is met")
    assert point["send_lag_p99_s"] == pytest.approx(2.0)


def test_failures_are_reported_in_table_stderr_and_json_and_the_send_lag_is_not(
    real: type[RealTimeSystem], tmp_path: Path
) -> None:
    real.lag_s, real.dies_at_s = 2.0, -1.0
    ran = sweep(tmp_path, "--backend", "real", "-s", "slai")
    assert ran.status == 1
    words = "requests failed: connection refused"
    assert words in " ".join(ran.out.split())
    assert words in " ".join(ran.err.split())
    assert "lag" not in ran.err
    assert "sent late" not in ran.out
    document = sweep(tmp_path, "--backend", "real", "-s", "slai", "--json")
    (point,) = json.loads(document.out)["points"]
    assert words in point["invalid"]
    assert point["failures"] == [
        {"reason": "connection refused", "requests": point["outcomes"]["failed"]}
    ]


def test_valid_runs_in_real_time_are_status_0(real: type[RealTimeSystem], tmp_path: Path) -> None:
    ran = sweep(tmp_path, "--backend", "real", "-s", "slai")
    assert ran.status == 0
    assert "sent late by at most 0.00 ms" in ran.out
    listed = slaibench("results", tmp_path, columns=120)
    assert "mistral-7b on h100 (real)" in listed.out


@pytest.mark.parametrize(
    "command", [("compare", "sarathi", "slai", "--rates", "5", "--no-report"), ("capacity", "slai")]
)
def test_invalid_runs_end_every_command_in_status_1(
    real: type[RealTimeSystem], tmp_path: Path, command: tuple[str, ...]
) -> None:
    real.dies_at_s = 4.0
    size = ("--workload", "fixed:prompt=500,output=20", "--requests", "400", "--seeds", "1")
    where = ("--results", tmp_path / "r", "--reports", tmp_path / "p")
    ran = slaibench(*command, "--backend", "real", *where, *size, columns=400)
    assert ran.status == 1
    assert all(verify(page).mismatches == () for page in (tmp_path / "p").glob("*-*.html"))
    assert "requests failed: connection refused" in ran.err
    assert "carries" not in ran.out


def test_a_page_says_that_runs_are_invalid_and_verifies(
    real: type[RealTimeSystem], tmp_path: Path
) -> None:
    real.dies_at_s = 10.0
    arguments = ("--backend", "real", "-s", "slai", "--rates", "2,5", "--results", tmp_path / "r")
    ran = slaibench("sweep", *SMALL, *arguments, "--reports", tmp_path / "p")
    assert ran.status == 1
    page = page_in(ran.out)
    assert page.name.startswith("sweep-real-h100-mistral-7b-")
    text = page.read_text()
    assert "Invalid runs: whether the latency targets hold cannot be told" in text
    assert "2 of 2 runs are invalid and meet no target; slai at 2 requests/s, seed 0: " in text
    assert '<tr class="invalid">' in text
    assert "the server died" in ran.out
    assert "<p>Beware: the server died (slai).</p>" in text
    assert verify(page).mismatches == ()


def test_several_jobs_in_real_time_are_wrong_usage(
    real: type[RealTimeSystem], tmp_path: Path
) -> None:
    for command in (("sweep",), ("compare", "sarathi", "slai"), ("capacity", "slai")):
        message = refused(*command, "--backend", "real", "--jobs", "2", "--results", tmp_path)
        assert "leave --jobs out" in message


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--device", "cpu"], "--device does not go with --backend sim, only with vllm or sglang"),
        (["--device", "gpu"], "'emulated', 'cpu', 'cuda'"),
        (["--backend", "vllm", "--device", "cpu", "--gpu", "h100"], "leave --gpu out"),
        (["--backend", "vllm", "--device", "cuda", "--clock", "virtual"], "takes real time"),
        (["-s", "engine"], "--backend vllm"),
        (["--backend", "endpoint"], "give --url"),
        (["--max-context-tokens", "1"], "--max-context-tokens"),
    ],
)
def test_options_that_do_not_go_together_are_wrong_usage(
    tmp_path: Path, arguments: list[str], expected: str
) -> None:
    assert expected in refused("sweep", "--no-report", "--results", tmp_path, *arguments)


REPLAY = ("--workload", "fixed:prompt=20,output=5", "--requests", "60", "--rates", "60")


def test_a_replay_is_a_study_of_a_server(server: Server, tmp_path: Path) -> None:
    arguments = ("replay", "--url", server.url, *REPLAY, "--results", tmp_path / "r", "--no-report")
    ran = slaibench(*arguments, columns=120)
    # Whether this machine sends in time is not what is tested.
    assert ran.status in (0, 1)
    assert (ran.status == 1) is ("send lag" in ran.err)
    assert f"endpoint {server.url}: measured, model their-model" in ran.out
    assert f"their-model on {server.url}, endpoint" in ran.out
    (folder,) = store.find_runs(tmp_path / "r")
    assert store.read(folder).requests.finished.all()
    again = slaibench(*arguments, "--json")
    assert "1 taken from disk" in again.err
    (point,) = json.loads(again.out)["points"]
    assert point["outcomes"]["finished"] == 60
    assert point["kv_use"] == {"mean": None, "peak": None}
    page = page_in(slaibench("report", tmp_path / "r", "--reports", tmp_path / "p").out)
    assert page.name.startswith(f"sweep-endpoint-http_127.0.0.1_{server.port}-their-model-")
    assert verify(page).mismatches == ()
    assert 'id="figure-engine"' not in page.read_text()  # an endpoint does not tell its batches


def test_a_server_that_is_not_there_is_reported(tmp_path: Path) -> None:
    gone = ("replay", "--url", "http://127.0.0.1:9", *REPLAY, "--results", tmp_path, "--no-report")
    assert "does not say which model" in refused(*gone)
    ran = slaibench(*gone, "--model", "m", columns=400)
    assert ran.status == 1
    assert "nothing answers at http://127.0.0.1:9" in ran.err
    assert "give --url" in refused("replay", "--results", tmp_path)


def validated(results: Path, between: str, *more: str, columns: int = 120) -> Any:
    size = ("--workload", "uniform:prompt=200-1800,output=20-120", "--requests", "300")
    arguments = ("--between", between, "--rates", "5,15", "--seeds", "2", "--jobs", "1", *size)
    page = () if "--reports" in more else ("--no-report",)
    return slaibench("validate", *arguments, "--results", results, *page, *more, columns=columns)


@pytest.mark.usefixtures("twins")
@pytest.mark.parametrize("columns", [80, 120])
def test_a_validation_is_a_row_a_scheduler_and_rate(tmp_path: Path, columns: int) -> None:
    ran = validated(tmp_path, "sim,twin", columns=columns)
    assert ran.status == 0
    assert max(len(line) for line in ran.out.splitlines()[:30]) <= columns
    firsts = [line.split()[0] for line in ran.out.splitlines() if line.strip()]
    rates = [first for first in firsts if first in ("5", "15", "identical")]
    assert rates == ["5", "identical", "15", "identical"] * 2
    assert "sarathi: twin against sim" in ran.out
    assert "slai: twin against sim" in ran.out


@pytest.mark.usefixtures("twins")
def test_a_validation_that_fails_is_status_1_with_the_numbers_all_the_same(tmp_path: Path) -> None:
    ran = validated(tmp_path, "sim,small", "-s", "sarathi")
    assert ran.status == 1
    assert "beyond" in ran.out
    assert "sarathi at 15 requests/s (small)" in ran.err
    document = validated(tmp_path, "sim,small", "-s", "sarathi", "--json")
    assert document.status == 1
    matched = json.loads(document.out)
    calm, busy = matched["matches"]
    assert busy["verdict"] == "beyond"
    median = busy["quantities"]["ttft_p50_s"]
    assert f"{median['change']:+.1%}!" in ran.out
    assert (calm["seeds"], busy["scheduler"]) == (2, "sarathi")


@pytest.mark.usefixtures("twins")
def test_a_validation_s_page_verifies_and_a_report_of_its_folder_is_of_each_backend(
    tmp_path: Path,
) -> None:
    results, pages = tmp_path / "r", tmp_path / "p"
    ran = validated(results, "sim,small", "-s", "sarathi", "--reports", str(pages))
    assert ran.status == 1
    page = page_in(ran.out)
    assert page.name.startswith("validate-sim-small-h100-mistral-7b-")
    checked = slaibench("verify", page)
    assert checked.status == 0
    assert "from 8 recordings: all the same" in checked.out
    page.write_text(page.read_text().replace("beyond tolerance in", "within tolerance in"))
    assert slaibench("verify", page).status == 1
    printed = slaibench("report", results, "--reports", tmp_path / "each").out
    assert {page.name.split("-h100")[0] for page in (tmp_path / "each").glob("sweep-*.html")} == {
        "sweep",
        "sweep-small",
    }
    assert printed.count("report: ") == 2


@pytest.mark.usefixtures("twins")
def test_json_of_a_validation_is_alone_on_stdout(tmp_path: Path) -> None:
    more = ("-s", "sarathi", "--json", "--reports", str(tmp_path / "p"))
    ran = validated(tmp_path / "r", "sim,twin", *more)
    assert json.loads(ran.out)["ok"] is True
    assert "report: " in ran.err


def test_a_validation_between_what_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    assert "unknown backend 'vlm'" in refused("validate", "--between", "sim,vlm")
    assert "each once" in refused("validate", "--between", "sim")
    assert "'fast'" in refused("validate", "--between", "sim,vllm", "--rates", "fast")
