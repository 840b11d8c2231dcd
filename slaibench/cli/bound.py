"""The command that prints the capacity bound and how close schedulers come to it."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from slaibench.cli import options
from slaibench.cli.bound_tables import tables
from slaibench.cli.expand import expanded
from slaibench.cli.options import (
    EngineOptions,
    LoadOptions,
    PageOptions,
    RunOptions,
    ServingOptions,
)
from slaibench.cli.progress import progress
from slaibench.cli.sentences import about_lines
from slaibench.cli.shell import out, print_about, print_hint, print_json, running, usage, write_page
from slaibench.studies.bound import study as bound_study
from slaibench.studies.bound.result import BoundResult
from slaibench.studies.bound.spec import (
    BUDGETS,
    EPS,
    MAP_LOADS,
    MAP_OUTPUTS,
    RAD_REQUESTS,
    SCHEDULERS,
    BoundSpec,
)


@expanded
def bound(
    scheduler: Annotated[
        list[str] | None,
        typer.Option(
            "--scheduler",
            "-s",
            help=f"May be given several times. Default: {', '.join(SCHEDULERS)}.",
        ),
    ] = None,
    seeds: options.Seeds = 3,
    outputs: Annotated[
        str,
        typer.Option(help="Mean output lengths of the stability maps, or none."),
    ] = ",".join(map(str, MAP_OUTPUTS)),
    loads: Annotated[
        str,
        typer.Option(help="Rates of the maps, as shares of the bound."),
    ] = ",".join(map(str, MAP_LOADS)),
    budgets: Annotated[
        str,
        typer.Option(help="Token budgets of sarathi that are compared, or none."),
    ] = ",".join(map(str, BUDGETS)),
    rad: Annotated[
        bool,
        typer.Option("--rad/--no-rad", help="RAD under the paper's batch-time model."),
    ] = True,
    rad_requests: Annotated[
        int, typer.Option(help="Requests of each of RAD's runs there.", min=20)
    ] = RAD_REQUESTS,
    eps: Annotated[
        float,
        typer.Option(help="Share of Theorem 1's bound that Theorem 2's cycle may give up."),
    ] = EPS,
    *,
    serving: ServingOptions,
    engine: EngineOptions,
    load: LoadOptions,
    run_options: RunOptions,
    page: PageOptions,
) -> None:
    """The rate that no scheduler exceeds, what sets it, and how close each comes to it."""
    with usage(options.OPTION_OF):
        spec = options.study(scheduler or SCHEDULERS, seeds, None, serving, engine, load)
        bound_spec = BoundSpec(
            spec,
            outputs=_whole("--outputs", outputs),
            loads=_numbers("--loads", loads),
            budgets=_whole("--budgets", budgets),
            rad_requests=rad_requests,
            eps=eps,
            **({} if rad else {"cycles": (), "tiles": ()}),
        )
        plan = bound_study.plan(
            bound_spec, run_options.results, jobs=run_options.jobs, fresh=run_options.fresh
        )
        options.check_reports(page.folder)
    with running(), progress("bound") as on_cell:
        result = bound_study.run(plan, on_cell)
    if run_options.as_json:
        print_json(result.to_json())
    else:
        out.print(tables(result))
        spec = plan.bounds.backlog.prepared.spec
        print_about(about_lines(result.about, result.workload_note, spec, result.warnings))
        print_hint(f"recordings: {run_options.results}")
    _report(result, page, run_options.as_json)


def _report(result: BoundResult, page: PageOptions, as_json: bool) -> None:
    if page.folder is None:
        return
    from slaibench.report.pages.bound import PAGE  # noqa: PLC0415

    write_page(partial(PAGE.write, result, page.folder), as_json=as_json)


def _numbers(option: str, text: str) -> tuple[float, ...]:
    """Comma-separated numbers, or none.

    Raises:
        ValueError: something is not a number.
    """
    if text.strip() == "none":
        return ()
    try:
        return tuple(float(number) for number in text.split(","))
    except ValueError:
        raise ValueError(f"{option} takes numbers such as 100,200, or none, not {text!r}") from None


def _whole(option: str, text: str) -> tuple[int, ...]:
    """The same of whole numbers."""
    values = _numbers(option, text)
    for value in values:
        if not value.is_integer():
            raise ValueError(f"{option} takes whole numbers, not {value:g}")
    return tuple(map(int, values))
