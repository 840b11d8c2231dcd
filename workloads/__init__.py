"""What arrives: requests with due times, lengths and tiers. Imports nothing of ours outside."""

from slaibench.workloads.arrivals import ArrivalKind, ArrivalProcess, due_times
from slaibench.workloads.errors import WorkloadError
from slaibench.workloads.generate import fingerprint, generate, prompt_token_ids
from slaibench.workloads.lengths import Lengths, LengthSource, summarize
from slaibench.workloads.registry import WorkloadEntry, available, default_workload, resolve
from slaibench.workloads.request import Request
from slaibench.workloads.table import TableSource
from slaibench.workloads.table_file import read_table
from slaibench.workloads.tiers import DEFAULT_TIERS, Tier, parse_tiers

__all__ = [
    "DEFAULT_TIERS",
    "ArrivalKind",
    "ArrivalProcess",
    "LengthSource",
    "Lengths",
    "Request",
    "TableSource",
    "Tier",
    "WorkloadEntry",
    "WorkloadError",
    "available",
    "default_workload",
    "due_times",
    "fingerprint",
    "generate",
    "parse_tiers",
    "prompt_token_ids",
    "read_table",
    "resolve",
    "summarize",
]
