"""Commands over what is on disk: results, report, verify."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from slaibench.cli import options, render
from slaibench.cli.shell import EXIT_NO, err, fail, out, print_json, running, usage
from slaibench.recording import store
from slaibench.spec import DEFAULT_SLO
from slaibench.study import gather as gathering

ResultsArgument = Annotated[Path, typer.Argument(help="Folder of recordings, or one recording.")]


def results(
    folder: ResultsArgument = options.RESULTS_FOLDER, as_json: options.Json = False
) -> None:
    """List the recordings of a folder; those of another version are named, not read."""
    with usage():
        found = list(_folders(folder))
    rows = []
    skipped = []
    for path in found:
        try:
            cell = gathering.read_cell(path)
        except store.RecordingError as error:
            skipped.append(str(error))
            continue
        run = store.read_run(path)
        rows.append(
            {
                "folder": str(path),
                "scheduler": cell.scheduler,
                "model": cell.model,
                "gpu": cell.gpu,
                "backend": cell.backend,
                "workload": cell.workload,
                "rate_rps": cell.rate_rps,
                "seed": cell.seed,
                "convention": cell.convention.value,
                "requests": cell.num_requests,
                "end_s": run["end_s"],
                "stopped_early": run["stopped_early"],
            }
        )
    if as_json:
        print_json(json.dumps(rows, indent=1))
    else:
        table = Table(title=f"{len(rows)} recordings in {folder}")
        for heading in ("model", "GPU", "workload", "scheduler"):
            table.add_column(heading)
        for heading in ("req/s", "seed", "requests", "ended at", ""):
            table.add_column(heading, justify="right")
        for row in rows:
            table.add_row(
                *(escape(str(row[key])) for key in ("model", "gpu", "workload", "scheduler")),
                f"{row['rate_rps']:g}",
                str(row["seed"]),
                str(row["requests"]),
                f"{row['end_s']:.0f} s",
                "saturated, stopped" if row["stopped_early"] else "",
            )
        out.print(table)
    for message in skipped:
        err.print(f"[yellow]not read:[/] {escape(message)}", highlight=False, soft_wrap=True)
    if skipped and not rows:
        raise fail(f"no recording in {str(folder)!r} can be read", EXIT_NO)


def report(
    folder: ResultsArgument = options.RESULTS_FOLDER,
    slo: options.Slo = DEFAULT_SLO,
    reports: options.Reports = options.REPORTS_FOLDER,
    focus_rate: Annotated[
        float | None, typer.Option(help="Rate whose distributions are shown in detail.")
    ] = None,
) -> None:
    """Write a page for each study found among the recordings."""
    with usage():
        groups = gathering.group_cells(list(_folders(folder)))
    for cells in groups.values():
        with usage():
            result = gathering.gather(cells, slo)
        with running():
            from slaibench.report.page import write_report  # noqa: PLC0415

            files = write_report(result, reports, focus_rate=focus_rate)
        out.print(render.sweep_table(result))
        out.print(f"report: {files.html}", highlight=False, soft_wrap=True)


def verify(
    page: Annotated[Path, typer.Argument(help="A report page (.html).")],
    as_json: options.Json = False,
) -> None:
    """Recompute every number of a report from its recordings; status 1 if one differs."""
    from slaibench.report.verify import verify as recompute  # noqa: PLC0415

    with usage():
        outcome = recompute(page)
    mismatches = outcome.mismatches
    if as_json:
        print_json(
            json.dumps(
                {"checked": outcome.checked, "mismatches": [str(each) for each in mismatches]},
                indent=1,
            )
        )
    elif not mismatches:
        out.print(
            f"{outcome.checked} numbers recomputed from their recordings: all the same.",
            highlight=False,
        )
    else:
        for each in mismatches:
            out.print(escape(str(each)), highlight=False, soft_wrap=True)
    if mismatches:
        raise fail(f"{len(mismatches)} of {outcome.checked} numbers differ", EXIT_NO)


def _folders(folder: Path) -> list[Path]:
    """Recordings under a folder.

    Raises:
        ValueError: there is none.
    """
    if not folder.exists():
        raise ValueError(f"no folder {str(folder)!r}; run slaibench sweep first, or name another")
    found = list(store.find_runs(folder))
    if not found:
        raise ValueError(f"no recordings in {str(folder)!r}; run slaibench sweep first")
    return found
