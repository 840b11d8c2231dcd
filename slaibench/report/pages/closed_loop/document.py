"""The numbers on a page of closed loops."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from slaibench.recording import store
from slaibench.report.document import PageDocument, ProfileEntry, RunEntry, RunFacts, run_facts
from slaibench.report.numbers import estimate, page_point
from slaibench.report.recordings import entry
from slaibench.report.study_document import PageEstimate, PointNumbers
from slaibench.spec import SpecForm
from slaibench.studies.closed_result import ClosedResult, LoopForm
from slaibench.studies.operating_point import tier_slos

ByClients = Mapping[str, Mapping[str, PageEstimate]]
"""An estimate by scheduler and number of clients."""


class ClosedNumbers(PointNumbers):
    """``points`` and all that is by scheduler: by number of clients, as a text. ``per_client`` are
    output tokens a second; ``changes``, by what changes, are against ``reference``, which is None
    where nothing is compared."""

    spec: SpecForm
    reference: str | None
    about: str
    warnings: list[str]
    workload: str
    workload_note: str
    place: str
    model: str
    venue: str
    recorded_by: str
    served: RunFacts
    profile: ProfileEntry | None
    schedulers: list[str]
    per_client: ByClients
    loops: Mapping[str, Mapping[str, LoopForm]]
    changes: Mapping[str, ByClients]
    runs: list[RunEntry]


class ClosedDocument(PageDocument, ClosedNumbers):
    """The whole document."""


CHANGED = {
    "ttft_p50": "median TTFT",
    "ttft_p99": "P99 TTFT",
    "output_tokens": "output tokens/s",
}
"""What changes, in words."""


def closed_numbers(result: ClosedResult, folder: Path) -> ClosedNumbers:
    """The numbers of a page.

    Args:
        folder: where it will lie.

    Raises:
        RecordingError: a recording's run.json cannot be read.
    """
    first = result.cells[0]
    run = store.read_run(first.folder)
    names = list(result.spec.schedulers)
    return {
        "spec": result.spec.to_json(),
        "reference": names[0] if result.compares else None,
        "about": result.about,
        "warnings": list(result.warnings),
        "workload": first.cell.workload,
        "workload_note": run.get("workload", {}).get("note", ""),
        "place": first.cell.place,
        "model": first.cell.model,
        "venue": first.cell.system,
        "recorded_by": first.cell.slaibench_version,
        "served": run_facts(run),
        "profile": run.get("profile"),
        "schedulers": names,
        "tiers": tier_slos(point.measured for point in result.points),
        "points": {
            name: {str(p.concurrency): page_point(p.measured, {}) for p in result.of(name)}
            for name in names
        },
        "per_client": {
            name: {str(p.concurrency): estimate(p.tokens_per_s_per_client) for p in result.of(name)}
            for name in names
        },
        "loops": {
            name: {str(point.concurrency): point.loop for point in result.of(name)}
            for name in names
        },
        "changes": {
            what: {
                name: {
                    str(change.concurrency): estimate(getattr(change, what))
                    for change in result.changes
                    if change.scheduler == name
                }
                for name in names[1:]
            }
            for what in (CHANGED if result.compares else ())
        },
        "runs": [entry(cell, folder) for cell in result.cells],
    }
