"""Options of every command that runs cells: where, and how many at a time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated

import typer

from slaibench.studies.executors import ExecutorName, Jobs, OnRay

KEPT = "Running and keeping"
"""Panel of a command's help."""
_kept = partial(typer.Option, rich_help_panel=KEPT)


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """Where cells run, and how many at a time."""

    num_jobs: Annotated[
        int | None,
        _kept(
            "--jobs",
            "-j",
            help="Cells run at a time. Default: all cores; 1 where the clock is real.",
            min=1,
        ),
    ] = None
    executor: Annotated[
        ExecutorName,
        _kept(help="Where cells run: processes of this machine, or a Ray cluster."),
    ] = ExecutorName.LOCAL
    ray_address: Annotated[
        str | None,
        _kept(
            help="host:port of the Ray cluster; local: one that is started for this command. "
            "Default: RAY_ADDRESS, or the one that runs on this machine."
        ),
    ] = None
    ray_gpus: Annotated[
        float,
        _kept(help="GPUs that a cell with --device cuda takes on a Ray cluster.", min=0.01),
    ] = 1.0

    @property
    def jobs(self) -> Jobs:
        """How many cells run at a time, and where.

        Raises:
            ValueError: a cluster is described that is not asked for.
        """
        if self.executor is ExecutorName.RAY:
            return OnRay(self.num_jobs, self.ray_address, self.ray_gpus)
        if self.ray_address is not None:
            raise ValueError(
                f"--ray-address {self.ray_address} goes with --executor ray, which is not given"
            )
        return self.num_jobs
