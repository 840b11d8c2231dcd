"""Metrics read beside a load: whatever the server does, the run goes on and the reason is said."""

from __future__ import annotations

import asyncio
import itertools
import re
import socket
import time

import numpy as np
import pytest

from slaibench.client import scrape as module
from slaibench.client.scrape import Scraper
from slaibench.client.target import Target
from tests.client.serving import Answer, Behaviour, Received, Server, absent, says, serve

TEXT = "vllm:num_requests_running 4\nvllm:num_requests_waiting 1\nvllm:num_preemptions_total 2\n"
SOON_S = 30.0


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY_S", 0.01)
    monkeypatch.setattr(module, "ANSWER_S", 0.2)


def ended(scraper: Scraper) -> None:
    """Wait until it does not ask any more."""
    scraper._thread.join(SOON_S)
    assert not scraper._thread.is_alive()


def readings(scraper: Scraper, number: int) -> None:
    """Wait until it has read so often."""
    deadline_s = time.monotonic() + SOON_S
    while len(scraper._readings) < number:
        assert time.monotonic() < deadline_s
        time.sleep(0.005)


def test_it_reads_before_during_and_after_with_the_targets_key() -> None:
    with serve({"/metrics": says(TEXT)}) as server:
        with Scraper(Target(server.url, "m", api_key="the-key")) as scraper:
            readings(scraper, 2)
            t0_s = time.monotonic()
            readings(scraper, 6)
            end_s = time.monotonic() - t0_s
        table = scraper.table(t0_s, end_s)
    assert table is not None
    assert (table.answered_s <= 0).sum() == 1  # of those before the start, the last one
    assert (table.answered_s > end_s).sum() == 1
    assert (np.diff(table.answered_s) > 0).all()
    assert (table.asked_s <= table.answered_s).all()
    assert set(table.running.tolist()) == {4.0}
    assert np.isnan(table.kv_use).all()
    assert scraper.notes == ()
    assert scraper.facts() == {"url": f"{server.url}/metrics", "engines": 1, "failed": 0}
    headers = server.received[0].headers
    assert headers["Authorization"] == "Bearer the-key"
    assert "version=0.0.4" in headers["Accept"]


def test_another_address_gets_neither_key_nor_headers() -> None:
    with serve() as server, serve({"/custom": says(TEXT)}) as other:
        target = Target(server.url, "m", api_key="the-key", headers={"X-Own": "secret"})
        with Scraper(target, f"{other.url}/custom?part=all") as scraper:
            ended(scraper)
    assert scraper._readings == []  # /custom?part=all is another path of that server
    assert server.received == []
    assert {"Authorization", "X-Own"}.isdisjoint(other.received[0].headers)
    assert other.received[0].path == "/custom?part=all"
    assert "part=..." in " ".join(scraper.notes)


def test_the_same_server_at_another_path_gets_the_key() -> None:
    with serve({"/other": says(TEXT)}) as server:
        with Scraper(Target(server.url, "m", api_key="the-key"), f"{server.url}/other") as scraper:
            readings(scraper, 1)
        assert server.received[0].headers["Authorization"] == "Bearer the-key"


def asked(server: Server, number: int) -> None:
    """Wait until it was asked so often."""
    deadline_s = time.monotonic() + SOON_S
    while len(server.received) < number:
        assert time.monotonic() < deadline_s
        time.sleep(0.005)


def status(number: int) -> Behaviour:
    async def answer(received: Received, answer: Answer) -> None:
        answer.whole(number, "no entry with the-key")

    return answer


async def silence(received: Received, answer: Answer) -> None:
    await asyncio.sleep(60)


async def trickle(received: Received, answer: Answer) -> None:
    answer.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        answer.raw(b"#")
        await answer.flush()
        await asyncio.sleep(0.02)


async def cut(received: Received, answer: Answer) -> None:
    answer.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + TEXT.encode())
    answer.writer.close()


async def megabytes(received: Received, answer: Answer) -> None:
    answer.whole(200, "# \n" * 400_000 + TEXT, "text/plain")


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (absent, "HTTP 404"),
        (status(401), "HTTP 401"),
        (status(500), "HTTP 500"),
        (says("<html>a page</html>\n"), "not Prometheus' text format"),
        (says("vllm:num_requests_running many\n"), "line 1 is malformed"),
        (silence, "no whole answer|timed out"),
        (trickle, "no whole answer"),
        (cut, "IncompleteRead|incomplete|cut"),
    ],
)
def test_what_cannot_be_read_has_an_end_and_a_reason(behaviour: Behaviour, words: str) -> None:
    with serve({"/metrics": behaviour}) as server:
        target = Target(server.url, "m", api_key="the-key")
        with Scraper(target, f"{server.url}/metrics") as named:
            ended(named)
        with Scraper(target) as unnamed:
            ended(unnamed)
        number = len(server.received)
    assert named.table(0.0, 1e9) is None
    (note,) = named.notes
    assert note.startswith(f"the server's metrics at {server.url}/metrics could not be read: ")
    assert re.search(words, note), note
    assert "--metrics-url none" in note
    assert "the-key" not in note
    assert named.is_absent
    assert number <= 2 * module.MOST_FAILED
    # Few servers have metrics: where nobody asked for them, only a closed door is worth a word.
    assert bool(unnamed.notes) is ("401" in words)


@pytest.mark.parametrize("text", ["go_goroutines 5\n", ""])
def test_metrics_that_are_not_known_are_asked_for_until_the_end(text: str) -> None:
    with (
        serve({"/metrics": says(text)}) as server,
        Scraper(Target(server.url, "m"), f"{server.url}/metrics") as scraper,
    ):
        asked(server, module.MOST_FAILED + 3)
    assert scraper.is_absent
    (note,) = scraper.notes
    assert "none of the metrics there is known" in note


def test_metrics_that_come_with_the_first_request_are_read() -> None:
    number = itertools.count()

    async def later(received: Received, answer: Answer) -> None:
        await says(TEXT if next(number) > module.MOST_FAILED else "go_goroutines 5\n")(
            received, answer
        )

    with serve({"/metrics": later}) as server, Scraper(Target(server.url, "m")) as scraper:
        readings(scraper, 2)
    assert scraper.notes == ()
    assert not scraper.is_absent


def test_a_server_that_listens_no_more_is_asked_a_few_times() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        with Scraper(Target(url, "m")) as scraper:
            ended(scraper)
    assert scraper.notes == ()
    assert scraper.table(0.0, 1.0) is None


def test_megabytes_are_read() -> None:
    with serve({"/metrics": megabytes}) as server:
        with Scraper(Target(server.url, "m")) as scraper:
            scraper._thread.join(0.001)
            deadline_s = time.monotonic() + SOON_S
            while not scraper._readings and not scraper._num_failed:
                assert time.monotonic() < deadline_s
                time.sleep(0.01)
        assert scraper._readings or "no whole answer" in str(scraper._failure)


def test_metrics_that_go_away_are_said_to_be_lost_and_kept() -> None:
    number = itertools.count()

    async def two_then_none(received: Received, answer: Answer) -> None:
        behaviour = says(TEXT) if next(number) < 2 else status(503)
        await behaviour(received, answer)

    with serve({"/metrics": two_then_none}) as server:
        with Scraper(Target(server.url, "m")) as scraper:
            ended(scraper)
        table = scraper.table(0.0, 1e9)
    assert table is not None
    assert len(table) == 2
    (note,) = scraper.notes
    assert "were lost during the run: HTTP 503" in note
    assert not scraper.is_absent


def test_one_failure_is_counted_and_no_note() -> None:
    number = itertools.count()

    async def second_fails(received: Received, answer: Answer) -> None:
        behaviour = status(503) if next(number) == 1 else says(TEXT)
        await behaviour(received, answer)

    with serve({"/metrics": second_fails}) as server, Scraper(Target(server.url, "m")) as scraper:
        readings(scraper, 3)
    assert scraper.facts()["failed"] == 1
    assert scraper.notes == ()
