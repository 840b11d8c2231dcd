"""Closed loops on the command line: clients that wait for their answers, instead of rates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from rich.console import Group, RenderableType
from rich.text import Text

from slaibench.cli import options, sentences
from slaibench.cli.options import PageOptions, RunOptions
from slaibench.cli.progress import progress
from slaibench.cli.shell import (
    out,
    print_about,
    print_hint,
    print_json,
    refuse_invalid,
    running,
    usage,
    write_page,
)
from slaibench.cli.tables import where
from slaibench.cli.terminal import DIM, shown
from slaibench.report.table import Cell, Heading, Row, Table
from slaibench.report.words import (
    listed,
    plain_change,
    plain_interval,
    plain_number,
    plain_seconds,
    plural,
)
from slaibench.spec import StudySpec
from slaibench.studies import closed_loop as closed_study
from slaibench.studies.closed_result import CANNOT_TELL, ClosedChange, ClosedPoint, ClosedResult
from slaibench.studies.estimate import Estimate

CLIENTS = Heading("clients")
Column = tuple[Heading, Callable[[ClosedPoint], str]]


def run(
    command: str, spec: StudySpec, run_options: RunOptions, page: PageOptions, mlflow: str | None
) -> None:
    """Run closed loops, print what came of them, and write their page.

    Args:
        command: ``sweep``, ``compare`` or ``replay``.
    """
    with usage(options.OPTION_OF):
        if mlflow is not None:
            raise ValueError(
                f"--mlflow {mlflow}: closed loops are not logged to MLflow; leave it out, and take "
                "--json"
            )
        plan = closed_study.plan(
            spec,
            run_options.results,
            compares=command == "compare",
            jobs=run_options.jobs,
            fresh=run_options.fresh,
        )
        options.check_reports(page.folder)
    with running(), progress(command, plan) as on_cell:
        result = closed_study.run(plan, on_cell)
    if run_options.as_json:
        print_json(result.to_json())
    else:
        out.print(table(result))
        about = sentences.about_lines(
            result.about, result.workload_note, result.spec, result.warnings
        )
        print_about(about)
        print_hint(f"recordings: {run_options.results}")
    if page.folder is not None:
        from slaibench.report.pages.closed_loop.page import PAGE  # noqa: PLC0415

        write_page(partial(PAGE.write, result, page.folder), as_json=run_options.as_json)
    refuse_invalid(result.cells)


def table(result: ClosedResult) -> RenderableType:
    """A row a scheduler and number of clients; of a comparison with the changes from the first."""
    columns = list(_columns(result))
    rows: dict[int, list[Row]] = {}
    for clients in result.spec.concurrency or ():
        for point in result.points:
            if point.concurrency != clients:
                continue
            state = "invalid" if point.measured.invalid else ""
            cells = tuple(Cell(text(point)) for _, text in columns)
            rows.setdefault(clients, []).append(Row(point.scheduler, cells, state))
    grouped = Table(
        "",
        "",
        "",
        tuple(heading for heading, _ in columns),
        tuple((f"{clients:,}", tuple(own)) for clients, own in rows.items()),
        by=CLIENTS,
        head=Heading("scheduler", is_text=True, folds=True),
    )
    seeds = plural(result.spec.num_seeds, "seed")
    title = f"{where(result.cells[0].cell)}, closed loops, {seeds} each"
    return Group(Text(title, style="bold"), *shown(grouped), Text(_legend(result), style=DIM))


def _columns(result: ClosedResult) -> Iterator[Column]:
    def seconds(title: str, name: str) -> Column:
        return Heading(title, folds=True), lambda point: plain_seconds(
            point.measured.estimates[name]
        )

    def number(title: str, pick: Callable[[ClosedPoint], Estimate]) -> Column:
        def text(point: ClosedPoint) -> str:
            value = pick(point).value
            return "-" if value is None else plain_number(value)

        return Heading(title, folds=True), text

    yield seconds("TTFT P50", "ttft_p50_s")
    yield seconds("TTFT P99", "ttft_p99_s")
    yield seconds("TPOT mean", "tpot_mean_s")
    yield seconds("E2E P50", "e2e_p50_s")
    yield number("out tok/s", lambda point: point.measured.estimates["output_tokens_per_s"])
    yield number("a client", lambda point: point.tokens_per_s_per_client)
    yield number("req/s", lambda point: point.measured.estimates["throughput_rps"])
    if result.compares:
        yield from _changes(result)
    yield Heading("n", folds=True), lambda point: f"{point.measured.ttft_s['p50'].n:,}"


def _changes(result: ClosedResult) -> Iterator[Column]:
    changes = {(change.scheduler, change.concurrency): change for change in result.changes}

    def text(pick: Callable[[ClosedChange], Estimate], point: ClosedPoint) -> str:
        change = changes.get((point.scheduler, point.concurrency))
        if change is None:
            return ""
        estimate = pick(change)
        ends = plain_interval(estimate, plain_change, " to ")
        return f"{plain_change(estimate.value)}{f' ({ends})' if ends else ''}"

    for title, pick in (
        ("change of TTFT P50", lambda change: change.ttft_p50),
        ("change of out tok/s", lambda change: change.output_tokens),
    ):
        yield Heading(title, folds=True), partial(text, pick)


def _legend(result: ClosedResult) -> str:
    ramps = [f"{point.loop['ramp_s']:.3g}" for point in result.points]
    longest = dict.fromkeys((min(ramps, key=float), max(ramps, key=float)))
    lines = [
        "TTFT, TPOT, E2E: seconds; a client: output tokens/s over clients; req/s: finished; n: "
        "requests measured",
        f"left out: what was sent in the first {' to '.join(longest)} s, as the clients began, and "
        "each one's last request",
    ]
    if result.compares:
        names = listed(list(result.spec.schedulers[1:]))
        lines.append(
            f"change: {names} against {result.spec.schedulers[0]}, paired by request and seed"
        )
    busy = [share for point in result.points if (share := point.loop["share_full"]) is not None]
    if busy and min(busy) < 1:
        turns = [turn for p in result.points if (turn := p.loop["turn_p99_s"]) is not None]
        lines.append(
            f"all clients busy in at least {min(busy):.2%} of the time; from an end to the next "
            f"sending at most {1e3 * max(turns):.2f} ms (P99 of the worst run)"
        )
    return "\n".join([*lines, CANNOT_TELL])
