"""A cell's place on disk: found there, or run and kept."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from slaibench.recording import store
from slaibench.recording.record import Recording
from slaibench.spec import CellSpec
from slaibench.studies.prepared import PreparedStudy
from slaibench.studies.systems.table import describe_run

LOGS = "logs"
"""Folder beside the recordings: what engines say."""
Summarize = Callable[[Recording], Any]
"""What the parent wants of a recording; computed where the recording is at hand."""
More = Callable[[], Sequence[CellSpec]]
"""Says which cells are wanted beside those that run already."""


def no_more() -> Sequence[CellSpec]:
    """None are."""
    return ()


@dataclass(frozen=True, slots=True)
class CellResult:
    """A cell that is on disk.

    Args:
        folder: its recording.
        summary: what the study keeps of it.
        reused: whether it was there already.
        stale: whether it was there as other code recorded it, which does not count.
        damage: why what was there had to be replaced; None: nothing had.
        took_s: seconds that it took to run; None: it was not run, or not here.
    """

    cell: CellSpec
    folder: Path
    summary: Any
    reused: bool
    stale: bool = False
    damage: str | None = None
    took_s: float | None = field(default=None, compare=False)


@dataclass(frozen=True)
class CellWork:
    """What cells are run for, and where they are kept; it can be sent to worker processes.

    Args:
        fresh: record again what is on disk.
    """

    prepared: PreparedStudy
    results: Path
    summarize: Summarize
    fresh: bool
    _listed: dict[Path, dict[str, list[Path]]] = field(
        default_factory=dict, init=False, compare=False
    )

    def obtain(self, cell: CellSpec) -> CellResult:
        """A cell from disk if it is there and whole, else by running it here.

        Raises:
            RecordingError: what is there is another run's or of another version, or cannot be
                written.
            BackendError, SchedulerError: the run cannot be had.
        """
        damage = None
        begun = time.monotonic()
        try:
            result = self.from_disk(cell)
            if result is not None:
                return result
        except store.DamagedRecordingError as error:
            damage = error.wrong
        recording = self.prepared.run(cell)
        result = self.keep(cell, recording, self.summarize(recording), damage)
        return replace(result, took_s=time.monotonic() - begun)

    def is_there(self, cell: CellSpec) -> bool:
        """Whether a cell is on disk, and may be taken from there."""
        return not self.fresh and _is_there(cell_folder(self.results, cell))

    def from_disk(self, cell: CellSpec) -> CellResult | None:
        """A cell that is on disk; None: it has to be run. What was no measurement of an endpoint
        says nothing about the next time.

        Raises:
            DamagedRecordingError: what is there is damaged, or was spoiled by somebody else: it has
                to be run, and replaced.
            RecordingError: what is there is another run's, or of another version.
        """
        if not self.is_there(cell):
            return None
        folder = cell_folder(self.results, cell)
        recording = _read(folder, cell)
        if "invalid" in recording.run:
            raise store.DamagedRecordingError(
                f"{str(folder)!r} is no measurement", recording.run["invalid"]
            )
        summary = measured(recording, self.summarize)
        if cell.url is not None and getattr(summary, "invalid", None) is not None:
            return None
        return CellResult(cell, folder, summary, reused=True)

    def keep(
        self, cell: CellSpec, recording: Recording, summary: Any, damage: str | None
    ) -> CellResult:
        """Store what was run.

        Args:
            damage: what is wrong with the recording that is there; None: nothing, or there is none.

        Raises:
            RecordingError: it cannot be written.
        """
        folder = cell_folder(self.results, cell)
        # Whoever runs an endpoint's cell that is there has found it to be no measurement.
        replace = self.fresh or damage is not None or cell.url is not None
        stale = not replace and self._is_there_by_other_code(folder, cell)
        # Another process may have recorded the same cell meanwhile. What it wrote stays; by
        # invariant 4 it is the same.
        store.write(recording, folder, replace=replace)
        return CellResult(cell, folder, summary, reused=False, stale=stale, damage=damage)

    def _is_there_by_other_code(self, folder: Path, cell: CellSpec) -> bool:
        """Whether there is the same cell, as other code than today's recorded it."""
        for other in self._beside(folder):
            try:
                if cell.asks_the_same(CellSpec.model_validate(store.read_run(other)["spec"])):
                    return True
            except (store.RecordingError, KeyError, TypeError, ValueError):
                continue
        return False

    def _beside(self, folder: Path) -> list[Path]:
        """Other folders of a name that differs in the hash only, as they were when any was looked
        for: to list thousands of recordings once for each takes longer than to make them."""
        parent = folder.parent
        if parent not in self._listed:
            by_name: dict[str, list[Path]] = {}
            for other in parent.iterdir() if parent.is_dir() else ():
                by_name.setdefault(_without_hash(other), []).append(other)
            self._listed[parent] = by_name
        same_name = self._listed[parent].get(_without_hash(folder), ())
        return [other for other in same_name if other != folder]


def measured(recording: Recording, summarize: Summarize) -> Any:
    """What is wanted of a recording that was found on disk.

    Raises:
        DamagedRecordingError: what it says is not what a run leaves; its hashes may fit, as they
            were when somebody changed it.
    """
    try:
        describe_run(recording.run)
        str(recording.run.get("workload", {}).get("note", ""))
        return summarize(recording)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise store.DamagedRecordingError(
            f"{recording.path!r} is damaged", f"it cannot be measured: {error}"
        ) from error


def cell_folder(results: Path, cell: CellSpec) -> Path:
    """Where a cell's recording lies: readable names, made unique by the specification's hash."""
    place = dict.fromkeys((*cell.system.split(":"), cell.place, cell.model))
    load = "rate" if cell.concurrency is None else "clients"
    name = f"{load}{cell.level:g}-seed{cell.seed}-{store.spec_hash(cell.spec())}"
    parts = "-".join(map(_file_name, place))
    return results / parts / _file_name(cell.scheduler) / name


def _file_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.=_-]+", "_", text)[-80:].strip("_")


def _is_there(folder: Path) -> bool:
    return (folder / store.RUN).exists()


def _without_hash(folder: Path) -> str:
    return folder.name.rpartition("-")[0]


def _read(folder: Path, cell: CellSpec) -> Recording:
    """Load the recording of a cell; another one that lies there is refused, never replaced."""
    recording = store.read(folder)
    if recording.run.get("spec") != cell.spec():
        raise store.RecordingError(
            f"{str(folder)!r} holds another run than its name says; remove the folder to have "
            "it recorded again"
        )
    return recording
