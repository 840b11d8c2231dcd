"""A real engine's server as a backend: on a CPU, on GPUs, or on an emulated GPU in real time."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from slaibench.backends.base import BackendError, Progress, RunOutput, RunSettings
from slaibench.backends.engines.base import AsShipped, BodyFields, Engine
from slaibench.backends.engines.device import emulated
from slaibench.backends.engines.emulated import FIRST_TOKEN_ID
from slaibench.backends.engines.graphs import GraphUse
from slaibench.backends.engines.options import EngineOptions
from slaibench.backends.engines.running import RunningEngine
from slaibench.backends.engines.server import START_LIMIT_S, EngineServer
from slaibench.backends.engines.step_file import (
    END,
    Header,
    foreign,
    step_table,
    with_engine_side,
)
from slaibench.catalog.profile import Profile
from slaibench.client.load import LoadResult, run_load
from slaibench.client.prompts import TokenIdPrompts
from slaibench.client.sizing import ClientError
from slaibench.client.target import Target
from slaibench.machine import hardware
from slaibench.recording.record import FloatArray
from slaibench.schedulers.base import Scheduler, SchedulerError
from slaibench.schedulers.engine_default import EngineDefault, is_shipped
from slaibench.spec import Device
from slaibench.workloads.request import Request

REQUEST_LIMIT_S = 3600.0
"""Overload is for the stop rule and the horizon to end; this only keeps a run from hanging."""
KEY_BYTES = 32
"""Of a server's key, at random: one of its own for each."""
WARM_UP = 8
"""Requests of a warm-up: the first batches of each shape are slow."""
WARM_UP_OUTPUT_TOKENS = 8
WARM_UP_GAP_S = 0.1


class ServedEngine:
    """Serves requests over HTTP in real time (``slaibench.backends.base.Backend``).

    The server is started at the first run (half a minute to some minutes), warmed up, and kept for
    the next ones: before each run a fresh scheduler takes over and the prefix cache is emptied. If
    it dies, the run says so and the next one starts another. The engine's own scheduler, or a class
    in its place, has a server without anything of ours, if the engine can be had so; each set of
    plug-ins has one of its own.

    Args:
        engine: which.
        options: what it is started with; an emulated device that leaves ``kv_blocks`` open has
            the profile's.
        profile: of the GPU that is emulated; ``profile_file``: where it lies, if it is none of the
            catalog's.
        logs: folder for the server's output and the engine's step logs; made if it is not there.
        start_limit_s: how long the server may take until it answers.

    Raises:
        BackendError: an emulated device without a profile that its process finds.
    """

    def __init__(
        self,
        engine: Engine,
        options: EngineOptions,
        device: Device,
        *,
        profile: Profile | None = None,
        profile_file: Path | None = None,
        logs: Path,
        start_limit_s: float = START_LIMIT_S,
    ) -> None:
        self._engine = engine
        self._own: dict[str, Any] = {"scheduler": "engine", "switchable": True}
        if device is Device.EMULATED:
            options, self._own["device"] = emulated(options, profile, profile_file)
        self._options = options
        self._device = device
        self._logs = logs
        self._start_limit_s = start_limit_s
        self._running: RunningEngine | None = None
        self._alone: str | None = None
        self._num_servers = 0
        self._num_loads = 0

    def close(self) -> None:
        """Stop the server."""
        running, self._running = self._running, None
        if running is not None:
            running.server.stop()

    def run(
        self, requests: Sequence[Request], scheduler: Scheduler, settings: RunSettings
    ) -> RunOutput:
        """Serve the requests, each at its due time (slaibench.backends.base.Backend).

        Args:
            scheduler: built again in the engine's process, from ``settings.scheduler``.

        Raises:
            ValueError: the requests are no run (``schedule.check_schedule``), or
                ``settings.scheduler`` is empty.
            BackendError: no such engine here, it does not start, or does not take the scheduler.
            SchedulerError: the scheduler broke its contract, which ended the engine.
        """
        if not settings.scheduler:
            raise ValueError(
                f"settings.scheduler is empty: {scheduler.name} is built in the engine's process, "
                "from what its user wrote"
            )
        shipped = None
        if isinstance(scheduler, EngineDefault):
            shipped = self._engine.as_shipped(scheduler, self._options)
        running = self.running(settings.scheduler if shipped else None, shipped)
        running.switch(settings.scheduler)
        prefix = self._new_prefix()
        try:
            load = self._load(running, requests, settings, prefix)
            steps = running.steps_of_run(f"{prefix}{END}")
        except BaseException:
            self.close()  # an engine that was left in the middle is good for no other run
            raise
        notes = load.notes if shipped is None else (*load.notes, shipped.words)
        if not running.server.is_running:
            reason = running.failure()
            self.close()
            if "SchedulerError" in reason:
                raise SchedulerError(f"scheduler {settings.scheduler}: {reason}")
            if not is_shipped(scheduler):
                died = f"{self._engine.name} died while it decided: {reason}"
                raise SchedulerError(f"scheduler {settings.scheduler}: {died}")
            notes += (f"{self._engine.name} died during this run: {reason}",)
        t0_s, end_s = load.t0_monotonic_s, load.end_s
        table = step_table(steps.rows, t0_s, end_s)
        facts = self._facts(running.header, load)
        captured = running.header.graph_tokens if self._device is Device.CUDA else 0
        if graphs := GraphUse.of(table, captured):
            facts["cuda_graphs"] = graphs.facts()
            notes += graphs.notes()
        return RunOutput(
            requests=with_engine_side(load.requests, steps, t0_s, end_s, prefix),
            steps=table,
            end_s=end_s,
            stopped_early=load.stopped_early,
            facts=facts,
            notes=notes,
            invalid=foreign(steps, prefix),
        )

    def running(self, alone: str | None = None, shipped: AsShipped | None = None) -> RunningEngine:
        """The server, started and warmed up if it was not.

        Args:
            alone: the engine's own scheduler, a class in its place, or plug-ins beside it: its
                server is ``shipped`` so and serves no other.

        Raises:
            BackendError: it cannot be had.
        """
        if self._running is not None and self._running.server.is_running and self._alone == alone:
            return self._running
        self.close()
        engine, device = self._engine, self._device
        options = self._options if shipped is None else shipped.options
        engine.check(device, options)
        self._logs.mkdir(parents=True, exist_ok=True)
        self._num_servers += 1
        name = f"{engine.key}-{time.strftime('%Y%m%d-%H%M%S')}-{self._num_servers}"
        step_log = (self._logs / f"{name}.steps").resolve()
        own = {**self._own, "step_log": str(step_log)}
        if alone is not None and shipped is not None:
            own |= {"scheduler": alone, **shipped.own}
        key = secrets.token_urlsafe(KEY_BYTES)
        server = EngineServer(
            engine.name,
            lambda port: engine.command(options, device, port, own=own, locked=True),
            log=self._logs / f"{name}.log",
            env=engine.environment(options, device, own, key),
            key=key,
            start_limit_s=self._start_limit_s,
        )
        server.start()
        try:
            running = RunningEngine(engine, server, step_log, options.model.name)
            self._warm_up(running)
        except BaseException:
            server.stop()
            raise
        self._running, self._alone = running, alone
        return running

    def _warm_up(self, running: RunningEngine) -> None:
        """Some requests that are on no record.

        Raises:
            BackendError: they cannot be served.
        """
        longest = self._options.max_context_tokens - WARM_UP_OUTPUT_TOKENS
        prompt = max(1, min(self._options.token_budget or longest, longest) // 2)
        requests = [
            Request(number, WARM_UP_GAP_S * number, prompt, WARM_UP_OUTPUT_TOKENS)
            for number in range(WARM_UP)
        ]
        table = self._load(running, requests, RunSettings(), self._new_prefix()).requests
        failed = table.error[~table.finished]
        if len(failed):
            raise BackendError(
                f"{self._engine.name} does not serve: {failed[0]}; its log: {running.server.log}"
            )

    def _load(
        self,
        running: RunningEngine,
        requests: Sequence[Request],
        settings: RunSettings,
        prefix: str,
    ) -> LoadResult:
        stop = settings.stop

        def look(now_s: float, due_s: FloatArray, left_s: FloatArray) -> str | None:
            return stop(Progress(now_s, due_s, left_s, left_s)) if stop is not None else None

        target = Target(
            url=running.server.url,
            model=self._options.model.name,
            api_key=running.server.key,
            timeout_s=REQUEST_LIMIT_S,
            request_id_prefix=prefix,
            extra_of=BodyFields(self._engine, prefix),
        )
        try:
            return run_load(
                target,
                requests,
                TokenIdPrompts(self._options.model.vocab, FIRST_TOKEN_ID),
                seed=settings.seed,
                horizon_s=settings.horizon_s,
                look=look if stop is not None else None,
                look_every_s=settings.stop_every_s,
                most_failures=settings.most_failures,
                concurrency=settings.concurrency,
            )
        except ClientError as error:
            raise BackendError(f"the load could not be made: {error}") from error

    def _new_prefix(self) -> str:
        """Begins the ids of a load's requests; no other load of this backend has it."""
        self._num_loads += 1
        return f"run{self._num_loads}-"

    def _facts(self, header: Header, load: LoadResult) -> dict[str, Any]:
        computes = hardware.facts(self._device.value)
        if self._device is Device.EMULATED:
            computes |= {"gpu": self._own["device"]["gpu"], "emulated": True}
        return {
            "kv_blocks": header.total_blocks,
            "block_size": header.block_size,
            "clock": "real",
            "versions": self._engine.versions() | {self._engine.key: header.version},
            "hardware": computes,
            "client": load.facts.to_json(),
            **load.sessions.facts(),
        }
