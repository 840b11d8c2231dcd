"""How many cells run at a time, and where."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from slaibench.machine.hardware import num_cores
from slaibench.spec import Device
from slaibench.studies.prepared import PreparedStudy


class ExecutorName(StrEnum):
    """Where cells run."""

    LOCAL = "local"
    RAY = "ray"


@dataclass(frozen=True, slots=True)
class OnRay:
    """Cells on a Ray cluster that is there already, rather than on this machine.

    Args:
        jobs: cells at a time; None: as many as the cluster has room for.
        address: of the cluster: ``host:port``; ``local``: one that is started for this process,
            on this machine; None: ``RAY_ADDRESS``, or the one that runs on this machine.
        gpus: GPUs that a cell of an engine on ``--device cuda`` takes.
    """

    jobs: int | None = None
    address: str | None = None
    gpus: float = 1.0


Jobs = int | OnRay | None
"""Cells at a time on this machine (None: one a core), or on a Ray cluster."""


def default_jobs() -> int:
    """As many as this process may use cores."""
    return num_cores()


def local_jobs(prepared: PreparedStudy, jobs: int | None) -> int:
    """How many cells run at a time on this machine.

    Raises:
        ValueError: more than one is asked for where runs must not share the machine.
    """
    if not prepared.system.one_at_a_time:
        return jobs or default_jobs()
    if jobs is not None and jobs > 1:
        raise ValueError(
            f"--jobs {jobs}: these runs take the machine's own time, and would slow each other "
            "down: leave --jobs out"
        )
    return 1


@dataclass(frozen=True, slots=True)
class Share:
    """What a cell takes of a cluster while it runs."""

    cpus: float
    gpus: float


def share_of(prepared: PreparedStudy, on: OnRay) -> Share:
    """What a cell of this study takes of a cluster: a core, and a GPU where it computes on one.

    Raises:
        ValueError: its times are those of a CPU or of somebody's server, which nothing on a
            cluster keeps for it alone.
    """
    if not prepared.system.one_at_a_time:
        return Share(cpus=1.0, gpus=0.0)
    if prepared.spec.device is Device.CUDA:
        return Share(cpus=1.0, gpus=on.gpus)
    raise ValueError(
        "--executor ray: these runs take the time of this machine's CPU or of a server, which a "
        "cluster does not keep for one cell: leave --executor out, or give --device cuda or "
        "emulated"
    )
