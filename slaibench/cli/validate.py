"""The command that compares backends with each other, and its table."""

from __future__ import annotations

import math
from functools import partial
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from slaibench.cli import options
from slaibench.cli.expand import expanded
from slaibench.cli.options import EngineOptions, LoadOptions, PageOptions, RunOptions
from slaibench.cli.progress import progress
from slaibench.cli.run import DEFAULT_SCHEDULERS
from slaibench.cli.shell import (
    EXIT_NO,
    fail,
    out,
    print_hint,
    print_json,
    print_line,
    running,
    usage,
    write_page,
)
from slaibench.cli.terminal import DIM, metric_title, shown
from slaibench.cli.validate_log import (
    BETWEEN,
    RATES,
    SEEDS,
    CrosscheckOptions,
    ValidationOptions,
    validate_against,
)
from slaibench.measure.catalogue import metric_of
from slaibench.report.table import STRONG, Cell, Heading, Row, Table, grid
from slaibench.report.words import UNSERVED, plain_change, plain_number, plain_share, plural
from slaibench.studies.crosscheck import study as validate_study
from slaibench.studies.crosscheck.agreement import AgreementVerdict, Difference
from slaibench.studies.crosscheck.study import CrosscheckResult, Match

BEYOND = "!"


@expanded
def validate(
    between: Annotated[
        str,
        typer.Option(
            help="Backends; the first is compared with the others: "
            "sim,vllm[:DEVICE],sglang[:DEVICE]."
        ),
    ] = BETWEEN,
    rates: options.Rates = RATES,
    scheduler: options.Schedulers = None,
    seeds: options.Seeds = SEEDS,
    *,
    against: ValidationOptions,
    engine: EngineOptions,
    load: LoadOptions,
    run_options: RunOptions,
    page: PageOptions,
) -> None:
    """The same requests on several backends, or on the simulator and in a run of an engine's: how
    far they agree; status 1 beyond the tolerances."""
    with usage():
        against_a_run = against.given
    if against_a_run:
        unused = CrosscheckOptions(between, rates, seeds, load)
        validate_against(against, scheduler, engine, unused, as_json=run_options.as_json)
        return
    with usage(options.OPTION_OF):
        names = [name.strip() for name in between.split(",")]
        spec = options.study(scheduler or DEFAULT_SCHEDULERS, seeds, rates, engine, load)
        plan = validate_study.plan(
            spec, names, run_options.results, jobs=run_options.jobs, fresh=run_options.fresh
        )
        options.check_reports(page.folder)
    with running(), progress("validate") as on_cell:
        result = validate_study.run(plan, on_cell)
    if run_options.as_json:
        print_json(result.to_json())
    else:
        out.print(tables(result))
        for swept in result.sweeps:
            print_hint(swept.about)
        for warning in result.warnings:
            print_line(f"warning: {warning}")
        print_hint(f"workload: {result.sweeps[0].workload_note}; recordings: {run_options.results}")
    _report(result, page, run_options.as_json)
    if not result.ok:
        raise fail(failing(result), EXIT_NO)


def _report(result: CrosscheckResult, page: PageOptions, as_json: bool) -> None:
    if page.folder is None:
        return
    from slaibench.report.pages.crosscheck import PAGE  # noqa: PLC0415
    from slaibench.report.pages.crosscheck.subject import make_crosscheck  # noqa: PLC0415

    write_page(partial(PAGE.write, make_crosscheck(result), page.folder), as_json=as_json)


def failing(result: CrosscheckResult) -> str:
    """What does not agree, in a sentence."""
    places = [f"{m.scheduler} at {m.rate_rps:g} requests/s ({m.other})" for m in result.beyond]
    rows = plural(len(result.matches), "row")
    return f"{len(places)} of {rows} beyond tolerance or invalid: {', '.join(places)}"


def tables(result: CrosscheckResult) -> RenderableType:
    """A table for each scheduler and backend: a row a rate, with both values and their change."""
    spec = result.sweeps[0].spec
    seeds = plural(spec.num_seeds, "seed")
    parts: list[RenderableType] = [
        Text(f"{spec.model}, {seeds} a rate, {spec.convention.value} conventions", style="bold")
    ]
    groups = dict.fromkeys((match.other, match.scheduler) for match in result.matches)
    for other, scheduler in groups:
        matches = [m for m in result.matches if (m.other, m.scheduler) == (other, scheduler)]
        parts += shown(_table(f"{scheduler}: {other} against {result.reference}", matches))
    return Group(*parts, Text("\n" + _legend(result), style=DIM))


def _table(title: str, matches: list[Match]) -> Table:
    names = list(dict.fromkeys(name for match in matches for name in match.agreement.differences))
    rows = []
    for match in matches:
        differences = match.agreement.differences
        cells = [
            _cell(name, differences[name]) if name in differences else Cell("") for name in names
        ]
        rows.append(
            Row(
                f"{match.rate_rps:g}\n\n{match.agreement.verdict.value}",
                (*cells, Cell(f"{match.agreement.num_pairs:,}")),
                mark="" if match.agreement.verdict.ok else STRONG,
            )
        )
    headings = [_heading(name, matches) for name in names]
    return grid("", title, "", [*headings, "n"], rows, head=Heading("req/s"))


def _heading(name: str, matches: list[Match]) -> str:
    """What a column holds, with its tolerance below."""
    tolerance = matches[0].agreement.differences[name].tolerance
    return f"{metric_title(name)}\n{'' if tolerance is None else f'± {tolerance:.0%}'}"


def _cell(name: str, difference: Difference) -> Cell:
    """The reference's value, the other's, and the change; marked when beyond its tolerance."""
    reference, other = (_value(name, value) for value in (difference.reference, difference.other))
    change = "" if difference.change is None else plain_change(difference.change)
    if difference.change == 0:
        change = "same"
    return Cell(reference, (other, f"{change}{BEYOND if difference.within is False else ''}"))


def _value(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    if math.isinf(value):
        return UNSERVED
    metric, _ = metric_of(name)
    if metric.unit == "share":
        return plain_share(value)
    return f"{value:,.0f}" if metric.total else plain_number(value)


def _legend(result: CrosscheckResult) -> str:
    lines = [
        f"each row: {result.reference}, the other, and the change from one to the other; TTFT and "
        "TBT in seconds",
        "n: requests whose TTFT both measured; percentiles over all seeds, counts summed",
        "-: n too small, or not reported",
        f"{BEYOND}: beyond the tolerance in the heading; columns without one have no verdict",
    ]
    if any(match.agreement.verdict is AgreementVerdict.IDENTICAL for match in result.matches):
        lines.append("identical: the same batches, and every token, at the same times")
    return "\n".join(lines)
