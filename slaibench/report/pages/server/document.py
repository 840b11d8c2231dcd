"""The document of a page of a search on a server that is there already."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from slaibench.recording import store
from slaibench.report.document import PageDocument, RunEntry, RunFacts, run_facts
from slaibench.report.pages.capacity.document import Probe, probe_of
from slaibench.report.recordings import entry
from slaibench.studies.chosen_rates import keeps
from slaibench.studies.executors import CellResult
from slaibench.studies.forms import PacedForm
from slaibench.studies.paced_result import PacedResult
from slaibench.studies.targets import Targets


class Level(Probe):
    """A run of the search: its seed, for how long load was planned and came, whether it was one
    about the boundary, whether nothing spoke against its rate, requests that failed or timed out,
    and what ended it before its time."""

    seed: int
    planned_s: float | None
    lasted_s: float
    is_long: bool
    held: bool
    failed: int
    stopped: str | None


class ServerRun(RunEntry):
    """A recording, and whether it is of a run about the boundary."""

    is_long: bool


class ServerNumbers(PacedForm):
    """A result, with its runs in the order in which they were made."""

    place: str
    model: str
    workload: str
    workload_note: str
    recorded_by: str
    served: RunFacts
    tiers: Mapping[str, float]
    levels: list[Level]
    runs: list[ServerRun]


class ServerDocument(PageDocument, ServerNumbers):
    """The whole document."""


def server_numbers(result: PacedResult, folder: Path) -> ServerNumbers:
    """The numbers of a page.

    Args:
        folder: where it will lie.

    Raises:
        RecordingError: a recording's run.json cannot be read.
    """
    targets = Targets.of(result.spec)
    first = result.cells[0]
    run = store.read_run(first.folder)
    long = {cell.folder for cell in result.long}
    return {
        **result.to_json(),
        "place": first.cell.place,
        "model": first.cell.model,
        "workload": first.cell.workload,
        "workload_note": run.get("workload", {}).get("note", ""),
        "recorded_by": first.cell.slaibench_version,
        "served": run_facts(run),
        "tiers": {tier.name: tier.tbt_slo_s for tier in targets.tiers},
        "levels": [_level(targets, cell, cell.folder in long) for cell in result.cells],
        "runs": [{**entry(cell, folder), "is_long": cell.folder in long} for cell in result.cells],
    }


def _level(targets: Targets, result: CellResult, is_long: bool) -> Level:
    summary, cell = result.summary, result.cell
    counts = summary.metrics.counts
    return {
        **probe_of(targets, cell.rate_rps, targets.levels([summary]), [summary]),
        "seed": cell.seed,
        "planned_s": cell.horizon_s,
        "lasted_s": summary.metrics.stop_s,
        "is_long": is_long,
        "held": keeps(targets, [summary]),
        "failed": counts.failed + counts.timed_out,
        "stopped": summary.stopped_early,
    }
