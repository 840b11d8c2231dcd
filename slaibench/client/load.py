"""A whole load: one schedule, sent by as many processes as it takes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from slaibench.client.part import LoadPart
from slaibench.client.processes import Processes
from slaibench.client.prompts import Prompts, TokenIdPrompts
from slaibench.client.results import (
    ClientFacts,
    ResultRow,
    WorkerReport,
    as_they_came,
    prompt_count_notes,
    request_table,
)
from slaibench.client.sizing import MAX_REQUEST_TOKENS, num_processes, split
from slaibench.client.target import Target
from slaibench.client.tokens import count_notes
from slaibench.endpoint.url import Api
from slaibench.recording.record import FloatArray, RequestTable
from slaibench.recording.sessions import Sessions
from slaibench.workloads.request import Request
from slaibench.workloads.schedule import check_schedule, waits

START_S = 0.1
"""From the word to start until the schedule's zero: time for the word to reach every process."""
GRACE_S = 30.0
"""A process that has not reported so long after its last request must have ended is stuck."""

Look = Callable[[float, FloatArray, FloatArray], str | None]
"""Called now and then: (time in the run, due times of the requests due so far, when each left; NaN:
still there, or left within the last quarter of a second). A reason ends the run there."""


@dataclass(frozen=True)
class LoadResult:
    """What came of a load.

    Args:
        requests: one row for each request that was due; times in seconds after the start.
        t0_monotonic_s: the start on this machine's monotonic clock (``time.monotonic``), which an
            engine's log on the same machine may use too.
        end_s: when the run ended.
        stopped_early: the reason that ``look`` gave, or None.
        notes: sentences that a reader of the numbers must see.
        sessions: what came of half-open ones.
    """

    requests: RequestTable
    t0_monotonic_s: float
    end_s: float
    stopped_early: str | None
    facts: ClientFacts
    sessions: Sessions
    notes: tuple[str, ...] = ()


def run_load(
    target: Target,
    requests: Sequence[Request],
    prompts: Prompts,
    *,
    seed: int = 0,
    horizon_s: float | None = None,
    look: Look | None = None,
    look_every_s: float = 10.0,
    processes: int | None = None,
    parse_at_once: bool = False,
    most_failures: int | None = None,
    concurrency: int | None = None,
) -> LoadResult:
    """Send each request when it is due, at a time of its own or after another one's end, or when a
    client is free; record what comes.

    A process that dies makes its requests failed ones. On Ctrl-C, or when ``look`` raises, all
    processes are killed and the exception goes on.

    Args:
        requests: by due time.
        prompts: makes each request's prompt.
        seed: the workload's, for prompts.
        horizon_s: the run ends here, whatever is unfinished; None: when every request has left.
        look: see ``Look``.
        processes: client processes; None: as many as the load needs (slaibench.client.sizing).
        most_failures: of a process, before it sends no more; None: only rows of them end it.
        concurrency: a closed loop of so many clients, which begin together: each sends its next
            request when its last one has ended, in their order (of each process's own share);
            ``due_s`` of the result is when its client was free, and those of ``requests`` do not
            matter. None: an open loop.
        parse_at_once: the slow twin of the client's speed trick (slaibench.client.connection).

    Raises:
        ValueError: the requests are not in order, one is of no size, or an argument is out of
            range.
        ClientError: the load cannot be had at all.
    """
    _check(target, requests, prompts, horizon_s, processes, concurrency)
    if concurrency is not None and concurrency < 1:
        raise ValueError(f"concurrency must be at least 1, not {concurrency}")
    most = max(1, min(len(requests), concurrency or len(requests)))
    count = (
        num_processes(requests, concurrency=concurrency)
        if processes is None
        else min(processes, most)
    )
    parts = [
        LoadPart(target, prompts, part, seed, parse_at_once, most_failures, clients)
        for part, clients in zip(split(requests, count), _shares(concurrency, count), strict=True)
    ]
    with Processes(parts) as running:
        return _Run(target, requests, running, parts, horizon_s).until_end(look, look_every_s)


def _shares(concurrency: int | None, count: int) -> list[int | None]:
    """Clients of each process."""
    if concurrency is None:
        return [None] * count
    return [concurrency // count + (place < concurrency % count) for place in range(count)]


def _check(
    target: Target,
    requests: Sequence[Request],
    prompts: Prompts,
    horizon_s: float | None,
    processes: int | None,
    concurrency: int | None,
) -> None:
    check_schedule(requests, concurrency)
    for request in requests:
        if request.prompt_tokens + request.output_tokens > MAX_REQUEST_TOKENS:
            raise ValueError(
                f"request {request.request_id} has {request.prompt_tokens} prompt and "
                f"{request.output_tokens} output tokens; {MAX_REQUEST_TOKENS} together is the most "
                f"that can be sent: leave it out (--max-total-tokens {MAX_REQUEST_TOKENS})"
            )
    if processes is not None and processes < 1:
        raise ValueError(f"processes must be at least 1, not {processes}")
    if horizon_s is not None and not horizon_s > 0:
        raise ValueError(f"horizon_s must be positive, not {horizon_s}")
    if target.api is Api.CHAT and isinstance(prompts, TokenIdPrompts):
        raise ValueError("the chat interface takes no token ids: use prompts of words")


class _Run:
    """The parent's view of one load while it goes on."""

    def __init__(
        self,
        target: Target,
        requests: Sequence[Request],
        processes: Processes,
        parts: Sequence[LoadPart],
        horizon_s: float | None,
    ) -> None:
        self._target = target
        self._requests = requests
        self._processes = processes
        self._parts = parts
        self._horizon_s = math.inf if horizon_s is None else horizon_s
        self._closed = any(part.concurrency is not None for part in parts)
        self._moves = self._closed or any(waits(request) for request in requests)
        self._due_s = np.array(
            [math.nan if self._closed or waits(request) else request.due_s for request in requests]
        )
        """NaN: it is not known yet when it is due."""
        self._left_s = np.full(len(requests), np.nan)
        self._rows: dict[int, ResultRow] = {}
        self._reports: list[WorkerReport] = []
        self._running = set(range(len(parts)))
        self._notes: list[str] = []
        self._last_s = 0.0
        """When the last thing happened: a request left, or a process was lost."""
        self._last_due_s = float(np.nanmax(self._due_s, initial=0.0))
        """When the last request is due, as far as that is known."""
        self._t0_s = time.monotonic() + START_S

    def until_end(self, look: Look | None, look_every_s: float) -> LoadResult:
        """Go, watch, stop, and put together what came."""
        self._processes.say("go", self._t0_s)
        stopped = None
        stop_s = self._horizon_s
        next_look_s = look_every_s if look is not None else math.inf
        stuck_s = math.inf
        stopping = False
        while self._running:
            now_s = time.monotonic() - self._t0_s
            if not stopping:
                last_s = self._last_due_s
                if self._moves:  # when the last request is due nobody knows; before, others end
                    last_s = max(last_s, self._last_s)
                stuck_s = last_s + self._target.timeout_s + GRACE_S
            if look is not None and now_s >= next_look_s and not stopping:
                next_look_s += look_every_s
                arrived = np.flatnonzero(self._due_s <= now_s)
                arrived = arrived[np.argsort(self._due_s[arrived], kind="stable")]
                stopped = look(now_s, self._due_s[arrived], self._left_s[arrived])
                if stopped:
                    stop_s = now_s
            if now_s >= stop_s and not stopping:
                self._processes.say("stop")
                stopping = True
                stuck_s = now_s + GRACE_S
            if now_s >= stuck_s:
                for number in list(self._running):
                    self._lose(number, "a client process is stuck")
                break
            next_s = stuck_s if stopping else min(stop_s, next_look_s, stuck_s)
            wait_s = max(0.0, next_s - (time.monotonic() - self._t0_s))
            for number, word, value in self._processes.hear(self._running, wait_s):
                self._heard(number, word, value)
        return self._result(stop_s, stopped)

    def _heard(self, number: int, word: str, value: object) -> None:
        if word == "due":
            assert isinstance(value, list)
            for position, due_s in value:
                self._due_s[position] = due_s - self._t0_s
                self._last_due_s = max(self._last_due_s, due_s - self._t0_s)
        elif word == "left":
            assert isinstance(value, list)
            for position, left_s in value:
                self._left_s[position] = left_s - self._t0_s
                self._last_s = max(self._last_s, left_s - self._t0_s)
        elif word == "done":
            assert isinstance(value, WorkerReport)
            self._reports.append(value)
            self._rows.update({row.position: row for row in value.rows})
            self._running.discard(number)
        else:
            self._lose(number, str(value))

    def _lose(self, number: int, text: str) -> None:
        """Count a process's requests as failed."""
        self._running.discard(number)
        now_s = time.monotonic()
        last_line = text.strip().splitlines()[-1]  # Of a traceback, which is for the notes.
        for position, request in self._parts[number].requests:
            due_s = self._t0_s + self._due_s[position]
            if math.isnan(due_s):
                if waits(request):
                    continue  # for one that has failed now
                due_s = now_s
            # Those that were not due yet count as well: they were part of the load.
            left_s = max(now_s, due_s)
            self._rows[position] = ResultRow.lost(position, last_line, left_s, due_s)
            self._left_s[position] = left_s - self._t0_s
            self._last_s = max(self._last_s, left_s - self._t0_s)
        if text not in self._notes:
            self._notes.append(text)

    def _result(self, stop_s: float, stopped: str | None) -> LoadResult:
        # A run that was stopped after everything had left ended when the last one did.
        waiting = bool((np.isnan(self._left_s) & ~np.isnan(self._due_s)).any())
        end_s = stop_s if waiting and math.isfinite(stop_s) else min(self._last_s, stop_s)
        end_s = math.ceil(end_s * 1e6) / 1e6
        requests, rows = self._requests, self._rows
        if self._moves:
            requests, rows = as_they_came(requests, rows, self._t0_s, closed=self._closed)
        table = request_table(requests, rows, self._t0_s, end_s)
        lag_s = table.sent_s - table.due_s
        facts = ClientFacts.of(self._reports, self._rows.values(), lag_s, len(self._parts))
        pairs = [(self._requests[place], row) for place, row in self._rows.items()]
        counted = [(request.prompt_tokens, row.prompt_tokens) for request, row in pairs]
        sessions = Sessions.of(self._requests, table)
        notes = (
            *self._notes,
            *sessions.notes,
            *count_notes(facts.counted, self._target.exact_lengths),
            *prompt_count_notes(counted),
        )
        return LoadResult(table, self._t0_s, end_s, stopped, facts, sessions, notes)
