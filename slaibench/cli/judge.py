"""The command that judges a scheduler against another, and its table."""

from __future__ import annotations

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
from slaibench.cli.options import (
    SERVED,
    EngineOptions,
    LoadOptions,
    RunOptions,
    TargetOptions,
)
from slaibench.cli.progress import progress
from slaibench.cli.shell import (
    EXIT_NO,
    err,
    fail,
    out,
    print_about,
    print_hint,
    print_json,
    print_line,
    refuse_invalid,
    running,
    usage,
)
from slaibench.cli.spec_options import SpecOptions
from slaibench.cli.terminal import DIM, shown
from slaibench.measure.regression import ChangeVerdict
from slaibench.rates import parse_rates
from slaibench.report.files import check_file, write_text
from slaibench.report.judge import words
from slaibench.report.judge.markdown import markdown as markdown_of
from slaibench.report.regress.words import TABLE_MARKS, change
from slaibench.report.table import Cell, Heading, Row, Table
from slaibench.spec.serving import BackendPart
from slaibench.studies.judge import study
from slaibench.studies.judge.artefact import ArtefactRow
from slaibench.studies.judge.design import DEFAULT_SEEDS, SLO, default_metrics
from slaibench.studies.judge.result import JudgeResult
from slaibench.studies.regression.baseline import DEFAULT_MARGIN
from slaibench.studies.regression.result import Row as Judged

_judged, _output = (
    partial(typer.Option, rich_help_panel=panel) for panel in ("What is judged", "What comes out")
)
COLUMNS = (
    Heading("reference"),
    Heading("change"),
    Heading("interval, %", is_text=True),
    Heading("MDE"),
    Heading("verdict", is_text=True, folds=True),
)
GIVEN = (Heading("as given"), Heading("of it the mode"), Heading("the scheduler"))
RATE, METRIC = Heading("req/s"), Heading("metric", is_text=True, folds=True)


class JudgeServingOptions(SpecOptions, part=BackendPart, panel=SERVED, without=("backend",)):
    """On what, in whose time; which backend, the command says itself."""


@dataclass(frozen=True, slots=True)
class RuleOptions:
    """What is compared, by which rule."""

    metric: Annotated[
        list[str] | None,
        _judged(
            help=f"May be given several times. Default: {', '.join(default_metrics())}.",
        ),
    ] = None
    margin: Annotated[
        float,
        _judged(help="Largest relative change that does not matter: within it both are the same."),
    ] = DEFAULT_MARGIN
    fail_if_worse: Annotated[
        bool, _judged("--fail-if-worse", help="End with status 1 where any verdict is worse.")
    ] = False


@expanded
def judge(
    candidate: Annotated[str, typer.Argument(help="The scheduler that is judged.")],
    reference: Annotated[
        str | None,
        typer.Argument(
            help=f"The one it is compared with. Default: {study.STOCK}, the engine's own as it is "
            f"shipped ({study.SIMULATED_STOCK} with --backend sim)."
        ),
    ] = None,
    rates: Annotated[
        str,
        typer.Option(
            help="Requests a second: start:stop[:step] or a list. Default: 50, 75 and 90 % of what "
            f"the reference carries within {SLO}, or --slo."
        ),
    ] = options.DEFAULT_RATES,
    seeds: Annotated[int, typer.Option(help="Pairs of runs at each rate.", min=2)] = DEFAULT_SEEDS,
    backend: Annotated[
        str, typer.Option(help="As of a sweep.", rich_help_panel=SERVED)
    ] = study.BACKEND,
    markdown: Annotated[
        Path | None, _output(help="File for a summary in Markdown, as of a pull request.")
    ] = None,
    *,
    rule: RuleOptions,
    serving: JudgeServingOptions,
    engine: EngineOptions,
    load: LoadOptions,
    targets: TargetOptions,
    run_options: RunOptions,
) -> None:
    """A scheduler against stock, or another: better, worse, same, cannot tell; one error rate.

    Both see the same requests, in the same mode. Status 0 whatever the verdict.
    """
    with usage(options.OPTION_OF):
        spec = options.given(serving, engine, load, targets)
        spec |= {"backend": backend, "num_seeds": seeds, "rates": parse_rates(rates)}
        check_file(markdown, "--markdown")
        plan = study.plan(
            candidate,
            reference,
            spec,
            run_options.results,
            metrics=rule.metric or (),
            margin=rule.margin,
            jobs=run_options.jobs,
            fresh=run_options.fresh,
        )
    print_hint(f"judge: {plan.design.in_words}", err)
    with running(), progress("judge", plan) as on_cell:
        result = study.run(plan, on_cell)
    if run_options.as_json:
        print_json(result.to_json())
    else:
        _print(result)
        print_hint(f"recordings: {run_options.results}")
    if markdown is not None:
        with running():
            write_text(markdown, markdown_of(result))
    refuse_invalid(result.cells)
    if rule.fail_if_worse and result.of(ChangeVerdict.WORSE):
        raise fail(words.headline(result), EXIT_NO)


def _print(result: JudgeResult) -> None:
    if not result.identical:
        out.print(table(result))
    print_line(words.headline(result))
    if result.as_given:
        out.print(given_table(result))
    for line in (*words.artefact(result), *words.confirmation(result)):
        print_line(line)
    print_about(words.about(result))


def table(result: JudgeResult) -> RenderableType:
    """A block a load, a row a metric."""
    groups = groupby(result.rows, key=lambda row: row.rate_rps)
    blocks = tuple((f"{rate:g}", tuple(map(_row, rows))) for rate, rows in groups)
    legend = Text(f"reference: {result.reference}; change: to {result.candidate}", style=DIM)
    drawn = Table("", "", "", COLUMNS, blocks, by=RATE, head=METRIC)
    return Group(*shown(drawn), legend)


def given_table(result: JudgeResult) -> RenderableType:
    """The change with both as given, what of it is the mode, and what the scheduler."""
    groups = groupby(result.as_given, key=lambda row: row.rate_rps)
    blocks = tuple((f"{rate:g}", tuple(map(_given, rows))) for rate, rows in groups)
    return Group(*shown(Table("", "", "", GIVEN, blocks, by=RATE, head=METRIC)))


def _row(row: Judged) -> Row:
    numbers = (
        words.sides(row)[0],
        change(row),
        words.interval(row),
        words.detectable(row),
    )
    verdict = Cell(
        words.verdict(row), mark=TABLE_MARKS.get(row.verdict, ""), detail=words.reason(row)
    )
    return Row(row.words, (*map(Cell, numbers), verdict))


def _given(row: ArtefactRow) -> Row:
    return Row(row.words, tuple(map(Cell, words.artefact_cells(row))))
