"""A backend that runs in another Python: an engine's pins need not fit into this environment."""

from __future__ import annotations

import os
import secrets
import socket
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from slaibench.backends.base import Backend, BackendError, Progress, RunOutput, RunSettings
from slaibench.backends.engines.server import cause, tail
from slaibench.machine.guardian import GuardedProcess
from slaibench.machine.interpreters import import_path
from slaibench.schedulers.base import Scheduler, SchedulerError
from slaibench.workloads.request import Request

PROGRAM = "slaibench.backends.engines.subprocess_program"
START_LIMIT_S = 120.0
"""From the start of the other Python to its first word; importing us takes a second or two."""
DEATH_LIMIT_S = 5.0
"""From the end of its line to that of the process."""
LOOK_EVERY_S = 0.5
POLL_S = 0.02
ERRORS: dict[str, type[Exception]] = {
    error.__name__: error for error in (BackendError, SchedulerError, ValueError)
}
"""What the other side may raise, and is raised here again."""


@dataclass(frozen=True, slots=True)
class Order:
    """A run that is to be made.

    Args:
        settings: without its stop rule, which stays here.
        stops: whether there is one: then ``Progress`` is sent back for it.
    """

    requests: Sequence[Request]
    settings: RunSettings
    stops: bool


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong there: an exception's class and text."""

    kind: str
    text: str


class SubprocessBackend:
    """Runs a backend in a process of another Python (``slaibench.backends.base.Backend``).

    The process is started at the first run and kept for the next ones. It is gone once ``close``
    returns, or soon after this process is. A run that fails ends it; the next one starts another.

    Args:
        name: the engine's, for messages.
        python: which Python; our packages must be there as well.
        make: makes the backend there; a function of a module.
        args: its arguments; values that pickle.
        logs: folder for what the process prints; made if it is not there.
    """

    def __init__(
        self,
        name: str,
        python: str,
        make: Callable[..., Backend],
        args: tuple[Any, ...],
        logs: Path,
    ) -> None:
        self._name, self._python, self._make, self._args = name, python, make, args
        self._logs = logs
        self._process: GuardedProcess | None = None
        self._connection: Connection | None = None
        self._log = logs

    def run(
        self, requests: Sequence[Request], scheduler: Scheduler, settings: RunSettings
    ) -> RunOutput:
        """Serve the requests (``slaibench.backends.base.Backend``).

        Args:
            scheduler: built again in the other process, from ``settings.scheduler``.

        Raises:
            ValueError: the requests are no run, or ``settings.scheduler`` is empty.
            BackendError: the process cannot be started, or ended.
            SchedulerError: the scheduler broke its contract.
        """
        if not settings.scheduler:
            raise ValueError(
                f"settings.scheduler is empty: {scheduler.name} is built in the engine's process, "
                "from what its user wrote"
            )
        connection = self._started()
        stop = settings.stop
        order = Order(tuple(requests), replace(settings, stop=None), stop is not None)
        try:
            answer = self._ask(connection, order)
            while isinstance(answer, Progress):
                assert stop is not None
                answer = self._ask(connection, stop(answer))
        except BaseException:
            self.close()
            raise
        if isinstance(answer, Failure):
            self.close()
            raise ERRORS[answer.kind](answer.text)
        assert isinstance(answer, RunOutput)
        return answer

    def close(self) -> None:
        """End the process."""
        connection, self._connection = self._connection, None
        process, self._process = self._process, None
        if connection is not None:
            connection.close()
        if process is not None:
            process.stop()

    def _ask(self, connection: Connection, message: Any) -> Any:
        try:
            connection.send(message)
            return connection.recv()
        except (EOFError, OSError) as error:
            reason = f"{self._name} ended in the middle of a run: {self._why()}"
            raise BackendError(reason) from error

    def _started(self) -> Connection:
        """The line to the process, started if it was not.

        Raises:
            BackendError: it does not start.
        """
        if self._connection is not None:
            return self._connection
        self._logs.mkdir(parents=True, exist_ok=True)
        stamp = f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
        self._log = self._logs / f"{self._name.lower()}-{stamp}-{secrets.token_hex(2)}.log"
        # The folder is for this user alone, and so is who may call.
        with (
            tempfile.TemporaryDirectory(prefix="slaibench-") as folder,
            socket.socket(socket.AF_UNIX) as line,
        ):
            address = str(Path(folder) / "line")
            line.bind(address)
            line.listen(1)
            line.settimeout(LOOK_EVERY_S)
            self._process = GuardedProcess(
                [self._python, "-P", "-m", PROGRAM, address],
                log=self._log,
                env={**os.environ, "PYTHONPATH": import_path(self._python)},
            )
            try:
                connection = self._accepted(line)
                connection.send((self._make, self._args))
            except BaseException:
                self.close()
                raise
        self._connection = connection
        return connection

    def _accepted(self, line: socket.socket) -> Connection:
        """The process's call.

        Raises:
            BackendError: it ended instead, or does not call.
        """
        deadline = time.monotonic() + START_LIMIT_S
        assert self._process is not None
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                call, _ = line.accept()
            except TimeoutError:
                continue
            return Connection(call.detach())
        raise BackendError(f"{self._name} does not start: {self._why()}")

    def _why(self) -> str:
        """The last words of a process that is going, or gone."""
        deadline = time.monotonic() + DEATH_LIMIT_S
        while self._process is not None and self._process.poll() is None:
            if time.monotonic() > deadline:
                break
            time.sleep(POLL_S)
        said = cause(tail(self._log)) if self._log.is_file() else ""
        return f"{said or 'nobody knows why'}; its log: {self._log}"
