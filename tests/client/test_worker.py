"""One client process, run in this one: what goes wrong inside it."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import time
from collections.abc import Iterator

import pytest

from slaibench.client.exchange import Exchange
from slaibench.client.load import run_load
from slaibench.client.part import LoadPart
from slaibench.client.prompts import TokenIdPrompts
from slaibench.client.results import WorkerReport
from slaibench.client.sizing import ClientError
from slaibench.client.target import Target
from slaibench.client.worker import Worker
from slaibench.workloads.request import Request
from tests.client.serving import serve


@pytest.fixture
def _collecting() -> Iterator[None]:
    """A worker turns garbage collection off, since its process ends with it."""
    yield
    gc.enable()
    gc.unfreeze()


def run_here(url: str, requests: list[Request]) -> list[tuple[str, object]]:
    """Run a worker on this process's loop; what it said."""
    ours, theirs = multiprocessing.Pipe()
    part = LoadPart(Target(url, "m"), TokenIdPrompts(9), list(enumerate(requests)), seed=0)

    async def scenario() -> None:
        worker = Worker(part, theirs, asyncio.get_running_loop())
        await asyncio.wait_for(worker.run(), 20)

    ours.send(("go", time.monotonic() + 0.05))
    said = []
    with ours, theirs:
        asyncio.run(scenario())
        while ours.poll():
            said.append(ours.recv())
    return said


@pytest.mark.usefixtures("_collecting")
def test_a_worker_says_it_is_ready_then_who_left_then_all_it_knows() -> None:
    with serve() as server:
        said = run_here(server.url, [Request(i, i * 0.01, 3, 2) for i in range(5)])
    words = [word for word, _ in said]
    assert words[0] == "ready"
    assert set(words[1:-1]) == {"left"}
    report = said[-1][1]
    assert isinstance(report, WorkerReport)
    assert [row.position for row in report.rows] == list(range(5))
    assert (report.tokens, report.reads_of_several) == (10, report.tokens - report.reads)


@pytest.mark.usefixtures("_collecting")
def test_a_defect_in_a_callback_ends_the_run_and_is_not_swallowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(self: Exchange, now_s: float) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(Exchange, "ended", broken)
    with serve() as server, pytest.raises(RuntimeError, match="a defect"):
        run_here(server.url, [Request(0, 0.0, 3, 2)])


def test_what_a_process_refuses_is_reported_without_a_traceback() -> None:
    prompts = TokenIdPrompts(vocab_size=3, first_id=5)
    with pytest.raises(ClientError) as caught:
        run_load(Target("http://h", "m"), [Request(0, 0.0, 3, 2)], prompts)
    assert str(caught.value).startswith("a client process cannot start: no token ids from 5")
