"""Cells run side by side, in this process, in processes of this machine, or on a Ray cluster; what
is on disk already is not run again."""

from slaibench.study.pool.cells import LOGS, CellResult, Digest, cell_folder, measured, obtain
from slaibench.study.pool.jobs import ExecutorName, Jobs, OnRay, default_jobs, jobs_for, local_jobs
from slaibench.study.pool.pool import Pool

__all__ = [
    "LOGS",
    "CellResult",
    "Digest",
    "ExecutorName",
    "Jobs",
    "OnRay",
    "Pool",
    "cell_folder",
    "default_jobs",
    "jobs_for",
    "local_jobs",
    "measured",
    "obtain",
]
