"""A server that answers, with the log that its engine keeps of its steps."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from slaibench.backends.base import BackendError
from slaibench.backends.engines.base import Engine
from slaibench.backends.engines.server import EngineServer
from slaibench.backends.engines.step_file import Header, Steps, read_steps
from slaibench.schedulers.engines.switch import REQUEST_KEY

SWITCH_LIMIT_S = 60.0
"""Requests of the run before may still have to be aborted."""
SWITCH_TRY_S = 10.0
"""After an answer, until the switch is in the log or the engine has said that it is busy."""
LOG_LIMIT_S = 15.0
"""The engine writes its step log within a second and when it idles."""
DEATH_LIMIT_S = 10.0
"""From the end of an engine to that of its server."""
POLL_S = 0.05
BUSY_POLL_S = 0.5
ANY_TOKEN_ID = 5
_REFUSED = re.compile(r"(scheduler .*); not switched$", re.MULTILINE)
_BUSY = re.compile(r"scheduler .* while requests run: not switched$", re.MULTILINE)


class RunningEngine:
    """Between two runs another scheduler can take over, and what the engine did can be read.

    Args:
        engine: which.
        server: started, with one of our schedulers that is ``switchable``.
        step_log: file that the engine writes its steps to.
        model: as the server calls it.

    Attributes:
        header: what the engine had.

    Raises:
        BackendError: there is no step log: the server is not one of ours.
    """

    def __init__(self, engine: Engine, server: EngineServer, step_log: Path, model: str) -> None:
        self._engine = engine
        self.server = server
        self._step_log = step_log
        self._model = model
        try:
            steps = read_steps(step_log)
        except OSError as error:
            raise BackendError(
                f"{engine.name} wrote no step log ({error}): our scheduler is not in it; its log: "
                f"{server.log}"
            ) from error
        if steps.header is None:
            raise BackendError(f"{engine.name}'s step log is empty; its log: {server.log}")
        self.header: Header = steps.header
        self._read_to = steps.end
        self._log_begin = 0

    def switch(self, scheduler: str) -> None:
        """Have a fresh scheduler decide, with an empty prefix cache; a run begins.

        Raises:
            BackendError: the engine does not take it, does not come to rest, or is gone.
        """
        self._log_begin = self.server.log.stat().st_size
        deadline = time.monotonic() + SWITCH_LIMIT_S
        while True:
            asked_at = len(self._said())
            status, answer = self._ask({REQUEST_KEY: scheduler}, f"switch-{uuid.uuid4().hex}")
            if status != 200:
                raise BackendError(f"{self._engine.name} answers {status}: {answer[:500]}")
            if self._has_switched(asked_at):
                return
            refused = _REFUSED.search(self._said())
            if refused or time.monotonic() > deadline:
                reason = refused[1] if refused else f"it still runs requests of before: {scheduler}"
                raise BackendError(
                    f"{self._engine.name} keeps its scheduler: {reason}; its log: {self.server.log}"
                )
            time.sleep(BUSY_POLL_S)

    def steps_of_run(self, marker: str) -> Steps:
        """What the engine did since the last switch, once all of it is in the log.

        A last tiny request tells: when the log has its first batch, it has everything before it. A
        server that does not answer it is stopped.

        Args:
            marker: its id, one that no other request had.
        """
        try:
            answered = self._ask({}, marker)[0] == 200
        except BackendError:
            answered = False
        deadline = time.monotonic() + (LOG_LIMIT_S if answered else DEATH_LIMIT_S)
        while time.monotonic() < deadline:
            steps = read_steps(self._step_log, self._read_to)
            if any(marker in request_id for request_id in steps.first_scheduled_s):
                return steps
            if not self.server.is_running:
                break
            time.sleep(POLL_S)
        if not answered:
            self.server.stop()
        return read_steps(self._step_log, self._read_to)

    def failure(self) -> str:
        """Why the server ended in this run, as far as its log tells."""
        return self.server.failure(self._log_begin)

    def _has_switched(self, asked_at: int) -> bool:
        """Whether the last request to switch was followed; what comes after it is the run's."""
        deadline = time.monotonic() + SWITCH_TRY_S
        while time.monotonic() < deadline:
            steps = read_steps(self._step_log, self._read_to)
            if steps.first_switch_end is not None:
                self._read_to = steps.first_switch_end
                return True
            said = self._said()[asked_at:]
            if _BUSY.search(said) or _REFUSED.search(said):
                return False
            time.sleep(POLL_S)
        return False

    def _said(self) -> str:
        with self.server.log.open("rb") as file:
            file.seek(self._log_begin)
            return file.read().decode("utf-8", errors="replace")

    def _ask(self, said: Mapping[str, Any], name: str) -> tuple[int, str]:
        body: dict[str, Any] = {
            "model": self._model,
            "prompt": [ANY_TOKEN_ID] * 4,
            "max_tokens": 1,
            "temperature": 0,
        }
        body |= self._engine.body_fields(said, name)
        try:
            return self.server.request("/v1/completions", body, request_id=name)
        except OSError as error:
            why = self.failure() if not self.server.is_running else str(error)
            raise BackendError(f"{self._engine.name} does not answer: {why}") from error
