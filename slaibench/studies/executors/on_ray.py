"""Cells on a Ray cluster: workers there run them, this process stores what comes back."""

from __future__ import annotations

import os
import pickle
import shutil
import tempfile
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from slaibench.backends.base import BackendError
from slaibench.backends.engines.subprocess_backend import ERRORS, Failure
from slaibench.machine.hardware import device_name
from slaibench.machine.source import package_fingerprint
from slaibench.recording.store import DamagedRecordingError
from slaibench.schedulers.base import SchedulerError
from slaibench.spec import CellSpec, Device
from slaibench.studies.executors.cells import CellResult, CellWork, More, Summarize, no_more
from slaibench.studies.executors.cluster import connected, room
from slaibench.studies.executors.jobs import OnRay, Share
from slaibench.studies.prepared import PreparedStudy
from slaibench.studies.scheduler_info import file_of

MOST_LOSSES = 3
"""Workers that one cell may take down with it (for want of memory, say) before it is given up."""
CLOSE_LIMIT_S = 30.0
"""An engine of a worker has so long to end by itself."""


@dataclass(frozen=True)
class RayOrder:
    """What a worker needs to know once.

    Args:
        code: fingerprint of the driver's slaibench; other code makes other recordings.
        folder: the driver's working directory, to which relative paths belong.
        files: users' schedulers, by the path that names them.
    """

    code: str
    folder: str
    files: Mapping[str, bytes]
    prepared: PreparedStudy
    summarize: Summarize


class Worker:
    """Runs cells in a process of the cluster. It writes no recording: it may be on a machine that
    does not see the results folder."""

    def __init__(self) -> None:
        self._order: RayOrder | None = None
        self._root: Path | None = None

    def start(self, order: RayOrder) -> Failure | None:
        """Get ready; returns why this worker is of no use."""
        self._order = order
        where = f"Ray worker on {os.uname().nodename}"
        if package_fingerprint() != order.code:
            return Failure(
                BackendError.__name__,
                f"{where}: another slaibench is installed there than here, and would make other "
                "recordings: install the same one on every node",
            )
        # Relative paths mean the same here as for whoever wrote them, and disturb nobody's files.
        self._root = Path(tempfile.mkdtemp(prefix="slaibench-ray-"))
        folder = self._root / Path(order.folder).relative_to("/")
        folder.mkdir(parents=True)
        os.chdir(folder)
        for name, text in order.files.items():
            path = Path(name)
            if not path.is_absolute():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(text)
            elif not path.is_file() or path.read_bytes() != text:
                return Failure(
                    BackendError.__name__,
                    f"{where} has no such file as {name!r} here: name it by a relative path, then "
                    "it is sent along",
                )
        return None

    def run(self, cell: CellSpec) -> bytes | Failure:
        """A cell's recording, its summary and the seconds it took, pickled: as objects of the
        cluster's store they would stay in it for as long as the study looks at them."""
        assert self._order is not None
        prepared = self._order.prepared
        begun = time.monotonic()
        try:
            if cell.device is Device.CUDA and (here := device_name("cuda")) != cell.hardware:
                raise BackendError(
                    f"this cell is to be measured on {cell.hardware}, and {os.uname().nodename} "
                    f"has {here}"
                )
            recording = prepared.run(cell)
        except (BackendError, SchedulerError) as error:
            return Failure(type(error).__name__, str(error))
        summary = self._order.summarize(recording)
        return pickle.dumps((recording, summary, time.monotonic() - begun))

    def stop(self) -> None:
        """Let go of the system under test."""
        if self._order is not None:
            self._order.prepared.close()
        if self._root is not None:
            os.chdir("/")
            shutil.rmtree(self._root, ignore_errors=True)


class RayWorkers:
    """Workers on a cluster (``slaibench.studies.executors.executor.Executor``).

    Each is an actor that holds its share of the cluster, and its engine, from cell to cell. One
    that is lost, with its process or with its machine, is replaced, and its cell is run again.

    Args:
        share: what a worker takes.

    Raises:
        ValueError: there is no such cluster, or no room in it.
    """

    def __init__(self, work: CellWork, on: OnRay, share: Share) -> None:
        self._work = work
        self._ray = connected(on)
        self._most = on.jobs or room(self._ray, share)
        self._kind = self._ray.remote(
            num_cpus=share.cpus, num_gpus=share.gpus, max_restarts=0, max_task_retries=0
        )(Worker)
        self._order: Any = None
        self._idle: list[Any] = []
        self._busy: dict[Any, tuple[Any, CellSpec | None]] = {}
        """By what is waited for: the worker, and its cell; without one it is starting."""
        self._losses: Counter[tuple[str, float, int] | None] = Counter()

    def run(self, cells: Sequence[CellSpec], more: More = no_more) -> Iterator[CellResult]:
        there: deque[CellSpec] = deque()
        waiting: deque[CellSpec] = deque()
        damages: dict[tuple[str, float, int], str] = {}

        def take(cells: Sequence[CellSpec]) -> None:
            for cell_spec in cells:
                (there if self._work.is_there(cell_spec) else waiting).append(cell_spec)

        take(cells)
        while there or waiting or any(cell is not None for _, cell in self._busy.values()):
            self._hand_out(waiting)
            if there:
                recorded, result = there.popleft(), None
                try:
                    result = self._work.from_disk(recorded)
                except DamagedRecordingError as error:
                    damages[recorded.key] = error.wrong
                if result is None:
                    waiting.append(recorded)
                else:
                    yield result
                    take(more())
                continue
            (done,), _ = self._ray.wait(list(self._busy), num_returns=1)
            worker, cell = self._busy.pop(done)
            try:
                reply = self._ray.get(done)
            except self._lost as error:
                self._replace(worker, cell, error)
                if cell is not None:
                    waiting.appendleft(cell)
                continue
            if isinstance(reply, Failure):
                raise ERRORS[reply.kind](reply.text)
            self._idle.append(worker)
            self._losses[None if cell is None else cell.key] = 0
            self._hand_out(waiting)  # before this process is busy with storing
            if cell is not None:
                recording, summary, took_s = pickle.loads(reply)
                kept = self._work.keep(cell, recording, summary, damages.get(cell.key))
                yield replace(kept, took_s=took_s)
                take(more())

    def close(self) -> None:
        idle, self._idle = self._idle, []
        ending = [worker.stop.remote() for worker in idle]
        if ending:
            self._ray.wait(ending, num_returns=len(ending), timeout=CLOSE_LIMIT_S)
        self._end(*idle)
        self.leave()

    def leave(self) -> None:
        self._end(*self._idle, *(worker for worker, _ in self._busy.values()))
        self._idle, self._busy = [], {}

    @property
    def _lost(self) -> tuple[type[Exception], ...]:
        """Errors that mean: a worker, its machine, or what it handed back is gone."""
        errors = self._ray.exceptions
        return (
            errors.RayActorError,
            errors.WorkerCrashedError,
            errors.NodeDiedError,
            errors.OutOfMemoryError,
            errors.ObjectLostError,
        )

    def _hand_out(self, waiting: deque[CellSpec]) -> None:
        """Give idle workers a cell each, and start more where there is room."""
        while waiting and self._idle:
            worker, cell = self._idle.pop(), waiting.popleft()
            self._busy[worker.run.remote(cell)] = worker, cell
        starting = sum(cell is None for _, cell in self._busy.values())
        while len(self._busy) < self._most and starting < len(waiting):
            worker = self._kind.remote()
            self._busy[worker.start.remote(self._sent())] = worker, None
            starting += 1

    def _sent(self) -> Any:
        """What workers must know, put into the cluster once."""
        if self._order is None:
            prepared = self._work.prepared
            files = {
                str(path): path.read_bytes()
                for path in map(file_of, prepared.spec.schedulers)
                if path
            }
            self._order = self._ray.put(
                RayOrder(
                    package_fingerprint(), str(Path.cwd()), files, prepared, self._work.summarize
                )
            )
        return self._order

    def _replace(self, worker: Any, cell: CellSpec | None, error: Exception) -> None:
        """Make sure that a lost worker is gone.

        Raises:
            BackendError: too many were lost at the same place.
        """
        self._end(worker)
        key = None if cell is None else cell.key
        self._losses[key] += 1
        if self._losses[key] < MOST_LOSSES:
            return
        said = [line for line in str(error).splitlines() if line.strip()]
        reason = said[-1].strip() if said else type(error).__name__
        if cell is None:
            raise BackendError(
                f"no worker comes up on the Ray cluster ({reason}): is this slaibench installed on "
                "every node?"
            ) from error
        raise BackendError(
            f"{cell.words}: {MOST_LOSSES} Ray workers died one after the other, most likely for "
            f"want of memory ({reason})"
        ) from error

    def _end(self, *workers: Any) -> None:
        for worker in workers:
            with suppress(self._ray.exceptions.RayError, ValueError):
                self._ray.kill(worker)
