"""A server that is there already: what is refused before anything is sent, and the answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command import refused, slaibench
from tests.client.serving import serve

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
