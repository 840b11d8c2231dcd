"""One client process: its part of the schedule, sent and read."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection as Pipe
from typing import Any

from slaibench.client.alarm import Alarm, make_alarm
from slaibench.client.body import request_bytes
from slaibench.client.closed_loop import ClosedLoop
from slaibench.client.connection import Inbox
from slaibench.client.connection_pool import ConnectionPool
from slaibench.client.exchange import Exchange
from slaibench.client.pacer import Pacer
from slaibench.client.part import LoadPart, Succession
from slaibench.client.patience import Patience, TimeLimits
from slaibench.client.results import ResultRow, WorkerReport
from slaibench.client.sizing import ClientError, num_spares, raise_file_limit
from slaibench.recording.record import Outcome
from slaibench.workloads.errors import WorkloadError
from slaibench.workloads.schedule import waits

SWEEP_S = 0.25
"""How often time limits are looked at, and idle connections."""


class Worker:
    """Runs one part on one event loop.

    Speaks through a pipe. In: ``("go", t0)`` starts the schedule at that monotonic time;
    ``("stop", None)`` ends it. Out: ``("ready", None)``, then ``("due", [(position, time)])`` as it
    comes to be known when requests are due that had no time of their own,
    ``("left", [(position, time)])`` as requests leave, and a ``("done", WorkerReport)``.
    """

    def __init__(self, part: LoadPart, pipe: Pipe, loop: asyncio.AbstractEventLoop) -> None:
        self._part = part
        self._pipe = pipe
        self._loop = loop
        target = part.target
        due_s = [request.due_s for _, request in part.requests]
        spares = part.concurrency or num_spares(due_s)
        raise_file_limit(spares)
        self._bodies: list[bytes | None] = [
            request_bytes(target, request, part.prompts.prompt(request, part.seed), part.seed)
            for _, request in part.requests
        ]
        self._quote = target.quoter()
        self._exchanges: list[Exchange] = []
        self._inbox = Inbox(loop, at_once=part.parse_at_once)
        self._pool = ConnectionPool(
            loop,
            target.address,
            num_spares=spares,
            inbox=self._inbox,
            on_end=self._ended,
            new_connections=target.new_connections,
            tls=target.tls_context(),
        )
        self._pacer: Pacer | ClosedLoop | None = None
        self._succession = Succession(part.requests)
        self._num_over = 0
        """Requests that have left, or will never be due."""
        self._patience = Patience(part.most_failures)
        self._why_stopped: str | None = None
        self._just_due: list[tuple[int, float]] = []
        self._just_left: list[tuple[int, float]] = []
        self._go: asyncio.Future[float] = loop.create_future()
        self._over = asyncio.Event()
        self._limits = TimeLimits(target.timeout_s, target.read_timeout_s)
        self._error: BaseException | None = None

    async def run(self) -> None:
        """All of it; returns once the report is sent."""
        self._loop.add_reader(self._pipe.fileno(), self._receive)
        # libuv makes what it polls non-blocking, and a long report would be sent in part.
        os.set_blocking(self._pipe.fileno(), True)
        self._loop.set_exception_handler(self._broken)
        try:
            await self._pool.prepare()
            if self._part.concurrency is not None:
                self._pool.keep(1)  # whoever sends again has a connection
            # Nothing made so far is garbage before the end, and a full collection over it would
            # stop the process for tens of milliseconds. What is left uncollected in the run is
            # small: tokens make no cycles.
            gc.collect()
            gc.freeze()
            gc.disable()
            self._pipe.send(("ready", None))
            cpu_s = await self._send_all(await self._go)
            self._report_left()
            self._pipe.send(("done", self._report(cpu_s)))
        finally:
            self._loop.remove_reader(self._pipe.fileno())
            await self._pool.close()

    async def _send_all(self, t0_s: float) -> float:
        """The schedule, until everything has left or the parent says stop; CPU seconds spent."""
        cpu_s = time.process_time()
        self._pacer = pacer = self._make_pacer(t0_s)
        self._inbox.after_each = pacer.catch_up
        sweep = self._loop.create_task(self._sweep())
        sweep.add_done_callback(self._swept)
        if self._part.requests:
            await self._over.wait()
        unsent = pacer.close()
        sweep.cancel()
        if self._error is not None:
            raise self._error
        self._inbox.drain()
        if self._succession:  # whose times nobody else knows
            for number, due_s in (*unsent, *pacer.close()):
                self._begin(number, due_s)
        return time.process_time() - cpu_s

    def _make_pacer(self, t0_s: float) -> Pacer | ClosedLoop:
        def alarm(callback: Callable[[], None]) -> Alarm:
            return make_alarm(self._loop, callback)

        clients, requests = self._part.concurrency, self._part.requests
        if clients is not None:
            return ClosedLoop(self._loop, clients, len(requests), t0_s, self._take, alarm)
        due = [
            (t0_s + request.due_s, number)
            for number, (_, request) in enumerate(requests)
            if not waits(request)
        ]
        return Pacer(due, self._fire, alarm)

    def _take(self, number: int, free_s: float) -> None:
        """A client of a closed loop takes a request, which is due when it was free to."""
        self._just_due.append((self._part.requests[number][0], free_s))
        self._fire(number, free_s)

    def _fire(self, number: int, due_s: float) -> None:
        data = self._bodies[number]
        assert data is not None
        exchange = self._begin(number, due_s)
        self._limits.add(exchange)
        self._pool.send(exchange, data)

    def _begin(self, number: int, due_s: float | None) -> Exchange:
        """What is to be known of a request from now on.

        Args:
            due_s: None: now.
        """
        position, request = self._part.requests[number]
        self._bodies[number] = None
        exact = self._part.target.exact_lengths
        due_s = time.monotonic() if due_s is None else due_s
        exchange = Exchange(position, due_s, request.output_tokens, exact, self._quote)
        self._exchanges.append(exchange)
        return exchange

    def _ended(self, exchange: Exchange) -> None:
        assert exchange.left_s is not None
        assert self._pacer is not None
        self._just_left.append((exchange.index, exchange.left_s))
        why = self._patience.ended(exchange, self._pool.counts.tokens, self._pool.refused_in_a_row)
        if why is not None:
            self._stop_sending(why)
        self._pacer.free(exchange.left_s)
        if self._succession:
            self._go_on(exchange, exchange.left_s)
        self._count_over()

    def _go_on(self, exchange: Exchange, ended_s: float) -> None:
        """Whoever waited for a request is due, if it finished, and else never."""
        for number, think_s in self._succession.after(exchange.index):
            if exchange.outcome is not Outcome.FINISHED:
                for never in self._succession.with_all_after(number):
                    self._bodies[never] = None
                    self._count_over()
                continue
            due_s = ended_s + think_s
            self._just_due.append((self._part.requests[number][0], due_s))
            if self._why_stopped is not None:
                self._not_sent(number, due_s)
            else:
                assert isinstance(self._pacer, Pacer)
                self._pacer.add(number, due_s)

    def _count_over(self) -> None:
        self._num_over += 1
        if self._num_over == len(self._part.requests):
            self._over.set()

    def _stop_sending(self, why: str) -> None:
        """Every request that was not sent yet fails; those on their way have their time."""
        assert self._pacer is not None
        self._why_stopped = why
        for number, due_s in self._pacer.close():
            self._not_sent(number, due_s)

    def _not_sent(self, number: int, due_s: float | None) -> None:
        """A request fails; one that is not due yet as well: it was part of the load."""
        exchange = self._begin(number, due_s)
        exchange.fail(f"not sent: {self._why_stopped}", max(time.monotonic(), exchange.due_s))
        self._ended(exchange)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            for exchange in self._limits.end_overdue(time.monotonic()):
                self._pool.drop(exchange)
                self._ended(exchange)
            self._pool.refresh()
            self._report_left()

    def _swept(self, sweep: asyncio.Task[None]) -> None:
        if not sweep.cancelled() and (error := sweep.exception()) is not None:
            self._broken(self._loop, {"exception": error})

    def _report_left(self) -> None:
        if self._just_due:
            self._pipe.send(("due", self._just_due))
            self._just_due = []
        if self._just_left:
            self._pipe.send(("left", self._just_left))
            self._just_left = []

    def _receive(self) -> None:
        try:
            word, value = self._pipe.recv()
        except (EOFError, OSError):
            os._exit(1)  # The parent is gone, and with it everyone who wanted to know.
        if word == "go":
            self._go.set_result(value)
        else:
            self._over.set()

    def _broken(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """An error of ours in a callback ends the run; the loop would go on without it."""
        error = context.get("exception")
        if isinstance(error, OSError):
            return  # A socket's: its connection hears of it as well.
        self._error = error or RuntimeError(str(context.get("message")))
        self._over.set()

    def _report(self, cpu_s: float) -> WorkerReport:
        counts = self._pool.counts
        return WorkerReport(
            [ResultRow.of(exchange) for exchange in self._exchanges],
            reads=counts.reads,
            reads_of_several=counts.reads_of_several,
            tokens=counts.tokens,
            connections=counts.connections,
            cpu_s=cpu_s,
        )


def work(pipe: Pipe) -> None:
    """Main function of a client process: the part comes through the pipe first."""
    # Ctrl-C is the parent's to handle; it ends its children by closing the pipe, or the hard way.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stdout = sys.stderr
    try:
        import uvloop  # noqa: PLC0415  (0.1 s that the parent can do without)

        try:
            part: Any = pipe.recv()
        except EOFError:
            return
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(part, pipe))
    except MemoryError:
        pipe.send(
            (
                "error",
                "the prompts do not fit this machine's memory: leave the longest requests out "
                "(--max-total-tokens), or ask for fewer (--requests)",
            )
        )
    except (ClientError, WorkloadError) as error:
        pipe.send(("error", str(error)))
    except Exception:
        pipe.send(("error", traceback.format_exc()))


async def _run(part: LoadPart, pipe: Pipe) -> None:
    await Worker(part, pipe, asyncio.get_running_loop()).run()
