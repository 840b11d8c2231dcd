"""Commands that run: sweep, compare, capacity, replay."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slaibench.cli import closed_loop, comparison, options, sentences, server, tables
from slaibench.cli.endpoint import DialectOptions
from slaibench.cli.expand import expanded
from slaibench.cli.options import (
    EndpointOptions,
    EngineOptions,
    LoadOptions,
    PageOptions,
    RunOptions,
    ServingOptions,
    TargetOptions,
    UrlOptions,
)
from slaibench.cli.progress import progress
from slaibench.cli.server import PaceOptions
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
from slaibench.cli.tracking import Experiment, track, tracker_of
from slaibench.spec.study_layout import StudyKind
from slaibench.spec.study_text import study_text
from slaibench.studies import capacity as capacity_study
from slaibench.studies import compare as compare_study
from slaibench.studies import sweep as sweep_study
from slaibench.studies.trust import warnings_of

if TYPE_CHECKING:
    from slaibench.studies.interchange.mlflow_run import Tracker

DEFAULT_SCHEDULERS = ("sarathi", "slai")
DEFAULT_SEEDS = 5
DEFAULT_REPLAY_RATES = "1"


@expanded
def sweep(
    rates: options.Rates = options.DEFAULT_RATES,
    scheduler: options.Schedulers = None,
    seeds: options.Seeds = 3,
    concurrency: options.Concurrency = None,
    *,
    serving: ServingOptions,
    engine: EngineOptions,
    load: LoadOptions,
    targets: TargetOptions,
    run_options: RunOptions,
    page: PageOptions,
    mlflow: Experiment = None,
) -> None:
    """Latency against load for one or more schedulers."""
    with usage(options.OPTION_OF):
        names = scheduler or DEFAULT_SCHEDULERS
        clients, at = options.closed_loops(concurrency, rates, options.DEFAULT_RATES)
        groups = (serving, engine, load, targets)
        spec = options.study(names, seeds, at, *groups, concurrency=clients)
    if clients is not None:
        closed_loop.run("sweep", spec, run_options, page, mlflow)
        return
    with usage(options.OPTION_OF):
        plan = sweep_study.plan(
            spec, run_options.results, jobs=run_options.jobs, fresh=run_options.fresh
        )
        options.check_reports(page.folder)
        to = tracker_of(mlflow)
    _sweep("sweep", plan, run_options, page, to)


@expanded
def replay(
    rates: options.Rates = DEFAULT_REPLAY_RATES,
    label: Annotated[
        str, typer.Option(help="What the server's own scheduler is called in tables and pages.")
    ] = "endpoint",
    seeds: options.Seeds = 1,
    concurrency: options.Concurrency = None,
    *,
    endpoint: EndpointOptions,
    dialect_options: DialectOptions,
    load: LoadOptions,
    targets: TargetOptions,
    run_options: RunOptions,
    page: PageOptions,
    mlflow: Experiment = None,
) -> None:
    """Load on a server that is there already: any OpenAI-compatible URL."""
    with usage(options.OPTION_OF):
        clients, at = options.closed_loops(concurrency, rates, DEFAULT_REPLAY_RATES)
        more = {"backend": "endpoint", "dialect": dialect_options.parsed(), "concurrency": clients}
        spec = options.study([label], seeds, at, endpoint, load, targets, **more)
    if clients is not None:
        closed_loop.run("replay", spec, run_options, page, mlflow)
        return
    with usage(options.OPTION_OF):
        plan = sweep_study.plan(
            spec, run_options.results, jobs=run_options.jobs, fresh=run_options.fresh
        )
        options.check_reports(page.folder)
        to = tracker_of(mlflow)
    _sweep("replay", plan, run_options, page, to)


def _sweep(
    what: str,
    plan: sweep_study.SweepPlan,
    run_options: RunOptions,
    page: PageOptions,
    to: Tracker | None,
) -> None:
    with running(), progress(what, plan) as on_cell:
        result = sweep_study.run(plan, on_cell)
    if run_options.as_json:
        print_json(result.to_json())
    else:
        out.print(tables.sweep_tables(result, out.width))
        for text in sentences.target_lines(result):
            out.print(text, highlight=False, soft_wrap=True)
        about = sentences.about_lines(
            result.about, result.workload_note, result.spec, result.warnings
        )
        print_about([*sentences.server_lines(result.cells), *about])
        print_hint(f"recordings: {run_options.results}")
    written = _report(result, page, run_options.as_json)
    track(to, what, result.spec, result.to_json(), result.cells, result.in_words, written)
    refuse_invalid(result.cells)


@expanded
def compare(
    a: Annotated[str, typer.Argument(help="The reference scheduler.")],
    b: Annotated[str, typer.Argument(help="The scheduler compared with it.")],
    more: Annotated[
        list[str] | None, typer.Argument(help="Further ones, each compared with the reference.")
    ] = None,
    rates: options.Rates = options.DEFAULT_RATES,
    seeds: options.Seeds = 3,
    concurrency: options.Concurrency = None,
    *,
    serving: ServingOptions,
    engine: EngineOptions,
    load: LoadOptions,
    targets: TargetOptions,
    run_options: RunOptions,
    page: PageOptions,
    mlflow: Experiment = None,
) -> None:
    """Two or more schedulers under the same requests: paired differences, capacity of each."""
    with usage(options.OPTION_OF):
        names = [a, b, *(more or ())]
        clients, at = options.closed_loops(concurrency, rates, options.DEFAULT_RATES)
        groups = (serving, engine, load, targets)
        spec = options.study(names, seeds, at, *groups, concurrency=clients)
    if clients is not None:
        closed_loop.run("compare", spec, run_options, page, mlflow)
        return
    with usage(options.OPTION_OF):
        plan = compare_study.plan(
            spec, run_options.results, jobs=run_options.jobs, fresh=run_options.fresh
        )
        options.check_reports(page.folder)
        to = tracker_of(mlflow)
    with running(), progress("compare", plan) as on_cell:
        result = compare_study.run(plan, on_cell)
    if run_options.as_json:
        print_json(result.to_json())
    else:
        out.print(comparison.compare_table(result))
        for capacity in result.capacities:
            for text in sentences.capacity_lines(capacity):
                out.print(text, highlight=False, soft_wrap=True)
        out.print(sentences.headline(result), soft_wrap=True)
        swept = result.sweep
        print_about(
            sentences.about_lines(swept.about, swept.workload_note, result.spec, result.warnings)
        )
    written = _report(result, page, run_options.as_json)
    track(to, "compare", result.spec, result.to_json(), result.cells, result.in_words, written)
    refuse_invalid(result.cells)


@expanded
def capacity(
    scheduler: Annotated[
        list[str] | None, typer.Argument(help="One or more schedulers; none with --url.")
    ] = None,
    seeds: options.Seeds = DEFAULT_SEEDS,
    *,
    targets: TargetOptions,
    serving: ServingOptions,
    engine: EngineOptions,
    load: LoadOptions,
    endpoint: UrlOptions,
    pace: PaceOptions,
    dialect_options: DialectOptions,
    run_options: RunOptions,
    page: PageOptions,
    mlflow: Experiment = None,
) -> None:
    """The largest rate that keeps all targets, with its interval: of schedulers, or of a server."""
    if endpoint.values["url"] is not None:
        with usage(options.OPTION_OF):
            if scheduler or seeds != DEFAULT_SEEDS:
                what = f"scheduler {scheduler[0]!r}" if scheduler else f"--seeds {seeds}"
                raise ValueError(
                    f"{what}: a server at a --url has a scheduler of its own, and --minutes "
                    "decides how much is run: leave it out"
                )
            groups = (serving, engine, load, endpoint, targets, pace)
            paced_plan = server.planned(groups, dialect_options, run_options)
            options.check_reports(page.folder)
            to = tracker_of(mlflow)
        server.print_capacity(paced_plan, run_options, page, to)
        return
    with usage(options.OPTION_OF):
        if not scheduler:
            raise ValueError("name a scheduler (slaibench schedulers), or a server with --url")
        server.refuse_without_url(pace, endpoint, dialect_options)
        spec = options.study(scheduler, seeds, None, serving, engine, load, targets)
        plan = capacity_study.plan(
            spec, run_options.results, jobs=run_options.jobs, fresh=run_options.fresh
        )
        to = tracker_of(mlflow)
        options.check_reports(page.folder)
    with running(), progress("capacity", plan) as on_cell:
        results = capacity_study.run(plan, on_cell)
    cells = [cell for result in results for cell in result.cells]
    if run_options.as_json:
        study_file = study_text(StudyKind.CAPACITY, plan.spec.to_json())
        print_json([{**result.to_json(), "study_file": study_file} for result in results])
    else:
        for result in results:
            for text in sentences.capacity_lines(result):
                out.print(text, highlight=False, soft_wrap=True)
        warnings = warnings_of(cells)
        note = plan.prepared.source.note
        print_about(sentences.about_lines(results[0].about, note, spec, warnings))
    words = "; ".join(result.in_words for result in results)
    track(to, "capacity", plan.spec, [result.to_json() for result in results], cells, words)
    if page.folder is not None:
        from slaibench.report.pages.capacity.page import PAGE, searched  # noqa: PLC0415

        write_page(partial(PAGE.write, searched(results), page.folder), as_json=run_options.as_json)
    refuse_invalid(cells)


def _report(
    result: sweep_study.SweepResult | compare_study.CompareResult, page: PageOptions, as_json: bool
) -> Path | None:
    """Write the page, if any is wanted."""
    if page.folder is None:
        return None
    from slaibench.report.pages.study import write_report  # noqa: PLC0415

    if isinstance(result, compare_study.CompareResult):
        write = partial(write_report, result.sweep, page.folder, comparison=result)
    else:
        write = partial(write_report, result, page.folder)
    return write_page(write, as_json=as_json)
