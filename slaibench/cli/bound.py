"""The command that prints the capacity bound and how close schedulers come to it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.text import Text

from slaibench.cli import options, render
from slaibench.cli.expand import expanded
from slaibench.cli.options import (
    EngineOptions,
    LoadOptions,
    PageOptions,
    RunOptions,
    ServingOptions,
)
from slaibench.cli.run import progress
from slaibench.cli.shell import out, print_json, running, usage, write_page
from slaibench.cli.terminal import plain_table
from slaibench.report.text import plain_change, plain_fixed, plain_interval, plain_share
from slaibench.studies.bound import study as bound_study
from slaibench.studies.bound.ask import (
    BUDGETS,
    EPS,
    MAP_LOADS,
    MAP_OUTPUTS,
    RAD_REQUESTS,
    SCHEDULERS,
    BoundAsk,
)
from slaibench.studies.bound.cycles import least_cycle_json
from slaibench.studies.bound.result import BoundResult, Throughput
from slaibench.studies.bound.words import NODES, theorem_2


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
        ask = BoundAsk(
            spec,
            outputs=_whole("--outputs", outputs),
            loads=_numbers("--loads", loads),
            budgets=_whole("--budgets", budgets),
            rad_requests=rad_requests,
            eps=eps,
            **({} if rad else {"cycles": (), "tiles": ()}),
        )
        plan = bound_study.check(ask, run_options.results, run_options.jobs)
        options.check_reports(page.folder)
    with running(), progress("bound") as on_cell:
        result = bound_study.run(
            plan,
            run_options.results,
            jobs=run_options.jobs,
            fresh=run_options.fresh,
            on_cell=on_cell,
        )
    if run_options.as_json:
        print_json(result.to_json())
    else:
        out.print(tables(result))
        spec = plan.backlog.prepared.spec
        about = render.about_lines(result.about, result.workload_note, spec, result.warnings)
        for line in about:
            out.print(escape(line), highlight=False, soft_wrap=True)
        out.print(
            f"recordings: {escape(str(run_options.results))}", highlight=False, soft_wrap=True
        )
    _report(result, page, run_options.as_json)


def _report(result: BoundResult, page: PageOptions, as_json: bool) -> None:
    if page.folder is None:
        return
    from slaibench.report.bound.page import write_bound  # noqa: PLC0415  (loads matplotlib)

    write_page(partial(write_bound, result, page.folder), as_json=as_json)


def _numbers(option: str, text: str) -> tuple[float, ...]:
    """Comma-separated numbers, or none.

    Raises:
        ValueError: something is not a number.
    """
    if text.strip() == "none":
        return ()
    try:
        return tuple(float(each) for each in text.split(","))
    except ValueError:
        raise ValueError(f"{option} takes numbers such as 100,200, or none, not {text!r}") from None


def _whole(option: str, text: str) -> tuple[int, ...]:
    """The same of whole numbers."""
    values = _numbers(option, text)
    for value in values:
        if not value.is_integer():
            raise ValueError(f"{option} takes whole numbers, not {value:g}")
    return tuple(map(int, values))


def tables(result: BoundResult) -> RenderableType:
    """The bound and what sets it; every scheduler; RAD; budgets; stability maps."""
    parts: list[RenderableType] = [*_bound(result), _throughputs(result)]
    if result.budgets:
        parts += [_title("Sarathi-Serve by token budget: what ignoring tiles costs")]
        parts += [_budgets(result)]
    if result.rad:
        theorem = f"{result.plan.theorem_rps:.2f} requests/s"
        parts += [_title(f"RAD under the paper's batch-time model: share of Theorem 1's {theorem}")]
        parts += [
            _rad(result),
            *(Text(theorem_2(least_cycle_json(cycle))) for cycle in result.least_cycles),
        ]
    if result.maps:
        parts += [_title("Stable up to, as a share of the bound at each mean output length")]
        parts += [_maps(result)]
    return Group(*parts)


def _title(text: str) -> Text:
    return Text(f"\n{text}", style="bold")


def _bound(result: BoundResult) -> list[RenderableType]:
    bound, work = result.plan.bound, result.plan.work
    parts = bound.parts
    shares = (
        ("compute, prefill", parts.prefill_s),
        ("compute, decode", parts.decode_s),
        ("KV bandwidth", parts.bandwidth_s),
        ("KV capacity", parts.capacity_s),
    )
    decodes = bound.decodes_per_batch
    told = "no decodes" if decodes is None else f"{decodes:.0f} decodes a batch that has any"
    table = plain_table()
    for name, _ in shares:
        table.add_column(name, justify="right")
    table.add_row(*(f"{share / parts.total_s:.1%}" for _, share in shares))
    return [
        Text(f"No scheduler serves more than {bound.rate_rps:.3f} requests/s", style="bold"),
        Text(NODES),
        Text(
            f"a request: {work.prefill_tokens:,.0f} prompt tokens and {work.decodes:,.0f} decodes "
            f"that read {work.context_tokens / max(work.decodes, 1e-9):,.0f} KV tokens each"
        ),
        Text(f"at the bound: {bound.tokens_per_batch:,.0f} tokens a batch, {told}"),
        Text(f"what binds: {parts.binding}; where the time goes, and so what more of it brings:"),
        table,
    ]


def _throughputs(result: BoundResult) -> RenderableType:
    table = plain_table()
    table.add_column("\nscheduler", no_wrap=True)
    for heading in (
        "saturated\nreq/s",
        "of the\nbound",
        "95 %\ninterval",
        "bound in\nits limits",
        "share\nof that",
        "\nn",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    for each in sorted(result.throughputs, key=lambda found: -(found.share.value or 0.0)):
        table.add_row(
            escape(each.scheduler),
            plain_fixed(each.rate_rps, 3),
            plain_share(each.share.value),
            plain_interval(each.share, lambda end: f"{100 * end:.1f}"),
            f"{each.within_rps:.3f}",
            plain_share(each.within_share.value),
            _count(each),
        )
    return table


def _count(each: Throughput) -> str:
    return f"{each.share.n:,}" if not each.untold else f"{each.untold} untold"


def _budgets(result: BoundResult) -> RenderableType:
    table = plain_table()
    for heading in ("token budget", "req/s", "95 % interval", "against 512", "bound in it"):
        table.add_column(heading, justify="right")
    base = result.budgets.get(512)
    for budget, each in result.budgets.items():
        change = ""
        if base is not None and base.share.value and each.share.value is not None:
            change = plain_change(each.share.value / base.share.value - 1)
        table.add_row(
            str(budget),
            plain_fixed(each.rate_rps, 3),
            plain_interval(each.rate_rps, "{:.3f}".format, " to "),
            change,
            f"{each.within_rps:.3f}",
        )
    return table


def _rad(result: BoundResult) -> RenderableType:
    ask = result.plan.ask
    table = plain_table()
    table.add_column("step cost", justify="right")
    table.add_column("tile", justify="right")
    for cycle in ask.cycles:
        table.add_column(f"cycle {cycle:g}" if math.isfinite(cycle) else "no end", justify="right")
    table.add_column("full tiles", justify="right")
    for step_s in ask.step_costs_s:
        for tile in ask.tiles:
            points = result.rad_at(step_s, tile)
            limit = points[0].limit_rps / result.plan.theorem_rps
            shares = (plain_share(each.share.value) for each in points)
            table.add_row(f"{1e3 * step_s:g} ms", str(tile), *shares, plain_share(limit))
    return table


def _maps(result: BoundResult) -> RenderableType:
    plan = result.plan
    table = plain_table()
    table.add_column("\nscheduler", no_wrap=True)
    for column in plan.columns:
        heading = f"{column.mean_output} tokens\n{column.bound_rps:.3g} req/s"
        table.add_column(heading, justify="right", no_wrap=True)
    for scheduler in plan.ask.study.schedulers:
        row = [
            stable_up_to(
                [c.load for c in cells if c.stability == "stable"],
                [c.load for c in cells if c.stability == "unstable"],
            )
            for column in plan.columns
            if (
                cells := [
                    c
                    for c in result.maps
                    if (c.scheduler, c.mean_output) == (scheduler, column.mean_output)
                ]
            )
        ]
        table.add_row(escape(scheduler), *row)
    return table


def stable_up_to(stable: Sequence[float], unstable: Sequence[float]) -> str:
    """The largest stable load below the least unstable one, ``-`` where there is none."""
    least = min(unstable, default=math.inf)
    below = [load for load in stable if load < least]
    return f"{max(below):.0%}" if below else "-"
