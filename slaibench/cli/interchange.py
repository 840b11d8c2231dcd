"""Commands that read and write result files of other load generators: import, export."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from slaibench.cli import options
from slaibench.cli.shell import print_json, print_line, usage
from slaibench.cli.workers import KEPT
from slaibench.machine import atomic_write
from slaibench.recording import store
from slaibench.report.words import plain_number, plural
from slaibench.studies.systems.imported import BACKEND, TBT_SLO_S, UNKNOWN, Labels


class Format(StrEnum):
    """Whose result file."""

    VLLM_BENCH = "vllm-bench"
    AIPERF = "aiperf"


def import_(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Result JSON of vllm bench serve (--save-result --save-detailed), or "
            "profile_export.jsonl of AIPerf."
        ),
    ],
    label: Annotated[
        str, typer.Option(help="What the server's scheduler is called in tables and pages.")
    ] = BACKEND,
    model: Annotated[str | None, typer.Option(help="Model. Default: what the file says.")] = None,
    workload: Annotated[
        str, typer.Option(help="What the requests are called; runs of one name make one study.")
    ] = BACKEND,
    hardware: Annotated[str, typer.Option(help="What ran.")] = UNKNOWN,
    tbt_slo: Annotated[
        float, typer.Option(help="Seconds between tokens that tbt targets by tier compare with.")
    ] = TBT_SLO_S,
    results: Annotated[
        Path, typer.Option(help="Folder of the recordings.", rich_help_panel=KEPT)
    ] = options.RESULTS_FOLDER,
    as_json: options.Json = False,
) -> None:
    """Make recordings of runs that vllm bench serve or AIPerf measured.

    slaibench report then shows them, with intervals and targets.
    """
    from slaibench.studies.interchange.imported import import_files  # noqa: PLC0415

    with usage():
        labels = Labels(label, model, workload, hardware, tbt_slo)
        folders = import_files(files, labels, results)
        runs = [store.read_run(folder) for folder in folders]
    rows = [
        {
            "folder": str(folder),
            "scheduler": run["spec"]["scheduler"],
            "rate_rps": run["spec"]["rate_rps"],
            "requests": run["spec"]["num_requests"],
            "notes": run["notes"],
        }
        for folder, run in zip(folders, runs, strict=True)
    ]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        size = plural(row["requests"], "request")
        rate = plain_number(row["rate_rps"])
        print_line(f"{row['scheduler']} at {rate} requests/s, {size}: {row['folder']}")
    for note in dict.fromkeys(note for row in rows for note in row["notes"]):
        print_line(f"note: {note}")
    print_line(f"slaibench report {results} makes a page of them")


def export(
    recording: Annotated[Path, typer.Argument(help="Folder of one recording.")],
    file_format: Annotated[
        Format, typer.Option("--format", help="Whose result file to write.")
    ] = Format.VLLM_BENCH,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write. Default: standard output.")
    ] = None,
) -> None:
    """Write a recording as a result file of vllm bench serve or AIPerf, by their definitions."""
    from slaibench.studies.interchange import aiperf, vllm_bench  # noqa: PLC0415

    with usage():
        run = store.read(recording)
        if not run.requests.finished.any():
            raise ValueError(f"{str(recording)!r} has no finished request: nothing to export")
        text = (
            json.dumps(vllm_bench.written(run), allow_nan=False) + "\n"
            if file_format is Format.VLLM_BENCH
            else aiperf.written(run)
        )
        if output is not None:
            atomic_write.write_whole(output, text)
    if output is None:
        sys.stdout.write(text)
