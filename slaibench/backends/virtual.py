"""A run in virtual time: requests are due, an engine steps, and what came of it is a table.

The engine is ours (the simulator) or a real one on an emulated device; the loop is the same.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from slaibench.backends.arrivals import Arrivals, arrivals_of
from slaibench.backends.base import RunOutput, RunSettings
from slaibench.backends.looks import Looks
from slaibench.backends.speculation import Speculation, slots_of
from slaibench.recording.record import Outcome, RequestTable, StepTable
from slaibench.recording.sessions import Sessions
from slaibench.schedulers.base import Batch, EngineView, SchedulerError
from slaibench.workloads.request import Request, request_columns

TICK_S = 1e-6
NEVER = -1
"""Step number of what never happened."""
# A scheduler that answers so many times in a row with an empty batch, while nothing arrives, will
# never run what it holds, however often it asks to be woken.
MAX_IDLE_STEPS = 10_000


class RequestState(Protocol):
    """What a run needs to know of a request inside an engine."""

    arrival_s: float
    """When it was sent; what waits for others learns that as it goes."""
    left_s: float
    """When it was done or refused; NaN: still there."""
    first_step: int
    """Number of the first step it took part in, or NEVER."""
    token_steps: array[int]
    """Numbers of the steps that yielded its tokens."""
    num_preemptions: int
    cached_tokens: int
    """Tokens of its prompt found in the prefix cache when it was first scheduled."""

    @property
    def request_id(self) -> int: ...


class VirtualEngine(Protocol):
    """Something that serves in virtual time."""

    now_s: float
    """The clock; the run moves it forward while nothing can run."""
    steps: list[tuple[float, float, int, int, int, int, int, int, int]]
    """The columns of ``StepTable``, a row a step."""
    left: list[Any]
    """Requests that were done or given up since the run began, as they were."""

    @property
    def has_work(self) -> bool: ...
    def add(self, request: Any) -> None:
        """A request arrives (one of the states that the run was given)."""

    def step(self) -> Batch:
        """Decide a batch and run it; an empty one leaves the clock alone."""

    def holds(self) -> str:
        """Whom it holds, in words."""


def end_of(start_s: float, duration_s: float) -> float:
    """When a batch ends on the clock of a run, which ticks in whole microseconds from its start on.

    Recordings hold whole microseconds; the simulator and emulated devices add and round in the same
    order. Due times do not tick: a batch that is shorter than a tick must not end before it began.
    """
    end_s = round(start_s + duration_s, 6)
    return end_s if end_s >= start_s else round(end_s + TICK_S, 6)


def refusal(
    request: Request,
    *,
    total_blocks: int,
    block_size: int,
    max_context_tokens: int | None,
    speculation: Speculation | None = None,
) -> str:
    """Why a request can never be served; empty if it can."""
    total = request.prompt_tokens + request.output_tokens
    if max_context_tokens is not None and total > max_context_tokens:
        return (
            f"{total} tokens (prompt + output) exceed the model's context of {max_context_tokens}"
        )
    blocks = -(-slots_of(total, speculation, max_context_tokens) // block_size)
    if blocks > total_blocks:
        return f"{total} tokens need {blocks} KV blocks; the whole cache has {total_blocks}"
    return ""


def held_in_words(num_waiting: int, view: EngineView) -> str:
    """Whom an engine holds: ``VirtualEngine.holds``."""
    return (
        f"{num_waiting} requests waiting, {len(view.prefilling)} prefilling and "
        f"{len(view.decoding)} decoding"
    )


def run_virtual(
    engine: VirtualEngine,
    requests: Sequence[Request],
    states: Sequence[RequestState],
    refusals: Sequence[str],
    settings: RunSettings,
    at_end: Callable[[], None] = lambda: None,
    *,
    delivery_s: float = 0.0,
) -> RunOutput:
    """Serve requests: each at its due time, as the turn before it ends, or when a client is free.

    Args:
        requests: by due time (``schedule.check_schedule``).
        states: the engine's side of each.
        refusals: why a request can never be served; empty if it can.
        at_end: called when nothing more is run, before the states are read.
        delivery_s: how much later than its batch ends a client sees a token. The way to the
            engine is in it: to have every request arrive later by the same time is to have
            every token read later by it.

    Raises:
        SchedulerError: the scheduler would leave its requests for ever (invariant 8).
    """
    horizon = float("inf") if settings.horizon_s is None else settings.horizon_s
    looks = Looks(states, settings.stop_every_s) if settings.stop else None
    arrivals = arrivals_of(requests, settings)
    order: list[int] = []  # places of those that were sent, as they were
    left = engine.left
    stopped = None
    idle = num_left = 0

    def read_s(time_s: float) -> float:
        """When a client reads what an engine tells at a time; whole microseconds."""
        return round(time_s + delivery_s, 6) if delivery_s else time_s

    while True:
        now = engine.now_s
        if now >= horizon:
            break
        while arrivals.next_s <= now:
            order.append(place := _send(arrivals, states, refusals))
            if not refusals[place]:
                engine.add(states[place])
            idle = 0
        if looks and settings.stop and now >= looks.next_s:
            stopped = settings.stop(looks.look(now, order, engine.steps))
            if stopped:
                break
        if not engine.has_work:
            if arrivals.next_s == math.inf:
                break
            engine.now_s = arrivals.next_s
            continue
        batch = engine.step()
        while num_left < len(left):
            arrivals.end(read_s(left[num_left].left_s), left[num_left])
            num_left += 1
        if batch:
            idle = 0
            continue
        if not engine.has_work:
            continue  # whoever was left ended without a batch: the engine gave them up
        idle += 1
        engine.now_s = _wake(batch, arrivals.next_s, engine, idle)
    at_end()
    end_s = min(read_s(engine.now_s), horizon)
    steps = engine.steps
    # The tokens of a batch that the horizon cuts were never seen: it is not on record.
    num_steps = len(steps) - (1 if steps and steps[-1][1] > end_s else 0)
    num_seen = bisect_right(steps, end_s, key=lambda step: read_s(step[1]))
    while arrivals.next_s <= end_s:  # due, and the run was over before an engine saw them
        order.append(_send(arrivals, states, refusals))
    due = order[: bisect_right(order, end_s, key=lambda place: states[place].arrival_s)]
    table = _request_table(
        [requests[place] for place in due],
        [states[place] for place in due],
        [refusals[place] for place in due],
        engine,
        num_seen,
        delivery_s,
    )
    sessions = Sessions.of(requests, table)
    return RunOutput(
        requests=table,
        steps=_step_table(engine, num_steps),
        end_s=end_s,
        stopped_early=stopped,
        facts=sessions.facts(),
        notes=sessions.notes,
    )


def _send(arrivals: Arrivals, states: Sequence[RequestState], refusals: Sequence[str]) -> int:
    """The next request is sent; one that can never be served ends with that. Returns its place."""
    sent_s, place = arrivals.send()
    state = states[place]
    state.arrival_s = sent_s
    if refusals[place]:
        state.left_s = sent_s
        arrivals.end(sent_s, state)
    return place


def _wake(batch: Batch, next_s: float, engine: VirtualEngine, idle: int) -> float:
    """When to look again after an empty batch.

    Raises:
        SchedulerError: never: the scheduler would leave its requests for ever (invariant 8).
    """
    wake_s = next_s if batch.wake_s is None else min(batch.wake_s, next_s)
    wake = engine.now_s if batch.preempt else wake_s
    if idle > MAX_IDLE_STEPS or not (batch.preempt or engine.now_s < wake < math.inf):
        raise SchedulerError(
            f"invariant 8: at {engine.now_s:.6f} s the scheduler runs nothing and names no time "
            f"at which it will (wake_s={batch.wake_s}, empty batches in a row: {idle}), with "
            f"{engine.holds()}"
        )
    return wake


def _step_table(engine: VirtualEngine, num_steps: int) -> StepTable:
    columns = list(zip(*engine.steps[:num_steps], strict=True)) or [()] * 9
    start_s, end_s = (np.array(column, dtype=np.float64) for column in columns[:2])
    return StepTable(start_s, end_s, *(np.array(column, dtype=np.int64) for column in columns[2:]))


def _request_table(
    requests: Sequence[Request],
    states: Sequence[RequestState],
    refusals: Sequence[str],
    engine: VirtualEngine,
    num_steps: int,
    delivery_s: float,
) -> RequestTable:
    """The requests' columns; step numbers become times here.

    Tokens of steps beyond the first ``num_steps`` do not count.
    """
    due = np.array([state.arrival_s for state in states], dtype=np.float64)
    starts = np.array([step[0] for step in engine.steps], dtype=np.float64)
    ends = np.array([step[1] for step in engine.steps], dtype=np.float64)
    lengths = np.array(
        [bisect_left(state.token_steps, num_steps) for state in states], dtype=np.int64
    )
    offsets = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths)])
    token_steps = np.empty(int(offsets[-1]), dtype=np.intc)
    for state, begin, end in zip(states, offsets, offsets[1:], strict=False):
        token_steps[begin:end] = state.token_steps[: end - begin]
    token_times = ends[token_steps] if len(ends) else np.empty(0)
    if delivery_s:
        token_times = np.rint((token_times + delivery_s) * 1e6) / 1e6
    asked = request_columns(requests)
    first_step = np.array([state.first_step for state in states], dtype=np.int64)
    scheduled = first_step != NEVER
    first_scheduled = np.full(len(requests), np.nan)
    first_scheduled[scheduled] = starts[first_step[scheduled]]
    refused = np.array([bool(text) for text in refusals], dtype=np.bool_)
    outcome = np.where(
        refused,
        Outcome.FAILED.value,
        np.where(
            lengths >= asked["output_tokens"], Outcome.FINISHED.value, Outcome.UNFINISHED.value
        ),
    )
    return RequestTable(
        **asked,
        due_s=due,
        sent_s=due.copy(),
        first_scheduled_s=first_scheduled,
        outcome=outcome.astype(np.str_),
        error=np.array(refusals, dtype=np.str_),
        num_preemptions=np.array([state.num_preemptions for state in states], dtype=np.int64),
        cached_tokens=np.array([state.cached_tokens for state in states], dtype=np.int64),
        token_offsets=offsets,
        token_times_s=token_times,
    )
