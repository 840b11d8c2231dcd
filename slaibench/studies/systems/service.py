"""A venue's backend, kept from one run to the next."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slaibench.backends.base import Backend
    from slaibench.studies.systems.base import SystemUnderTest


class Service:
    """Opens a venue's backend when it is first asked for, and closes it.

    Sent to another process, it opens one of its own there.

    Args:
        venue: whose.
        logs: folder for what an engine says; None: a temporary one.
    """

    def __init__(self, system: SystemUnderTest, logs: Path | None = None) -> None:
        self._system, self._logs = system, logs
        self._backend: Backend | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a backend."""
        return self._backend is not None

    def backend(self) -> Backend:
        """The open backend.

        Raises:
            BackendError: it cannot be had.
        """
        if self._backend is None:
            logs = self._logs or Path(tempfile.gettempdir()) / "slaibench-logs"
            self._backend = self._system.open(logs)
        return self._backend

    def close(self) -> None:
        """Let go of the backend, if there is one; the next call of ``backend`` opens another."""
        backend, self._backend = self._backend, None
        if backend is not None:
            backend.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return Service, (self._system, self._logs)
