"""A server that is there already: what is refused before anything is sent, and the answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command import refused, slaibench
from tests.client.serving import says, serve

URL = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--url", URL), "Connection refused"),
        (("--url", URL, "--minutes", "0.1"), "--minutes 0.1"),
        (("--url", URL, "--max-rate", "0"), "--max-rate"),
        (("slai", "--url", URL), "scheduler 'slai'"),
        (("--url", URL, "--seeds", "3"), "--seeds 3"),
        (("--url", URL, "--backend", "vllm"), "--backend starts an engine"),
        (("--url", URL, "--model", "m", "--requests", "100"), "--requests"),
        (("slai", "--minutes", "3"), "give its --url"),
        (("slai", "--insecure"), "give its --url"),
        (("slai", "--timeout", "3"), "--timeout"),
        (("slai", "--metrics-url", "none"), "--metrics-url: goes with --url alone"),
        (("--url", URL, "--model", "m", "--metrics-url", "ftp://h"), "'ftp://h' is not one like"),
        (("--url", URL, "--model", "m", "--metrics-url", ""), "'' is not one like"),
        (
            ("--url", URL, "--model", "m", "--metrics-url", "http://h/v1/completions"),
            "a route of the model's interface",
        ),
        (
            ("--url", URL, "--model", "m", "--metrics-url", "http://h/metrics?key=..."),
            "give --metrics-url again",
        ),
        ((), "name a scheduler"),
    ],
)
def test_wrong_usage_is_refused_with_the_way_out(arguments: tuple[str, ...], words: str) -> None:
    assert words in refused("capacity", *arguments)


def test_quick_says_what_a_server_does_in_one_line(tmp_path: Path) -> None:
    workload = ("--workload", "uniform:prompt=4-9,output=2-3", "--slo", "ttft_p50<0.5")
    fails = {"/v1/completions": _fails}
    with serve(fails) as server:
        ran = slaibench(
            *("quick", "--url", server.url, "--model", "m", *workload),
            *("--results", tmp_path, "--json"),
        )
    assert ran.status == 1  # it failed, and was left alone
    document = json.loads(ran.out)
    assert document["ended"] == "failures"
    assert document["rate_rps"] is None


def test_replay_says_what_the_server_said_of_itself(tmp_path: Path) -> None:
    metrics = says(
        'vllm:num_requests_waiting{engine="0"} 3\nvllm:num_requests_waiting{engine="1"} 2\n'
        'vllm:num_requests_running{engine="0"} 1\nvllm:num_requests_running{engine="1"} 1\n'
        'vllm:kv_cache_usage_perc{engine="0"} 0.25\nvllm:kv_cache_usage_perc{engine="1"} 0.5\n'
    )
    load = ("--workload", "uniform:prompt=4-9,output=2-3", "--requests", "20", "--rates", "12")
    with serve({"/metrics": metrics}) as server:
        where = ("--url", server.url, "--model", "m", "--results", tmp_path, "--no-report")
        said = slaibench("replay", *where, *load, columns=200)
        document = json.loads(slaibench("replay", *where, *load, "--json").out)
    assert (
        "server's own metrics (2 engines in sum, the fullest cache): up to 5 requests waiting, "
        "up to 50.0% of its KV cache in use\n"
    ) in said.out
    (point,) = document["points"]
    assert point["server"]["waiting_peak"] == 5
    assert point["server"]["engines"] == 2
    assert point["kv_use"]["peak"] == 0.5
    assert "metrics_url" not in document["spec"]  # nobody named one


async def _fails(received: object, answer: object) -> None:
    answer.whole(500, "sorry", "text/plain")  # type: ignore[attr-defined]


def test_a_server_that_fails_has_a_page_that_verifies(tmp_path: Path) -> None:
    workload = ("--workload", "uniform:prompt=4-9,output=2-3", "--slo", "ttft_p50<0.5")
    with serve({"/v1/completions": _fails}) as server:
        ran = slaibench(
            *("capacity", "--url", server.url, "--model", "m", "--minutes", "1", *workload),
            *("--results", tmp_path / "r", "--reports", tmp_path / "p"),
        )
    assert ran.status == 1
    (page,) = (tmp_path / "p").glob("capacity-*.html")
    assert f"report: {page}" in ran.out
    assert "The search ended: requests failed at 0.5 requests/s" in page.read_text()
    checked = slaibench("verify", page)
    assert checked.status == 0
    assert "taken as given" in checked.out
