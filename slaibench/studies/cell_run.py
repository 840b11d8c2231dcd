"""One run of a cell: its requests are served, and ``run.json`` says how."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol
from urllib.parse import urlsplit

import numpy as np

from slaibench.backends.base import BackendError, Progress, RunOutput, RunSettings
from slaibench.machine.watch import Seen, Watch
from slaibench.measure.half_open import ramp_s
from slaibench.measure.steady import Steadiness, early_verdict
from slaibench.recording.record import SCHEMA_VERSION
from slaibench.recording.store import spec_hash
from slaibench.schedulers.base import Scheduler, SchedulerError
from slaibench.schedulers.contained import failure, is_interrupt
from slaibench.schedulers.engine_default import is_shipped
from slaibench.spec import CellSpec, Device, StudySpec
from slaibench.studies.code import Code
from slaibench.studies.systems.base import Facts, Service, SystemUnderTest
from slaibench.studies.validity import FAILED_SHARE
from slaibench.version import __version__
from slaibench.workloads.request import Request
from slaibench.workloads.schedule import check_schedule


class Origin(Protocol):
    """Where the lengths of a run's requests come from: a ``LengthSource``, or a file."""

    @property
    def name(self) -> str:
        """What the user writes to have them."""

    @property
    def note(self) -> str:
        """One line for the output."""


GUARD_EVERY_S = 1.0
"""How often a guarded run is looked at."""
THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})


def serve(
    cell: CellSpec, requests: Sequence[Request], scheduler: Scheduler, service: Service
) -> RunOutput:
    """Serve a cell's requests.

    Raises:
        BackendError, SchedulerError: the run cannot be had; the message names the cell.
    """
    try:
        check_schedule(requests, cell.concurrency)
    except ValueError as error:
        raise BackendError(f"{cell.words}: {error}") from error
    settings = RunSettings(
        scheduler=cell.scheduler,
        seed=cell.seed,
        horizon_s=cell.horizon_s,
        stop=partial(saturated_early, ramp_s(requests)) if cell.early_stop else None,
        concurrency=cell.concurrency,
    )
    if cell.concurrency is not None:
        # Refusals come at once, and a client that goes on at once would use up all requests.
        settings = replace(settings, most_failures=int(FAILED_SHARE * cell.num_requests))
    if cell.guard is not None:
        settings = replace(
            settings,
            stop=partial(queues_up, cell.guard["most_in_system"]),
            stop_every_s=GUARD_EVERY_S,
            most_failures=cell.guard["most_failures"],
        )
    try:
        return service.backend().run(requests, scheduler, settings)
    except BackendError as error:
        raise BackendError(f"{cell.words}: {error}") from error
    except SchedulerError as error:
        raise SchedulerError(f"{cell.words}: {error}") from error
    except BaseException as error:
        if is_shipped(scheduler) or is_interrupt(error):
            raise
        # A user's scheduler may fail in any way at all; what it said is all that helps.
        raise SchedulerError(f"{cell.words}: {failure(error)}") from error


def watch_of(spec: StudySpec, *, running: bool) -> Watch:
    """What looks for disturbances while a cell of a study takes real time.

    Args:
        running: whether the system under test is started already.
    """
    host = urlsplit(spec.url or "").hostname
    return Watch(
        gpu=spec.device is Device.CUDA,
        fresh=not running,
        alone=host not in THIS_MACHINE and host != socket.gethostname().lower(),
    )


def queues_up(most_in_system: int, progress: Progress) -> str | None:
    """Stop rule of a guarded run: the reason, once more requests are in the system."""
    inside = len(progress.due_s) - int(np.isfinite(progress.left_s).sum())
    if inside <= most_in_system:
        return None
    return (
        f"requests queue up, stopped at {progress.now_s:.0f} s: {inside} waiting or served, more "
        f"than {most_in_system}"
    )


def saturated_early(least_fill_s: float, progress: Progress) -> str | None:
    """Stop rule: the reason, once it is certain that the run is saturated.

    Args:
        least_fill_s: as ``early_verdict``.
    """
    verdict = early_verdict(
        progress.due_s, progress.first_s, progress.left_s, progress.now_s, least_fill_s
    )
    if verdict.state is not Steadiness.GROWING:
        return None
    return f"saturated, stopped at {progress.now_s:.0f} s: {verdict.reason}"


def run_json(
    cell: CellSpec,
    output: RunOutput,
    seen: Seen | None,
    *,
    scheduler: str,
    system: SystemUnderTest,
    code: Code,
    source: Origin,
) -> Facts:
    """The facts of one run.

    Args:
        output: what the backend measured, and says of itself; it goes before what the system knew
            without it.
        seen: what was noticed on the machine meanwhile; None: under a virtual clock, nothing is.
        scheduler: the scheduler's own name.
        source: where the lengths come from.
    """
    spec = cell.spec()
    by_system, by_backend = system.facts(), dict(output.facts)
    versions = {"slaibench": __version__, **by_system.pop("versions", {})}
    return {
        "schema_version": SCHEMA_VERSION,
        "spec": spec,
        "spec_hash": spec_hash(spec),
        "commit": code.commit,
        "scheduler": {"name": scheduler, "options": cell.scheduler_options},
        "backend": {
            "name": cell.backend,
            "device": spec["device"],
            "clock": by_backend.pop("clock", spec["clock"]),
        },
        "profile": None,
        "workload": {"name": source.name, "note": source.note},
        "convention": cell.convention.value,
        "kv_blocks": cell.kv_blocks,
        "block_size": cell.block_size,
        "end_s": output.end_s,
        "stopped_early": output.stopped_early,
        "notes": [*system.notes(output), *output.notes, *(seen.notes if seen else ())],
        **({"steadiness": seen.facts} if seen else {}),
        **({"invalid": output.invalid} if output.invalid else {}),
        **by_system,
        "hardware": {**by_system.get("hardware", {}), **by_backend.pop("hardware", {})},
        "versions": {**versions, **by_backend.pop("versions", {})},
        **by_backend,
    }
