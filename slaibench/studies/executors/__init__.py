"""Cells run side by side, in this process, in processes of this machine, or on a Ray cluster; what
is on disk already is not run again."""

from slaibench.studies.executors.cells import (
    LOGS,
    CellResult,
    Summarize,
    cell_folder,
    measured,
    obtain,
)
from slaibench.studies.executors.jobs import (
    ExecutorName,
    Jobs,
    OnRay,
    default_jobs,
    jobs_for,
    local_jobs,
)
from slaibench.studies.executors.pool import Pool

__all__ = [
    "LOGS",
    "CellResult",
    "ExecutorName",
    "Jobs",
    "OnRay",
    "Pool",
    "Summarize",
    "cell_folder",
    "default_jobs",
    "jobs_for",
    "local_jobs",
    "measured",
    "obtain",
]
