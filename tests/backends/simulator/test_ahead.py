"""Asynchronous scheduling: what is known a batch too late, and nothing else, changes."""

from __future__ import annotations

import pytest

from slaibench.backends.simulator.ahead import AheadEngine
from slaibench.backends.simulator.engine import Engine
from slaibench.backends.simulator.kv_blocks import KvBlocks
from slaibench.backends.simulator.state import SimRequest
from slaibench.schedulers.base import Batch, EngineView
from slaibench.schedulers.registry import build
from slaibench.schedulers.sarathi import Sarathi
from slaibench.workloads.request import Request
from tests.schedulers.scenario import batches_of, name

SECOND = batches_of(1.0)


def written(batch: Batch) -> str:
    return " ".join(
        [
            *(f"-{name(request)}" for request in batch.preempt),
            *(name(request) for request in batch.decodes),
            *(f"{name(request)}+{tokens}" for request, tokens in batch.prefills),
        ]
    )


def served(
    requests: list[Request], scheduler: str, blocks: int = 1000, *, asynchronous: bool = True
) -> list[str]:
    """Batches of a second each, as one reads them."""
    kind = AheadEngine if asynchronous else Engine
    engine = kind(build(scheduler), SECOND, KvBlocks(blocks, 1))
    coming = [SimRequest(request) for request in requests]
    batches = []
    while coming or engine.has_work:
        while coming and coming[0].arrival_s <= engine.now_s:
            engine.add(coming.pop(0))
        if not engine.has_work:
            engine.now_s = coming[0].arrival_s
            continue
        batches.append(written(engine.step()))
    assert engine.free_blocks == engine.total_blocks
    return batches


def test_who_arrives_while_a_batch_runs_waits_for_the_one_after_the_next() -> None:
    requests = [Request(0, 0.0, 1, 5), Request(1, 0.5, 1, 2)]
    assert served(requests, "sarathi") == ["A+1", "A", "A B+1", "A B", "A"]
    assert served(requests, "sarathi", asynchronous=False) == ["A+1", "A B+1", "A B", "A", "A"]


def test_who_ends_holds_its_blocks_while_the_next_batch_is_decided() -> None:
    """C ends with the first batch; its four blocks are not there yet when the second is decided."""
    requests = [Request(0, 0.0, 1, 6), Request(1, 0.0, 1, 2), Request(2, 0.0, 4, 1)]
    scheduler = "sarathi:watermark=0"
    assert served(requests, scheduler, 6) == ["A+1 B+1 C+4", "-B A", "A B+2", "A", "A", "A"]
    at_once = served(requests, scheduler, 6, asynchronous=False)
    assert at_once == ["A+1 B+1 C+4", "A B", "A", "A", "A", "A"]


def test_who_ends_counts_as_active_while_the_next_batch_is_decided() -> None:
    requests = [Request(0, 0.0, 1, 6), Request(1, 0.0, 1, 2), Request(2, 0.0, 1, 1)]
    scheduler = "sarathi:max_active=2"
    assert served(requests, scheduler) == ["A+1 B+1", "A B", "A", "A C+1", "A", "A"]
    assert served(requests, scheduler, asynchronous=False)[2] == "A C+1"


def test_the_limit_of_active_requests_is_the_schedulers_own_again() -> None:
    scheduler = build("sarathi:max_active=2")
    engine = AheadEngine(scheduler, SECOND, KvBlocks(100, 1))
    for number in range(4):
        engine.add(SimRequest(Request(number, 0.0, 1, 2)))
    while engine.has_work:
        engine.step()
        assert scheduler.max_active == 2


def test_with_nothing_to_run_it_looks_again_when_the_batch_is_over() -> None:
    """One at a time, each has left before the next one is decided: nothing is known too late."""
    requests = [Request(i, 0.0, 5, 1) for i in range(4)]
    scheduler = "sarathi:max_active=1"
    assert served(requests, scheduler) == served(requests, scheduler, asynchronous=False)
    assert served(requests, scheduler) == ["A+5", "B+5", "C+5", "D+5"]


class HostAndDevice:
    """A batch has the device for five seconds, and the host for a while before."""

    needs_spread = False

    def __init__(self, hidden_s: float) -> None:
        self._hidden_s = hidden_s

    def batch_time_s(self, *_: object) -> float:
        return 5.0

    def between_s(self, num_sequences: int) -> float:
        return 0.0

    def hidden_s(self, num_sequences: int) -> float:
        return self._hidden_s


@pytest.mark.parametrize(
    ("hidden_s", "starts"), [(2.0, [2.0, 7.0, 12.0]), (6.0, [6.0, 12.0, 18.0])]
)
def test_the_host_is_hidden_as_long_as_the_device_has_more_to_do(
    hidden_s: float, starts: list[float]
) -> None:
    """The first batch waits for it; a host that is slower than its device sets the pace."""
    engine = AheadEngine(build("sarathi"), HostAndDevice(hidden_s), KvBlocks(100, 1))
    engine.add(SimRequest(Request(0, 0.0, 1, 3)))
    while engine.has_work:
        engine.step()
    assert [step[0] for step in engine.steps] == starts


class Listening(Sarathi):
    """Writes down what it is told, and when."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[str, float]] = []

    def schedule(self, view: EngineView) -> Batch:
        self.heard.append(("schedule", view.now_s))
        return super().schedule(view)

    def batch_done(self, batch: Batch, start_s: float, end_s: float, view: EngineView) -> None:
        self.heard.append(("done", end_s))


class Ahead(Listening):
    def batch_running(self, batch: Batch, end_s: float, view: EngineView) -> None:
        self.heard.append(("running", end_s))


def heard(scheduler: Listening) -> list[tuple[str, float]]:
    engine = AheadEngine(scheduler, HostAndDevice(1.0), KvBlocks(100, 1))
    engine.add(SimRequest(Request(0, 0.0, 1, 3)))
    while engine.has_work:
        engine.step()
    return scheduler.heard


def test_a_scheduler_hears_the_true_end_of_a_batch_after_its_next_decision() -> None:
    """What batches take is not known before the first is done: it is expected to end at once."""
    first = [("schedule", 0.0), ("running", 1.0), ("schedule", 1.0), ("done", 6.0)]
    second = [("running", 11.0), ("schedule", 6.0), ("done", 11.0), ("done", 16.0)]
    assert heard(Ahead()) == first + second


def test_a_scheduler_that_does_not_listen_hears_of_every_batch_once_and_early() -> None:
    first = [("schedule", 0.0), ("done", 1.0), ("schedule", 1.0)]
    assert heard(Listening()) == [*first, ("done", 11.0), ("schedule", 6.0), ("done", 16.0)]
