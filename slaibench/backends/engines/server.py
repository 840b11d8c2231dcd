"""A server as a child: started, watched, and stopped for sure."""

from __future__ import annotations

import http.client
import json
import re
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from slaibench.backends.base import BackendError
from slaibench.backends.engines.base import HOST
from slaibench.machine.guardian import GuardedProcess

START_LIMIT_S = 900.0
"""A large checkpoint from a slow disk and the capture of CUDA graphs take minutes."""
LOOK_EVERY_S = 0.25
ANSWER_LIMIT_S = 60.0
HEALTH_LIMIT_S = 5.0
PORT_TRIES = 3


class EngineServer:
    """An OpenAI-compatible server as a guarded child (slaibench.machine.guardian).

    It is gone once ``stop`` returns, or soon after this process is, whatever ends that.

    Args:
        name: the engine's, for messages.
        command: makes the command from the port it is to listen on.
        log: its output; appended to, and kept.
        env: its environment; None: this process's.
        port: None: a free one.
        host: where it listens.
        key: sent with every request; in no record and no log.
        start_limit_s: how long it may take until it answers.
        on_look: called now and then while it starts.
    """

    def __init__(
        self,
        name: str,
        command: Callable[[int], Sequence[str]],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        port: int | None = None,
        host: str = HOST,
        key: str | None = None,
        start_limit_s: float = START_LIMIT_S,
        on_look: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = name
        self._command = command
        self._env = env
        self._wanted_port = port
        self._host = host
        self.key = key
        self._start_limit_s = start_limit_s
        self._on_look = on_look
        self._process: GuardedProcess | None = None
        self._port = 0
        self.log = log

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Without a path."""
        host = HOST if self._host in ("0.0.0.0", "") else self._host
        return f"http://{host}:{self._port}"

    @property
    def is_running(self) -> bool:
        """Whether the process is there; not whether it answers."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            BackendError: the port is in use, it ended by itself (with the reason that its log
                gives), or it took too long. Nothing of it is left then.
        """
        try:
            for tries_left in reversed(range(PORT_TRIES)):
                self._port = _free_port(self._host, self._wanted_port)
                begin = self.log.stat().st_size if self.log.exists() else 0
                reason = self._come_up(begin)
                if reason is None:
                    return
                self.stop()
                # Somebody else took the free port before the server did.
                taken = "address already in use" in reason and self._wanted_port is None
                if not (taken and tries_left):
                    raise BackendError(f"{self.name} did not start: {reason}\nIts log: {self.log}")
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it and everything it started; nothing if it does not run."""
        if self._process is not None:
            self._process.stop()

    def failure(self, begin: int = 0) -> str:
        """Why it ended, as far as its log tells from a byte on, and where that is."""
        reason = cause(tail(self.log, begin)) or "nobody knows why"
        return f"{reason}; its log: {self.log}"

    def request(
        self,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        request_id: str = "",
        limit_s: float = ANSWER_LIMIT_S,
    ) -> tuple[int, str]:
        """Ask it something: a GET, or with a body a POST.

        Returns:
            HTTP status and what it answered.

        Raises:
            OSError: it does not answer.
        """
        _, _, host = self.url.partition("://")
        connection = http.client.HTTPConnection(host, timeout=limit_s)
        headers = {"Content-Type": "application/json"}
        if self.key is not None:
            headers["Authorization"] = f"Bearer {self.key}"
        if request_id:
            headers["X-Request-Id"] = request_id
        try:
            if body is None:
                connection.request("GET", path, headers=headers)
            else:
                connection.request("POST", path, json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode("utf-8", errors="replace")
        except http.client.HTTPException as error:
            raise OSError(f"{self.url}{path}: {error!r}") from error
        finally:
            connection.close()

    def _come_up(self, begin: int) -> str | None:
        """Start the process and wait; returns why it cannot be used, or None."""
        self._process = GuardedProcess(self._command(self._port), log=self.log, env=self._env)
        deadline = time.monotonic() + self._start_limit_s
        while (status := self._process.poll()) is None:
            self._on_look()
            try:
                if self.request("/health", limit_s=HEALTH_LIMIT_S)[0] == http.HTTPStatus.OK:
                    return None
            except OSError:
                pass
            if time.monotonic() > deadline:
                return f"it does not answer after {self._start_limit_s:g} s"
            time.sleep(LOOK_EVERY_S)
        self._on_look()
        return cause(tail(self.log, begin)) or f"it ended with status {status} and said nothing"


def _free_port(host: str, wanted: int | None) -> int:
    """The wanted port if nobody has it, else any that nobody has.

    Raises:
        BackendError: the wanted one is in use, or not ours to take.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
        # As the server does, so that connections of the past do not count.
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, wanted or 0))
            trial.listen()
        except OSError as error:
            raise BackendError(
                f"port {wanted} of {host} cannot be had ({error.strerror}): choose another with "
                "--port, or stop what listens there"
            ) from error
        port: int = trial.getsockname()[1]
        return port


_PREFIX = re.compile(
    r"^(?:\([\w-]+ pid=\d+\) )?(?:\[rank\d+\]: )?"
    r"(?:[A-Z]+ \d\d-\d\d \d\d:\d\d:\d\d \[[^\]]*\] ?)?"
)
_ERROR = re.compile(r"^(?:[A-Za-z_][\w.]*(?:Error|Exception)|[\w.-]+: error)\b.*: *\S")
_POINTER = re.compile(r"root cause|in a background process|leaked", re.IGNORECASE)
"""Of an error that only points at another one."""


def cause(log: str) -> str:
    """The error that ended a server, from its log: the first that does not point at another.

    Without any, the last lines; empty if there are none.
    """
    lines = [_PREFIX.sub("", line).rstrip() for line in log.splitlines()]
    errors = [place for place, line in enumerate(lines) if _ERROR.match(line)]
    roots = [place for place in errors if not _POINTER.search(lines[place])] or errors
    if not roots:
        return " / ".join([line for line in lines if line][-3:])
    first = roots[0]
    said = [lines[first]]
    for line in lines[first + 1 : first + 3]:  # pydantic says it in the lines below
        if not line.startswith("  ") or line.lstrip().startswith(("File ", "For further")):
            break
        said.append(line.strip())
    return " ".join(said)


def tail(log: Path, begin: int = 0, limit: int = 1 << 20) -> str:
    """The end of a log, from a byte on."""
    with log.open("rb") as file:
        file.seek(max(begin, log.stat().st_size - limit))
        return file.read().decode("utf-8", errors="replace")
