"""The contract of an executor, and the plainest one: this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from slaibench.spec import CellSpec
from slaibench.studies.executors.cells import CellResult, Work


class Executor(Protocol):
    """Where cells run. What serves is kept from cell to cell, until it is closed or left."""

    def run(self, cells: Sequence[CellSpec]) -> Iterator[CellResult]:
        """Every cell once, in order of completion; those on disk are read.

        Raises:
            RecordingError, BackendError, SchedulerError: of the first cell that fails.
        """

    def close(self) -> None:
        """Let go of everything; nothing runs any more."""

    def leave(self) -> None:
        """The same at once, whatever runs: it is not worth waiting for. Nothing half-written can be
        mistaken for a recording, since recordings appear by rename."""


class InProcess:
    """One cell after the other, in this process."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def run(self, cells: Sequence[CellSpec]) -> Iterator[CellResult]:
        return map(self._work.obtain, cells)

    def close(self) -> None:
        self._work.prepared.close()

    def leave(self) -> None:
        self.close()
