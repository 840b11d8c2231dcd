"""When requests are sent: never early, none skipped, whatever the alarm and the others do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slaibench.client import pacer
from slaibench.client.alarm import Alarm, LoopAlarm, TimerFd, make_alarm
from slaibench.client.pacer import MAX_IN_A_ROW, SPIN_S, Pacer


class Clock:
    """A clock that stands still but for a tick each time it is read, and alarms set on it."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.set_to: list[float] = []
        self.callback: Callable[[], None] = lambda: None

    def monotonic(self) -> float:
        self.now_s += 1e-6
        return self.now_s

    def make(self, callback: Callable[[], None]) -> Clock:
        self.callback = callback
        return self

    def set(self, at_s: float) -> None:
        self.set_to.append(at_s)

    def close(self) -> None:
        pass


def at(*due_s: float) -> list[tuple[float, int]]:
    """Requests due at these times, by number."""
    return [(time_s, number) for number, time_s in enumerate(due_s)]


def run(clock: Clock, due_s: list[float], late_s: float) -> list[tuple[int, float]]:
    """(position, time) of each send, with an alarm that always rings this much too late."""
    sent: list[tuple[int, float]] = []
    paced = Pacer(at(*due_s), lambda i, _: sent.append((i, clock.now_s)), clock.make)
    for _ in range(4 * len(due_s) + 4):
        if paced.is_done:
            break
        clock.now_s = max(clock.now_s, clock.set_to[-1] + late_s)
        clock.callback()
    return sent


@given(
    st.lists(st.floats(0, 0.01), min_size=1, max_size=60).map(sorted),
    st.floats(0, 0.005),
)
def test_every_request_is_sent_once_in_order_and_never_early(
    due_s: list[float], late_s: float
) -> None:
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pacer.time, "monotonic", clock.monotonic)
        sent = run(clock, due_s, late_s)
    assert [position for position, _ in sent] == list(range(len(due_s)))
    assert all(at_s >= due_s[position] for position, at_s in sent)


def test_a_late_send_moves_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(pacer.time, "monotonic", clock.monotonic)
    sent: list[tuple[int, float]] = []
    Pacer(at(1.0, 2.0, 3.0), lambda i, _: sent.append((i, clock.now_s)), clock.make)
    clock.now_s = 1.9  # The alarm for the first one, nearly a second late.
    clock.callback()
    assert clock.set_to == [1.0 - SPIN_S, 2.0 - SPIN_S]
    clock.now_s = 2.0 - SPIN_S
    clock.callback()
    assert sent[0][1] == pytest.approx(1.9, abs=1e-4)
    assert sent[1][1] == pytest.approx(2.0, abs=1e-4)


def test_an_alarm_that_rings_too_early_is_set_again(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(pacer.time, "monotonic", clock.monotonic)
    sent: list[int] = []
    Pacer(at(1.0), lambda i, _: sent.append(i), clock.make)
    clock.now_s = 0.5
    clock.callback()
    assert (sent, clock.set_to) == ([], [1.0 - SPIN_S] * 2)


def test_a_burst_lets_the_sockets_have_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(pacer.time, "monotonic", clock.monotonic)
    sent: list[int] = []
    paced = Pacer(at(*[1.0] * (MAX_IN_A_ROW + 2)), lambda i, _: sent.append(i), clock.make)
    clock.now_s = 1.0
    clock.callback()
    assert len(sent) == MAX_IN_A_ROW
    paced.catch_up(0.99)
    assert len(sent) == MAX_IN_A_ROW
    paced.catch_up(1.0)
    assert paced.is_done


def test_a_send_within_a_send_keeps_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(pacer.time, "monotonic", clock.monotonic)
    sent: list[int] = []

    def fire(position: int, due_s: float) -> None:
        paced.catch_up(clock.now_s)
        sent.append(position)

    paced = Pacer(at(1.0, 1.0, 1.0), fire, clock.make)
    clock.now_s = 1.0
    clock.callback()
    assert sent == [0, 1, 2]


def test_nothing_is_sent_after_close(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(pacer.time, "monotonic", clock.monotonic)
    sent: list[int] = []
    paced = Pacer(at(1.0), lambda i, _: sent.append(i), clock.make)
    paced.close()
    paced.catch_up(2.0)
    assert sent == []


def test_what_is_added_is_sent_when_it_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(pacer.time, "monotonic", clock.monotonic)
    sent: list[tuple[int, float]] = []
    paced = Pacer(at(1.0, 4.0), lambda *what: sent.append(what), clock.make)
    clock.now_s = 1.0
    paced.catch_up(1.0)
    paced.add(7, 3.0)
    paced.add(8, 5.0)
    assert clock.set_to[-1] == 3.0 - SPIN_S
    clock.now_s = 4.5
    paced.catch_up(4.5)
    assert sent == [(0, 1.0), (7, 3.0), (1, 4.0)]
    assert clock.set_to[-1] == 5.0 - SPIN_S


def test_the_close_says_who_was_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(pacer.time, "monotonic", clock.monotonic)
    sent: list[int] = []
    paced = Pacer(at(1.0, 4.0), lambda i, _: sent.append(i), clock.make)
    paced.add(7, 3.0)
    assert paced.close() == [(0, 1.0), (7, 3.0), (1, 4.0)]
    num_set = len(clock.set_to)
    paced.add(9, 2.0)  # heard of too late
    paced.catch_up(10.0)
    assert (paced.close(), sent, len(clock.set_to)) == ([(9, 2.0)], [], num_set)


@pytest.mark.parametrize("kind", [make_alarm, TimerFd, LoopAlarm])
def test_an_alarm_rings_once_for_each_setting_and_not_before(
    kind: Callable[[asyncio.AbstractEventLoop, Callable[[], None]], Alarm],
) -> None:
    async def scenario() -> tuple[float, list[float]]:
        rung: list[float] = []
        over = asyncio.Event()

        def ring() -> None:
            rung.append(time.monotonic())
            if len(rung) == 2:
                over.set()
            else:
                alarm.set(0.0)  # Long past: at once.

        alarm = kind(asyncio.get_running_loop(), ring)
        at_s = time.monotonic() + 0.02
        alarm.set(at_s + 60)
        alarm.set(at_s)
        await asyncio.wait_for(over.wait(), 20)
        alarm.close()
        alarm.close()
        await asyncio.sleep(0)
        return at_s, rung

    at_s, rung = asyncio.run(scenario())
    assert len(rung) == 2
    assert rung[0] >= at_s
