"""In which mode batches were decided: asynchronously, or each after the one before."""

from __future__ import annotations

from collections.abc import Sequence

from slaibench.backends.vllm.stock import SYNCHRONOUS_CLASS
from slaibench.studies.executors import CellResult


def mode(asynchronous: bool) -> str:
    """The mode in a word, after ``scheduled``."""
    return "asynchronously" if asynchronous else "synchronously"


def is_asynchronous(result: CellResult) -> bool:
    """Whether a run's batches were decided while the ones before ran.

    In vLLM a class may be unable to, whose run is in the asynchronous loop all the same.
    """
    cannot = any(SYNCHRONOUS_CLASS in note for note in result.summary.notes)
    return result.cell.async_scheduling and not cannot


def mode_warnings(cells: Sequence[CellResult]) -> tuple[str, ...]:
    """Which schedulers ran in which mode, where they have none in common; empty: they have."""
    by_scheduler: dict[str, set[bool]] = {}
    for result in cells:
        by_scheduler.setdefault(result.cell.scheduler, set()).add(is_asynchronous(result))
    by_mode = {
        asynchronous: [who for who, own in by_scheduler.items() if own == {asynchronous}]
        for asynchronous in (True, False)
    }
    if not all(by_mode.values()):
        return ()
    who = "; ".join(f"{mode(own)}: {', '.join(names)}" for own, names in by_mode.items())
    return (
        f"scheduled in different modes ({who}): what differs between them is the mode's as well; "
        "--no-async-scheduling runs all in one mode, and slaibench judge tells the shares apart",
    )
