"""``slaibench validate`` against a log or recordings: its options, its work and its tables."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.text import Text

from slaibench.cli.options import EngineOptions, LoadOptions
from slaibench.cli.shell import EXIT_NO, err, fail, out, print_json, running, usage
from slaibench.cli.terminal import plain_table
from slaibench.measure.catalogue import LATENCIES
from slaibench.measure.grade import LAST, TAIL_FACTOR, THRESHOLDS
from slaibench.measure.prediction_error import MEAN
from slaibench.report.words import plain_change, plain_number
from slaibench.studies.validation.ask import Answer, Question, answer, prepare
from slaibench.studies.validation.log import LogFile
from slaibench.studies.validation.matching import DESPITE
from slaibench.studies.validation.validation_run import NEIGHBOURS, ValidationRun

_against = partial(typer.Option, rich_help_panel="Against a log or recordings")


BETWEEN = "sim,vllm"
RATES = "1"
SEEDS = 3
"""Defaults of what a validation between backends is asked for besides."""


@dataclass(frozen=True, slots=True)
class Against:
    """A run of an engine that the simulator is held against."""

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
    def asked(self) -> bool:
        """Whether it is about a run of an engine at all.

        Raises:
            ValueError: there are options of such a run, and no run.
        """
        found = self.log is not None or self.recording is not None
        if not found and self != Against():
            raise ValueError("there is nothing to validate against: give --log FILE or --recording")
        return found


@dataclass(frozen=True, slots=True)
class Between:
    """What a validation between backends is asked for, and one against a run has no use for."""

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
        given += [
            f"--{field.name.replace('_', '-')}"
            for field in fields(self.load)
            if getattr(self.load, field.name) != field.default
        ]
        if given:
            raise ValueError(
                f"{', '.join(given)}: requests and times are the run's own here: leave it out"
            )


def validate_against(
    against: Against,
    schedulers: list[str] | None,
    engine: EngineOptions,
    between: Between,
    *,
    as_json: bool,
) -> None:
    """Replay, compare, print; status 1 if a run gets the last grade."""
    with usage():
        between.check_unused()
        prepared = prepare(_question(against, schedulers, engine))
    done: list[ValidationRun] = []

    def told(held: ValidationRun) -> None:
        done.append(held)
        if len(prepared.subjects) > 1:
            err.print(f"{len(done)} of {len(prepared.subjects)} runs", highlight=False)

    with usage(), running():
        result = answer(prepared, told)
    if as_json:
        print_json(result.to_json())
    else:
        _show(result)
    if not result.ok:
        raise fail(f"grade {LAST.grade}: the simulator {LAST.reason} here", EXIT_NO)


def _question(against: Against, schedulers: list[str] | None, engine: EngineOptions) -> Question:
    recorded = against.recording is not None
    for given, option in (
        (engine.weights, "--weights"),
        (engine.prefix_caching, "--prefix-caching"),
        (engine.max_context_tokens, "--max-context-tokens"),
        (recorded and engine.kv_blocks, "--kv-blocks"),
        (recorded and against.meta, "--meta"),
        (recorded and against.column, "--column"),
        (recorded and against.time_unit != Against().time_unit, "--time-unit"),
    ):
        if given:
            raise ValueError(f"{option} is the run's own matter here: leave it out")
    if schedulers is not None and len(schedulers) > 1:
        raise ValueError(
            f"one engine ran with one scheduler, not with {' and '.join(schedulers)}: name one"
        )
    columns = dict(_pair(text) for text in against.column or ())
    return Question(
        log=None
        if against.log is None
        else LogFile(against.log, against.meta, columns, against.time_unit, engine.kv_blocks),
        recording=against.recording,
        gpu=engine.gpu,
        model=engine.model,
        profile=engine.profile,
        scheduler=schedulers[0] if schedulers else None,
        fit=against.fit_step_overhead,
        kept=not against.no_keep,
        despite_mismatch=against.despite_mismatch,
        source=against.source,
    )


def _pair(text: str) -> tuple[str, str]:
    column, equals, name = text.partition("=")
    if not equals or not name:
        raise ValueError(f"--column {text!r}: write it as arrival=NAME")
    return column.strip(), name.strip()


def _show(result: Answer) -> None:
    for held in result.held:
        out.print(table(held))
        lines: list[Any] = [*_legend(held), *(f"note: {note}" for note in held.notes)]
        for line in lines:
            out.print(escape(line), highlight=False, soft_wrap=True)
    for text in result.left_out:
        out.print(f"left out: {escape(text)}", highlight=False, soft_wrap=True)
    for path in result.files:
        out.print(f"errors kept in {escape(str(path))}", highlight=False, soft_wrap=True)


def table(held: ValidationRun) -> RenderableType:
    """A block a latency, a row a statistic: both sides, the change and its range."""
    grid = plain_table()
    for heading in ("", ""):
        grid.add_column(heading, no_wrap=True)
    for heading in ("engine", "simulator", "change", "other caches"):
        grid.add_column(heading, justify="right", no_wrap=True)
    for metric, found in held.errors.items():
        names = list(found.statistics)
        for name, each in found.statistics.items():
            ends = held.ranges[metric].get(name)
            grid.add_row(
                f"{LATENCIES[metric].label}, s" if name == names[0] else "",
                name.upper() if name != MEAN else name,
                plain_number(each.reference),
                plain_number(each.other),
                f"{plain_change(each.change)}{'' if each.told else '?'}",
                "" if ends is None else " to ".join(map(plain_change, ends)),
                end_section=name == names[-1],
            )
    title = f"{held.run.name}: {held.run.settings.engine}, {held.run.load}"
    return Group(Text(title, style="bold"), grid)


def _of_latency(held: ValidationRun, metric: str) -> str:
    """One latency's requests, its distribution and its grade, in a line."""
    found, judgement = held.errors[metric], held.judgements[metric]
    return (
        f"{LATENCIES[metric].label}: grade {judgement.grade} ({judgement.reason}); "
        f"request by request {found.median_bias:+.1%} (median), "
        f"{found.typical:.1%} off (median of sizes), "
        f"{found.bias:+.1%} ± {found.spread:.1%} (mean, standard deviation); KS {found.ks:.3f}"
    )


def _legend(held: ValidationRun) -> list[str]:
    settings, profile = held.run.settings, held.profile
    steps = f"{held.step_overhead_ms:g} ms between steps"
    if held.fit is not None:
        steps += (
            f" (fitted to {held.fit.num_requests} requests; the other {held.num_scored} scored)"
        )
    loop = "asynchronous" if settings.asynchronous else "one batch after the other"
    caching = "on" if settings.prefix_caching else "off"
    lines = [
        *(_of_latency(held, metric) for metric in held.errors),
        f"all: grade {held.verdict.grade}",
        f"simulated on {profile.name} with {held.scheduler}, {settings.kv_blocks:,} KV blocks, "
        f"prefix caching {caching}, scheduling {loop}, {steps}",
    ]
    limits = ", ".join(f"{each.grade} {each.limit:.0%}" for each in THRESHOLDS)
    lines.append(
        f"other caches: range of the change over KV caches up to {max(NEIGHBOURS):.1%} smaller or "
        "larger; ?: too few requests to judge; KS: largest difference of the two distribution "
        "functions"
    )
    lines.append(
        f"grades: {limits} for means and medians, {TAIL_FACTOR:g} times as much from P90 on; "
        f"{LAST.grade} beyond"
    )
    return lines
