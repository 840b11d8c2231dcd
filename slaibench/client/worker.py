"""One client process: its part of the schedule, sent and read."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from typing import Any

from slaibench.client.alarm import Alarm, make_alarm
from slaibench.client.body import request_bytes
from slaibench.client.connection import Inbox
from slaibench.client.connection_pool import ConnectionPool
from slaibench.client.exchange import Exchange
from slaibench.client.pacer import Pacer
from slaibench.client.patience import Patience, TimeLimits
from slaibench.client.prompts import Prompts
from slaibench.client.results import ResultRow, WorkerReport
from slaibench.client.sizing import ClientError, num_spares, raise_file_limit
from slaibench.client.target import Target
from slaibench.client.turns import Turns
from slaibench.workloads.errors import WorkloadError
from slaibench.workloads.request import Request

SWEEP_S = 0.25
"""How often time limits are looked at, and idle connections."""


@dataclass(frozen=True, slots=True)
class LoadPart:
    """What one process is given.

    Args:
        requests: (position in the schedule, request), by due time.
        seed: of the prompts.
        parse_at_once: see slaibench.client.connection.
        most_failures: see slaibench.client.patience.
        concurrency: clients of a closed loop, which take the requests in their order; None: each is
            sent when it is due.
    """

    target: Target
    prompts: Prompts
    requests: Sequence[tuple[int, Request]]
    seed: int
    parse_at_once: bool = False
    most_failures: int | None = None
    concurrency: int | None = None


class Worker:
    """Runs one part on one event loop.

    Speaks through a pipe. In: ``("go", t0)`` starts the schedule at that monotonic time;
    ``("stop", None)`` ends it. Out: ``("ready", None)``, then ``("left", [(position, time)])`` as
    requests leave, and a ``("done", WorkerReport)``.
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
        self._pacer: Pacer | Turns | None = None
        self._t0_s = 0.0
        self._num_left = 0
        self._patience = Patience(part.most_failures)
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
        self._t0_s = t0_s
        self._pacer = pacer = self._make_pacer(t0_s)
        self._inbox.after_each = pacer.catch_up
        sweep = self._loop.create_task(self._sweep())
        sweep.add_done_callback(self._swept)
        if self._part.requests:
            await self._over.wait()
        pacer.close()
        sweep.cancel()
        if self._error is not None:
            raise self._error
        self._inbox.drain()
        return time.process_time() - cpu_s

    def _make_pacer(self, t0_s: float) -> Pacer | Turns:
        def alarm(callback: Callable[[], None]) -> Alarm:
            return make_alarm(self._loop, callback)

        clients, requests = self._part.concurrency, self._part.requests
        if clients is not None:
            return Turns(self._loop, clients, len(requests), t0_s, self._fire, alarm)
        due_s = [t0_s + request.due_s for _, request in requests]
        return Pacer(due_s, lambda number: self._fire(number, due_s[number]), alarm)

    def _fire(self, number: int, due_s: float) -> None:
        data = self._bodies[number]
        assert data is not None
        exchange = self._begin(number, due_s)
        self._limits.add(exchange)
        self._pool.send(exchange, data)

    def _begin(self, number: int, due_s: float) -> Exchange:
        position, request = self._part.requests[number]
        self._bodies[number] = None
        exact = self._part.target.exact_lengths
        exchange = Exchange(position, due_s, request.output_tokens, exact, self._quote)
        self._exchanges.append(exchange)
        return exchange

    def _ended(self, exchange: Exchange) -> None:
        assert exchange.left_s is not None
        self._just_left.append((exchange.index, exchange.left_s))
        self._num_left += 1
        why = self._patience.ended(exchange, self._pool.counts.tokens, self._pool.refused_in_a_row)
        if why is not None:
            self._stop_sending(why)
        elif isinstance(self._pacer, Turns):
            self._pacer.free(exchange.left_s)
        if self._num_left == len(self._part.requests):
            self._over.set()

    def _stop_sending(self, why: str) -> None:
        """Every request that was not sent yet fails; those on their way have their time."""
        assert self._pacer is not None
        self._pacer.close()
        closed = isinstance(self._pacer, Turns)
        for number in range(self._pacer.num_sent, len(self._part.requests)):
            now_s = time.monotonic()
            _, request = self._part.requests[number]
            # Those that are not due yet count as well: they were part of the load.
            exchange = self._begin(number, now_s if closed else self._t0_s + request.due_s)
            exchange.fail(f"not sent: {why}", max(now_s, exchange.due_s))
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
