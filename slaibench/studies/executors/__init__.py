"""Cells run side by side, in this process, in processes of this machine, or on a Ray cluster; what
is on disk already is not run again."""

from slaibench.studies.executors.cells import (
    LOGS,
    CellResult,
    Summarize,
    cell_folder,
    measured,
)
from slaibench.studies.executors.executor import Executor, jobs_for, open_executor
from slaibench.studies.executors.jobs import ExecutorName, Jobs, OnRay, default_jobs, local_jobs

__all__ = [
    "LOGS",
    "CellResult",
    "Executor",
    "ExecutorName",
    "Jobs",
    "OnRay",
    "Summarize",
    "cell_folder",
    "default_jobs",
    "jobs_for",
    "local_jobs",
    "measured",
    "open_executor",
]
