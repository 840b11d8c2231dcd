"""A backend that is used here and closed elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from slaibench.backends.base import Backend, RunOutput, RunSettings
from slaibench.schedulers.base import Scheduler
from slaibench.workloads.request import Request


class Lent:
    """Runs what it is given (``slaibench.backends.base.Backend``) and stays up when closed.

    Args:
        on_close: told when it is.
    """

    def __init__(self, backend: Backend, on_close: Callable[[], None] = lambda: None) -> None:
        self._backend = backend
        self._on_close = on_close

    def open(self, logs: Path) -> Self:
        """It runs already."""
        return self

    def run(
        self, requests: Sequence[Request], scheduler: Scheduler, settings: RunSettings
    ) -> RunOutput:
        return self._backend.run(requests, scheduler, settings)

    def close(self) -> None:
        """Leave it running."""
        self._on_close()
