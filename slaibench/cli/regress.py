"""The command that compares a specification's results with a baseline, and its table."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from slaibench.cli import options
from slaibench.cli.expand import expanded
from slaibench.cli.options import EngineOptions, LoadOptions, ServingOptions, TargetOptions
from slaibench.cli.progress import progress
from slaibench.cli.shell import (
    EXIT_NO,
    EXIT_USAGE,
    err,
    fail,
    out,
    print_json,
    print_line,
    running,
    usage,
)
from slaibench.cli.terminal import shown
from slaibench.cli.tracking import Experiment, track, tracker_of
from slaibench.measure.regression import ChangeVerdict
from slaibench.rates import parse_rates
from slaibench.report.files import check_file, write_text
from slaibench.report.regress import words
from slaibench.report.regress.github import annotation_lines
from slaibench.report.regress.github import markdown as markdown_of
from slaibench.report.regress.junit import junit as junit_of
from slaibench.report.table import Cell, Heading, Table
from slaibench.report.table import Row as Line
from slaibench.studies.regression import baseline as baselines
from slaibench.studies.regression import metrics as metrics_of_runs
from slaibench.studies.regression import study
from slaibench.studies.regression.result import RegressResult, Row

_judged, _output = (
    partial(typer.Option, rich_help_panel=panel) for panel in ("What is judged", "What comes out")
)
COLUMNS = (
    Heading("before"),
    Heading("after"),
    Heading("change"),
    Heading("90 % interval", is_text=True),
    Heading("verdict", is_text=True, folds=True),
)


@dataclass(frozen=True, slots=True)
class BaselineOptions:
    """Against what, by which rule."""

    update: Annotated[
        bool, _judged("--update", help="Write the baseline anew, and say what changed.")
    ] = False
    against: Annotated[
        str | None,
        _judged(
            help="Run another side in turns instead of using stored numbers: a Python (its file or "
            "its environment's folder), a git ref, or another server's URL."
        ),
    ] = None
    margin: Annotated[
        float | None,
        _judged(
            help="Largest relative change that does not matter. Default: the baseline's, or "
            f"{baselines.DEFAULT_MARGIN:g}."
        ),
    ] = None
    metric: Annotated[
        list[str] | None,
        _judged(
            help="May be given several times. Default: the baseline's, or "
            f"{', '.join(metrics_of_runs.defaults())}."
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """Where the outcome is written."""

    junit: Annotated[Path | None, _output(help="File for JUnit XML.")] = None
    markdown: Annotated[Path | None, _output(help="File for a summary in Markdown.")] = None
    annotations: Annotated[
        bool | None,
        _output(
            help="Lines that GitHub shows beside the job. Default: where GITHUB_ACTIONS is set."
        ),
    ] = None
    results: Annotated[
        Path | None, _output(help="Folder of the recordings. Default: they are not kept.")
    ] = None
    jobs: Annotated[
        int | None,
        _output("--jobs", "-j", help="Cells run at a time. Default: all cores, or 1.", min=1),
    ] = None
    as_json: options.Json = False


@expanded
def regress(
    baseline: Annotated[Path, typer.Option(help="Folder of the baseline.")],
    rates: Annotated[
        str | None, typer.Option(help="start:stop[:step] or a list. Default: the baseline's.")
    ] = None,
    scheduler: Annotated[
        list[str] | None,
        typer.Option(
            "--scheduler", "-s", help="May be given several times. Default: the baseline's."
        ),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            help=f"Replicates. Default: the baseline's, or {baselines.DEFAULT_SEEDS}.", min=1
        ),
    ] = None,
    url: Annotated[str | None, typer.Option(help="A server that is there already.")] = None,
    *,
    judging: BaselineOptions,
    output: OutputOptions,
    serving: ServingOptions,
    engine: EngineOptions,
    load: LoadOptions,
    targets: TargetOptions,
    mlflow: Experiment = None,
) -> None:
    """Run a baseline's specification again: worse, better, no difference shown, cannot tell.

    Options of the specification replace the baseline's. Status 1 only for worse.
    """
    with usage(options.OPTION_OF):
        spec = options.given(serving, engine, load, targets)
        spec |= {"schedulers": tuple(scheduler)} if scheduler else {}
        spec |= {"rates": parse_rates(rates)} if rates else {}
        spec |= {"num_seeds": seeds} if seeds else {}
        spec |= {"backend": "endpoint", "url": url} if url else {}
        for file, option in ((output.junit, "--junit"), (output.markdown, "--markdown")):
            check_file(file, option)
        plan = study.plan(
            baseline,
            output.results,
            update=judging.update,
            other=judging.against,
            margin=judging.margin,
            names=judging.metric or (),
            jobs=output.jobs,
            **spec,
        )
        to = tracker_of(mlflow)
    with running(EXIT_USAGE, kept=False), progress("regress") as on_cell:
        result = study.run(plan, on_cell)
    _show(result, output)
    track(to, "regress", result.spec, result.to_json(), (), result.in_words)
    if result.invalid and (judging.update or not result.worse):
        unwritten = " (no baseline was written)" if judging.update else ""
        raise fail(f"a run is no measurement{unwritten}: {result.invalid[0]}", EXIT_USAGE)
    if judging.update:
        console = err if output.as_json else out
        print_line(f"baseline: {baseline}", console)
    elif result.worse:
        raise fail(words.headline(result), EXIT_NO)


def _show(result: RegressResult, output: OutputOptions) -> None:
    if output.as_json:
        print_json(result.to_json())
    else:
        if result.rows:
            out.print(table(result))
        for line in (words.headline(result), *words.about(result)):
            print_line(line)
    with running(EXIT_USAGE, kept=False):
        if output.junit is not None:
            write_text(output.junit, junit_of(result))
        if output.markdown is not None:
            write_text(output.markdown, markdown_of(result))
    annotate = output.annotations
    if annotate if annotate is not None else bool(os.environ.get("GITHUB_ACTIONS")):
        stream = sys.stderr if output.as_json else sys.stdout
        for line in annotation_lines(result):
            print(line, file=stream)


def table(result: RegressResult) -> RenderableType:
    """A block a scheduler, a row a metric and rate; what is identical is only counted."""
    parts: list[RenderableType] = []
    for scheduler in dict.fromkeys(row.scheduler for row in result.rows):
        rows = [row for row in result.rows if row.scheduler == scheduler]
        moved = [row for row in rows if row.verdict is not ChangeVerdict.IDENTICAL]
        same = len(rows) - len(moved)
        title = f"{scheduler}: {same} of {len(rows)} identical" if same else scheduler
        parts.append(Text(title, style="bold"))
        if moved:
            parts += shown(_table(moved))
    return Group(*parts)


def _table(rows: list[Row]) -> Table:
    groups = groupby(rows, key=lambda row: row.rate_rps)
    return Table(
        "",
        "",
        "",
        COLUMNS,
        tuple((f"{rate:g}", tuple(map(_line, same))) for rate, same in groups),
        by=Heading("req/s"),
        head=Heading("metric", is_text=True),
    )


def _line(row: Row) -> Line:
    numbers = (
        words.value(row, row.before),
        words.value(row, row.after),
        words.change(row),
        words.interval(row),
    )
    mark = words.TABLE_MARKS.get(row.verdict, "")
    verdict = Cell(row.verdict.value, mark=mark, detail=words.detail(row))
    return Line(row.words, (*map(Cell, numbers), verdict))
