"""Commands over what is on disk: results, report, verify."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.text import Text

from slaibench.cli import closed_loop, options
from slaibench.cli.shell import (
    EXIT_NO,
    err,
    fail,
    index_pages,
    out,
    print_json,
    print_line,
    running,
    usage,
)
from slaibench.cli.tables import sweep_tables
from slaibench.cli.terminal import listed
from slaibench.recording import store
from slaibench.report.table import Heading
from slaibench.report.template import INDEX
from slaibench.report.words import plural
from slaibench.studies import closed_from_disk, from_disk
from slaibench.studies.prepared import CLOSED

if TYPE_CHECKING:
    from slaibench.report.verify import Verification
    from slaibench.spec import CellSpec

STUDY = ("where", "workload", "arrivals", "convention")
ORDER = (*STUDY, "scheduler", "rate_rps", "concurrency", "seed", "requests", "folder")
ResultsArgument = Annotated[Path, typer.Argument(help="Folder of recordings, or one recording.")]


def results(
    folder: ResultsArgument = options.RESULTS_FOLDER, as_json: options.Json = False
) -> None:
    """List the recordings of a folder; those of another version, and damaged ones, are named and
    not read."""
    with usage():
        recordings = _folders(folder)
    rows, skipped = _readable(recordings)
    rows.sort(key=lambda row: tuple(row[key] for key in ORDER))
    if as_json:
        print_json(rows)
    else:
        out.print(_results_table(rows, folder))
    _report_skipped(skipped)
    _report_unsealed(rows)
    if skipped and not rows:
        raise fail(f"no recording in {str(folder)!r} can be read", EXIT_NO)


def _readable(recordings: Sequence[Path]) -> tuple[list[dict[str, Any]], list[str]]:
    """A row for each recording, and why the others cannot be read."""
    rows, skipped = [], []
    for path in recordings:
        try:
            run = store.check(path)
            cell = from_disk.cell_of(run, path)
        except store.RecordingError as error:
            skipped.append(str(error))
            continue
        rows.append(
            {
                "folder": str(path),
                "scheduler": cell.scheduler,
                "model": cell.model,
                "gpu": cell.gpu,
                "backend": cell.system,
                "where": f"{cell.model} on {cell.place} ({cell.system})",
                "workload": cell.workload,
                "arrivals": cell.arrivals,
                "rate_rps": cell.rate_rps if cell.concurrency is None else None,
                "concurrency": cell.concurrency,
                "seed": cell.seed,
                "convention": cell.convention.value,
                "requests": cell.num_requests,
                "end_s": _number(run.get("end_s")),
                "stopped_early": _text(run.get("stopped_early")),
                "overload": cell.overload is not None,
                "code": cell.code_fingerprint,
                "commit": _text(run.get("commit")),
            }
        )
    return rows, skipped


def _number(value: Any) -> float | None:
    """What a run.json says, where it is a number; else None."""
    is_number = isinstance(value, int | float) and abs(value) <= sys.float_info.max
    return float(value) if is_number else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _report_skipped(messages: Sequence[str]) -> None:
    for message in messages:
        err.print(f"[yellow]not read:[/] {escape(message)}", highlight=False, soft_wrap=True)


def _report_unsealed(rows: Sequence[dict[str, Any]]) -> None:
    old = sum(row["code"] is None for row in rows)
    if old:
        verb = "is" if old == 1 else "are"
        err.print(
            f"[yellow]{plural(old, 'recording')} {verb} of before recordings had hashes and "
            "knew their code: read as they are[/]",
            highlight=False,
            soft_wrap=True,
        )


def _results_table(rows: Sequence[dict[str, Any]], folder: Path) -> RenderableType:
    """A table for each model, GPU, workload and so on, so that names need no column of theirs."""
    parts: list[RenderableType] = [
        Text(f"{plural(len(rows), 'recording')} in {folder}", style="bold")
    ]
    for names, group in groupby(rows, key=lambda row: tuple(row[key] for key in STUDY)):
        title = f"{', '.join(names)} conventions"
        lines = [
            (
                row["scheduler"],
                f"{row['concurrency'] or row['rate_rps']:g}",
                str(row["seed"]),
                f"{row['requests']:,}",
                "-" if row["end_s"] is None else f"{row['end_s']:,.0f} s",
                _purpose(row),
            )
            for row in group
        ]
        load = "clients" if names[STUDY.index("arrivals")] == CLOSED else "req/s"
        numbers = map(Heading, (load, "seed", "requests", "ended after"))
        parts.append(listed(title, (*numbers, ""), lines, head="scheduler"))
    return Group(*parts)


def _purpose(row: dict[str, Any]) -> str:
    """What a recording is besides a point of a study."""
    if row["overload"]:
        return "under overload"
    return "saturated, stopped" if row["stopped_early"] else ""


def report(
    folder: ResultsArgument = options.RESULTS_FOLDER,
    slo: options.Slo = None,
    reports: options.Reports = options.REPORTS_FOLDER,
    focus_rate: Annotated[
        float | None, typer.Option(help="Rate whose distributions are shown in detail.")
    ] = None,
    capacity: Annotated[
        bool, typer.Option("--capacity", help="Write the page of a search for capacities.")
    ] = False,
) -> None:
    """Write a page for each study found among the recordings."""
    with usage():
        if capacity and focus_rate is not None:
            raise ValueError(
                f"--focus-rate {focus_rate:g} goes with the page of a sweep: leave it out"
            )
        rows, skipped = _readable(_folders(folder))
        readable = [Path(row["folder"]) for row in rows]
        groups = from_disk.group_cells(readable)
        loops = closed_from_disk.closed_groups(readable)
        options.check_reports(reports)
    _report_skipped([*skipped, *from_disk.left_out(readable, groups)])
    _report_unsealed(rows)
    pages = 0
    for cells in groups.values():
        with usage():
            try:
                result = from_disk.gather(cells, slo, lambda error: _report_skipped([str(error)]))
            except store.DamagedRecordingError:
                continue  # all of them are, and that was reported
        pages += 1
        with running(), usage():
            from slaibench.report.pages.capacity.page import PAGE, gathered  # noqa: PLC0415
            from slaibench.report.pages.study import write_report  # noqa: PLC0415

            if capacity:
                files = PAGE.write(gathered(result), reports)
            else:
                files = write_report(result, reports, focus_rate=focus_rate)
        out.print(sweep_tables(result, out.width))
        print_line(f"report: {files.html}")
    pages += _report_closed(loops, slo, reports)
    if not pages:
        raise fail(f"no recording in {str(folder)!r} can be read", EXIT_NO)
    index_pages(reports)


def _report_closed(
    groups: Sequence[Sequence[tuple[CellSpec, Path]]], slo: str | None, reports: Path
) -> int:
    """Write a page for each study of closed loops; returns how many there are."""
    from slaibench.report.pages.closed_loop.page import PAGE  # noqa: PLC0415

    pages = 0
    for cells in groups:
        with usage():
            try:
                result = closed_from_disk.gather_closed(
                    cells, slo, lambda error: _report_skipped([str(error)])
                )
            except store.DamagedRecordingError:
                continue
        with running(), usage():
            files = PAGE.write(result, reports)
        out.print(closed_loop.table(result))
        print_line(f"report: {files.html}")
        pages += 1
    return pages


def verify(
    pages: Annotated[
        list[Path],
        typer.Argument(metavar="PAGE...", help="Report pages (.html); their index is left out."),
    ],
    as_json: options.Json = False,
) -> None:
    """Recompute every number and drawing of a report from its recordings; status 1 if one differs,
    or if recordings are absent."""
    from slaibench.report.verify import verify as recompute  # noqa: PLC0415

    # A shell's *.html names the index as well.
    several = [page for page in pages if page.name != INDEX] if len(pages) > 1 else pages
    with usage():
        outcomes = {page: recompute(page) for page in several}
    if as_json:
        documents = [{"page": str(page), **o.to_json()} for page, o in outcomes.items()]
        print_json(documents[0] if len(documents) == 1 else documents)
    failed: list[SystemExit] = []
    for page, outcome in outcomes.items():
        before = f"{page}: " if len(outcomes) > 1 else ""
        for line in () if as_json else _verified(outcome):
            print_line(f"{before}{line}")
        if message := _failure(page, outcome):
            failed.append(fail(message, EXIT_NO))
    if failed:
        raise failed[0]


def _failure(page: Path, outcome: Verification) -> str:
    """Why a page is not true, or cannot be told; empty where it is."""
    if outcome.mismatches:
        differences = plural(len(outcome.mismatches), "difference")
        return f"other numbers: {differences} in {str(page)!r}"
    if outcome.num_absent:
        return (
            f"recordings absent: {outcome.num_absent} of {outcome.num_recordings} are not where "
            f"{str(page)!r} looks for them; this makes them again:\n{outcome.again}"
        )
    return ""


def _verified(outcome: Verification) -> Iterator[str]:
    """What came of it, but for what ends the command."""
    yield from map(str, outcome.mismatches)
    yield from outcome.notes
    if outcome.ok:
        yield (
            f"{outcome.checked} numbers recomputed from {outcome.num_recordings} recordings: all "
            "the same."
        )
    if outcome.code:
        yield (
            f"other code: the recordings are by {outcome.code}. What this code gives: "
            f"{outcome.again}"
        )


def _folders(folder: Path) -> list[Path]:
    """Recordings under a folder.

    Raises:
        ValueError: there is none.
    """
    if not folder.exists():
        raise ValueError(f"no folder {str(folder)!r}; run slaibench sweep first, or name another")
    recordings = list(store.find_runs(folder))
    if not recordings:
        raise ValueError(f"no recordings in {str(folder)!r}; run slaibench sweep first")
    return recordings
