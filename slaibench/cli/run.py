"""Commands that run: sweep, compare, capacity."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from slaibench.cli import options, render
from slaibench.cli.shell import err, out, print_json, running, usage
from slaibench.spec import DEFAULT_SLO, Convention
from slaibench.study import capacity as capacity_study
from slaibench.study import compare as compare_study
from slaibench.study import sweep as sweep_study
from slaibench.study.pool import CellResult
from slaibench.study.sweep import OnCell

DEFAULT_SCHEDULERS = ("sarathi", "slai")


def sweep(
    rates: options.Rates = options.DEFAULT_RATES,
    scheduler: Annotated[
        list[str] | None,
        typer.Option(
            "--scheduler", "-s", help="May be given several times. Default: sarathi and slai."
        ),
    ] = None,
    model: options.Model = options.DEFAULT_MODEL,
    gpu: options.Gpu = options.DEFAULT_GPU,
    backend: options.Backend = "sim",
    workload: options.Workload = None,
    arrivals: options.Arrivals = None,
    tiers: options.Tiers = None,
    seeds: options.Seeds = 3,
    first_seed: options.FirstSeed = 0,
    requests: options.Requests = None,
    duration: options.Duration = None,
    max_total_tokens: options.MaxTotalTokens = None,
    convention: options.ConventionOption = Convention.STRICT,
    slo: options.Slo = DEFAULT_SLO,
    kv_blocks: options.KvBlocks = None,
    profile: options.Profile = None,
    jobs: options.Jobs = None,
    results: options.Results = options.RESULTS_FOLDER,
    reports: options.Reports = options.REPORTS_FOLDER,
    as_json: options.Json = False,
    no_report: options.NoReport = False,
    fresh: options.Fresh = False,
) -> None:
    """Latency against load for one or more schedulers."""
    with usage(options.OPTION_OF):
        spec = options.study(
            schedulers=scheduler or list(DEFAULT_SCHEDULERS),
            rates=rates,
            model=model,
            gpu=gpu,
            backend=backend,
            workload=workload,
            arrivals=arrivals,
            tiers=tiers,
            seeds=seeds,
            first_seed=first_seed,
            requests=requests,
            duration=duration,
            max_total_tokens=max_total_tokens,
            convention=convention,
            slo=slo,
            kv_blocks=kv_blocks,
            profile=profile,
        )
        sweep_study.check(spec, results)
        options.check_reports(None if no_report else reports)
    with running(), progress("sweep") as on_cell:
        result = sweep_study.sweep(spec, results, jobs=jobs, fresh=fresh, on_cell=on_cell)
    if as_json:
        print_json(result.to_json())
    else:
        out.print(render.sweep_tables(result, out.width))
        for line in render.about_lines(result.about, result.workload_note, spec, result.warnings):
            out.print(line, highlight=False, soft_wrap=True)
        out.print(f"recordings: {escape(str(results))}", highlight=False, soft_wrap=True)
    if not no_report:
        _report(result, reports, as_json)


def compare(
    a: Annotated[str, typer.Argument(help="The reference scheduler.")],
    b: Annotated[str, typer.Argument(help="The scheduler held against it.")],
    rates: options.Rates = options.DEFAULT_RATES,
    model: options.Model = options.DEFAULT_MODEL,
    gpu: options.Gpu = options.DEFAULT_GPU,
    backend: options.Backend = "sim",
    workload: options.Workload = None,
    arrivals: options.Arrivals = None,
    tiers: options.Tiers = None,
    seeds: options.Seeds = 3,
    first_seed: options.FirstSeed = 0,
    requests: options.Requests = None,
    duration: options.Duration = None,
    max_total_tokens: options.MaxTotalTokens = None,
    convention: options.ConventionOption = Convention.STRICT,
    slo: options.Slo = DEFAULT_SLO,
    kv_blocks: options.KvBlocks = None,
    profile: options.Profile = None,
    jobs: options.Jobs = None,
    results: options.Results = options.RESULTS_FOLDER,
    reports: options.Reports = options.REPORTS_FOLDER,
    as_json: options.Json = False,
    no_report: options.NoReport = False,
    fresh: options.Fresh = False,
) -> None:
    """Two schedulers under the same requests: paired differences, capacity of both."""
    with usage(options.OPTION_OF):
        spec = options.study(
            schedulers=[a, b],
            rates=rates,
            model=model,
            gpu=gpu,
            backend=backend,
            workload=workload,
            arrivals=arrivals,
            tiers=tiers,
            seeds=seeds,
            first_seed=first_seed,
            requests=requests,
            duration=duration,
            max_total_tokens=max_total_tokens,
            convention=convention,
            slo=slo,
            kv_blocks=kv_blocks,
            profile=profile,
        )
        compare_study.check(spec, results)
        options.check_reports(None if no_report else reports)
    with running(), progress("compare") as on_cell:
        result = compare_study.compare(spec, results, jobs=jobs, fresh=fresh, on_cell=on_cell)
    if as_json:
        print_json(result.to_json())
    else:
        out.print(render.compare_table(result))
        for found in (result.capacity_a, result.capacity_b):
            for text in render.capacity_lines(found):
                out.print(text, highlight=False, soft_wrap=True)
        out.print(render.headline(result), soft_wrap=True)
        for line in render.about_lines(
            result.sweep.about, result.sweep.workload_note, spec, result.sweep.warnings
        ):
            out.print(line, highlight=False, soft_wrap=True)
    if not no_report:
        _report(result, reports, as_json)


def capacity(
    scheduler: Annotated[list[str], typer.Argument(help="One or more schedulers.")],
    slo: options.Slo = DEFAULT_SLO,
    model: options.Model = options.DEFAULT_MODEL,
    gpu: options.Gpu = options.DEFAULT_GPU,
    backend: options.Backend = "sim",
    workload: options.Workload = None,
    arrivals: options.Arrivals = None,
    tiers: options.Tiers = None,
    seeds: options.Seeds = 5,
    first_seed: options.FirstSeed = 0,
    requests: options.Requests = None,
    duration: options.Duration = None,
    max_total_tokens: options.MaxTotalTokens = None,
    convention: options.ConventionOption = Convention.STRICT,
    kv_blocks: options.KvBlocks = None,
    profile: options.Profile = None,
    jobs: options.Jobs = None,
    results: options.Results = options.RESULTS_FOLDER,
    as_json: options.Json = False,
    fresh: options.Fresh = False,
) -> None:
    """The largest rate at which a scheduler keeps all targets, with its interval."""
    with usage(options.OPTION_OF):
        spec = options.study(
            schedulers=scheduler,
            rates=None,
            model=model,
            gpu=gpu,
            backend=backend,
            workload=workload,
            arrivals=arrivals,
            tiers=tiers,
            seeds=seeds,
            first_seed=first_seed,
            requests=requests,
            duration=duration,
            max_total_tokens=max_total_tokens,
            convention=convention,
            slo=slo,
            kv_blocks=kv_blocks,
            profile=profile,
        )
        bench = capacity_study.check(spec, results)
    with running(), progress("capacity") as on_cell:
        found = capacity_study.find_capacity(spec, results, jobs=jobs, fresh=fresh, on_cell=on_cell)
    if as_json:
        print_json([each.to_json() for each in found])
        return
    for each in found:
        for text in render.capacity_lines(each):
            out.print(text, highlight=False, soft_wrap=True)
    for line in render.about_lines(found[0].about, bench.source.note, spec):
        out.print(line, highlight=False, soft_wrap=True)


@contextmanager
def progress(what: str) -> Iterator[OnCell]:
    """A progress bar on stderr, with the time left; yields what is to be told of each cell."""
    begun = time.monotonic()
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    ) as bar:
        task = bar.add_task(what, total=None)
        ran = reused = 0

        def on_cell(result: CellResult, done: int, total: int) -> None:
            nonlocal ran, reused
            ran += not result.reused
            reused += result.reused
            cell = result.cell
            text = f"{what}: {cell.scheduler} at {cell.rate_rps:g} requests/s"
            bar.update(task, completed=done, total=total, description=text)

        yield on_cell
    kept = f", {reused} taken from disk" if reused else ""
    took = time.monotonic() - begun
    err.print(f"{what}: {render.count(ran, 'cell')} run{kept}, in {took:.0f} s", highlight=False)


def _report(
    result: sweep_study.SweepResult | compare_study.CompareResult, reports: Path, as_json: bool
) -> None:
    from slaibench.report.page import write_report  # noqa: PLC0415  (matplotlib: a second)

    with running():
        if isinstance(result, compare_study.CompareResult):
            files = write_report(result.sweep, reports, comparison=result)
        else:
            files = write_report(result, reports)
    where = err if as_json else out
    where.print(f"report: {escape(str(files.html))}", highlight=False, soft_wrap=True)
