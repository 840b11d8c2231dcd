"""``slaibench validate`` against a log or recordings: its options, its work and its tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from slaibench.cli.options import OPTION_OF, EngineOptions, LoadOptions
from slaibench.cli.shell import EXIT_NO, err, fail, out, print_json, print_line, running, usage
from slaibench.cli.terminal import shown
from slaibench.measure.catalogue import LATENCIES
from slaibench.measure.grade import LAST, TAIL_FACTOR, THRESHOLDS
from slaibench.measure.prediction_error import MEAN
from slaibench.report.table import Cell, Heading, Row, Table
from slaibench.report.words import plain_change, plain_number
from slaibench.spec import DeploymentPart
from slaibench.studies.validation import study
from slaibench.studies.validation.log import LogFile
from slaibench.studies.validation.profile_match import DESPITE
from slaibench.studies.validation.study import ValidationResult, ValidationSpec
from slaibench.studies.validation.validation_run import NEIGHBOURS, ValidationRun

BETWEEN = "sim,vllm"
RATES = "1"
SEEDS = 3
"""Defaults of the options that only a crosscheck of backends has."""

_against = partial(typer.Option, rich_help_panel="Against a log or recordings")


@dataclass(frozen=True, slots=True)
class ValidationOptions:
    """A run of an engine that the simulator is compared with."""

    log: Annotated[
        Path | None,
        _against(help="JSONL, a request a line, with meta.json beside it (docs/validation.md)."),
    ] = None
    recording: Annotated[
        Path | None, _against(help="Folder with recordings of an engine (--results of a sweep).")
    ] = None
    meta: Annotated[
        Path | None, _against(help="The engine's settings. Default: meta.json beside the log.")
    ] = None
    column: Annotated[
        list[str] | None,
        _against(help="arrival=NAME: a column the log calls otherwise. Several times."),
    ] = None
    time_unit: Annotated[
        str, _against(help="s, ms, us or ns, for times whose name does not end in it.")
    ] = "s"
    fit_step_overhead: Annotated[
        bool,
        _against(
            "--fit-step-overhead",
            help="Fit the time between steps to every second request's TPOT; score the others.",
        ),
    ] = False
    source: Annotated[str, _against(help="Where the run is from, kept with its errors.")] = (
        "this machine"
    )
    despite_mismatch: Annotated[
        bool,
        _against(
            DESPITE,
            help="Replay it though GPU, model or parallel size are others; nothing is kept.",
        ),
    ] = False
    no_keep: Annotated[
        bool, _against("--no-keep", help="Do not keep the errors with the profile.")
    ] = False

    @property
    def given(self) -> bool:
        """Whether there is a run to validate against.

        Raises:
            ValueError: there are options of such a run, and no run.
        """
        given = self.log is not None or self.recording is not None
        if not given and self != ValidationOptions():
            raise ValueError("there is nothing to validate against: give --log FILE or --recording")
        return given


@dataclass(frozen=True, slots=True)
class CrosscheckOptions:
    """Options of a crosscheck of backends, for which a validation against a run has no use."""

    between: str
    rates: str
    seeds: int
    load: LoadOptions

    def check_unused(self) -> None:
        """Refuse what would be ignored in silence.

        Raises:
            ValueError: an option is given.
        """
        plain = {"--between": self.between, "--rates": self.rates, "--seeds": self.seeds}
        defaults = {"--between": BETWEEN, "--rates": RATES, "--seeds": SEEDS}
        given = [name for name, value in plain.items() if value != defaults[name]]
        given += [OPTION_OF[name] for name in self.load.given()]
        if given:
            raise ValueError(
                f"{', '.join(given)}: requests and times are the run's own here: leave it out"
            )


def validate_against(
    options: ValidationOptions,
    schedulers: list[str] | None,
    engine: EngineOptions,
    unused: CrosscheckOptions,
    *,
    as_json: bool,
) -> None:
    """Replay, compare, print; status 1 if a run gets the last grade."""
    with usage():
        unused.check_unused()
        plan = study.plan(_spec(options, schedulers, engine))
    done = 0

    def on_run(_: ValidationRun) -> None:
        nonlocal done
        done += 1
        if len(plan.runs) > 1:
            err.print(f"{done} of {len(plan.runs)} runs", highlight=False)

    with usage(), running():
        result = study.run(plan, on_run)
    if as_json:
        print_json(result.to_json())
    else:
        _show(result)
    if not result.ok:
        raise fail(f"grade {LAST.grade}: the simulator {LAST.reason} here", EXIT_NO)


def _spec(
    options: ValidationOptions, schedulers: list[str] | None, engine: EngineOptions
) -> ValidationSpec:
    recorded = options.recording is not None
    for given, option in (
        (engine.values["weights"], "--weights"),
        (engine.values["prefix_caching"], "--prefix-caching"),
        (engine.values["max_context_tokens"], "--max-context-tokens"),
        (engine.values["speculative_tokens"], "--speculative-tokens"),
        (recorded and engine.values["kv_blocks"], "--kv-blocks"),
        (recorded and options.meta, "--meta"),
        (recorded and options.column, "--column"),
        (recorded and options.time_unit != ValidationOptions().time_unit, "--time-unit"),
    ):
        if given:
            raise ValueError(f"{option} is the run's own matter here: leave it out")
    if schedulers is not None and len(schedulers) > 1:
        raise ValueError(
            f"one engine ran with one scheduler, not with {' and '.join(schedulers)}: name one"
        )
    columns = dict(_pair(text) for text in options.column or ())
    return ValidationSpec(
        log=None
        if options.log is None
        else LogFile(
            options.log, options.meta, columns, options.time_unit, engine.values["kv_blocks"]
        ),
        recording=options.recording,
        gpu=engine.values["gpu"],
        model=engine.values["model"],
        profile=engine.values["profile"],
        making={
            name: engine.values[name]
            for name in DeploymentPart.model_fields
            if engine.values[name] is not None
        },
        scheduler=schedulers[0] if schedulers else None,
        fit=options.fit_step_overhead,
        keep_errors=not options.no_keep,
        despite_mismatch=options.despite_mismatch,
        source=options.source,
    )


def _pair(text: str) -> tuple[str, str]:
    column, equals, name = text.partition("=")
    if not equals or not name:
        raise ValueError(f"--column {text!r}: write it as arrival=NAME")
    return column.strip(), name.strip()


def _show(result: ValidationResult) -> None:
    for run in result.runs:
        out.print(table(run))
        for line in (*_legend(run), *(f"note: {note}" for note in run.notes)):
            print_line(line)
    for text in result.left_out:
        print_line(f"left out: {text}")
    for path in result.files:
        print_line(f"errors kept in {path}")


def table(run: ValidationRun) -> RenderableType:
    """A block a latency, a row a statistic: both sides, the change and its range."""
    columns = tuple(map(Heading, ("engine", "simulator", "change", "other caches")))
    groups = tuple(
        (f"{LATENCIES[metric].label}, s", tuple(_statistics(run, metric))) for metric in run.errors
    )
    text = Heading("", is_text=True)
    title = f"{run.run.name}: {run.run.settings.engine}, {run.run.load}"
    table = Table("", "", "", columns, groups, by=text, head=text)
    return Group(Text(title, style="bold"), *shown(table))


def _statistics(run: ValidationRun, metric: str) -> Iterator[Row]:
    for name, statistic in run.errors[metric].statistics.items():
        ends = run.ranges[metric].get(name)
        cells = (
            plain_number(statistic.reference),
            plain_number(statistic.other),
            f"{plain_change(statistic.change)}{'' if statistic.enough_samples else '?'}",
            "" if ends is None else " to ".join(map(plain_change, ends)),
        )
        yield Row(name.upper() if name != MEAN else name, tuple(map(Cell, cells)))


def _of_latency(run: ValidationRun, metric: str) -> str:
    """One latency's requests, its distribution and its grade, in a line."""
    errors, judgement = run.errors[metric], run.judgements[metric]
    return (
        f"{LATENCIES[metric].label}: grade {judgement.grade} ({judgement.reason}); "
        f"request by request {errors.median_bias:+.1%} (median), "
        f"{errors.typical:.1%} off (median of sizes), "
        f"{errors.bias:+.1%} ± {errors.spread:.1%} (mean, standard deviation); KS {errors.ks:.3f}"
    )


def _legend(run: ValidationRun) -> list[str]:
    settings, profile = run.run.settings, run.profile
    steps = f"{run.step_overhead_ms:g} ms between steps"
    if run.fit is not None:
        steps += f" (fitted to {run.fit.num_requests} requests; the other {run.num_scored} scored)"
    loop = "asynchronous" if settings.asynchronous else "one batch after the other"
    caching = "on" if settings.prefix_caching else "off"
    limits = ", ".join(f"{threshold.grade} {threshold.limit:.0%}" for threshold in THRESHOLDS)
    return [
        *(_of_latency(run, metric) for metric in run.errors),
        f"all: grade {run.overall.grade}",
        f"simulated on {profile.name} with {run.scheduler}, {settings.kv_blocks:,} KV blocks, "
        f"prefix caching {caching}, scheduling {loop}, {steps}",
        f"other caches: range of the change over KV caches up to {max(NEIGHBOURS):.1%} smaller or "
        "larger; ?: too few requests to judge; KS: largest difference of the two distribution "
        "functions",
        f"grades: {limits} for means and medians, {TAIL_FACTOR:g} times as much from P90 on; "
        f"{LAST.grade} beyond",
    ]
