"""The command that measures an engine on this machine, and its table."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.text import Text

from slaibench.cli import options
from slaibench.cli.expand import expanded
from slaibench.cli.options import EngineOptions
from slaibench.cli.shell import err, out, print_json, running, usage
from slaibench.cli.terminal import DIM, listed
from slaibench.cli.verbosity import is_quiet
from slaibench.report.table import Heading
from slaibench.report.words import plain_share, plural
from slaibench.spec import Clock, Device
from slaibench.studies.calibration import study
from slaibench.studies.calibration.result import CalibrationResult
from slaibench.studies.calibration.session import Budget, OnPhase

MEASURED = "Measuring"


@expanded
def calibrate(
    backend: Annotated[str, typer.Option(help="The engine: vllm or sglang.")] = "vllm",
    device: Annotated[
        Device | None,
        typer.Option(help="What computes: cuda or cpu; emulated tries it on a known profile."),
    ] = None,
    clock: Annotated[
        Clock | None, typer.Option(help="Of an emulated device. Default: virtual.")
    ] = None,
    token_budget: Annotated[
        int,
        typer.Option(
            help="Largest batch: the most of the schedulers it is for.",
            min=2,
            rich_help_panel=MEASURED,
        ),
    ] = 512,
    max_active: Annotated[
        int,
        typer.Option(
            help="Requests at a time: the most of the schedulers it is for.",
            min=1,
            rich_help_panel=MEASURED,
        ),
    ] = 128,
    minutes: Annotated[
        float,
        typer.Option(
            help="Begin no round that would end later; the engine's start counts.",
            rich_help_panel=MEASURED,
        ),
    ] = 5.0,
    rounds: Annotated[
        int | None,
        typer.Option(
            help="Rounds in all, those in the folder among them. Default: what fits the minutes.",
            rich_help_panel=MEASURED,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            help="Of what computes, in the profile. Default: the hardware's.",
            rich_help_panel=MEASURED,
        ),
    ] = None,
    folder: Annotated[
        Path,
        typer.Option("--out", help="Folder of the profile and of what it rests on."),
    ] = Path("calibration"),
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Measure again what is already there.")
    ] = False,
    as_json: options.Json = False,
    *,
    engine: EngineOptions,
) -> None:
    """Measure batch times of an engine on this machine, and fit a profile for the simulator."""
    with usage(options.OPTION_OF):
        spec = options.study(
            ("sarathi",), 1, None, engine, backend=backend, device=device, clock=clock
        )
        plan = study.plan(
            spec,
            folder,
            Budget(minutes, rounds),
            token_budget=token_budget,
            max_active=max_active,
            name=name,
            fresh=fresh,
        )
    with running(), _progress() as on_phase:
        result = study.run(plan, on_phase)
    if as_json:
        print_json(result.to_json())
    else:
        out.print(tables(result))


@contextmanager
def _progress() -> Iterator[OnPhase]:
    """A line on stderr for each part of a round; how long all took at the end."""
    begun = time.monotonic()
    count = 0

    def on_phase(number: int, phase: str) -> None:
        nonlocal count
        count += 1
        if not is_quiet():
            err.print(f"calibrate: round {number}, {escape(phase)}", highlight=False)

    yield on_phase
    if is_quiet():
        return
    took = time.monotonic() - begun
    parts = plural(count, "part")
    err.print(f"calibrate: {parts} of rounds measured, in {took:.0f} s", highlight=False)


def tables(result: CalibrationResult) -> RenderableType:
    """Errors on batches that were held out, by kind, beside the measurement's own spread."""
    values = result.values
    columns = [
        Heading(title) for title in ("held out", "error P50", "P95", "bias", "measured again")
    ]
    rows = [
        (
            KINDS[errors.kind.value],
            f"{errors.num_cells}",
            f"{errors.median:.1%}",
            f"{errors.p95:.1%}",
            f"{errors.bias:+.1%}",
            plain_share(errors.spread),
        )
        for errors in result.errors
    ]
    rounds = plural(result.rounds, "round")
    heading = (
        f"{values['model']} on {values['gpu']}: {result.num_cells:,} batches, {rounds}, "
        f"{result.num_held_out} batches held out"
    )
    lines = (
        f"{values['engine']}",
        f"KV cache: {result.memory.kv_blocks:,} blocks of {result.memory.block_size} tokens",
        f"a step beside the device: {result.overhead_s * 1e3:.2f} ms; "
        f"a request's way to the engine and back: {result.delivery_s * 1e3:.2f} ms",
        f"profile: {result.profile}",
        *_warnings(result),
    )
    return Group(
        Text(heading, style="bold"),
        Text(),
        listed("", columns, rows, head="batches of"),
        Text(LEGEND, style=DIM),
        *(Text(line) for line in lines),
    )


def _warnings(result: CalibrationResult) -> tuple[str, ...]:
    if result.disturbance is None:
        return ()
    return (
        f"warning: the same batches differed by {result.disturbance:.0%} between two halves of the "
        "rounds: something else uses this machine, and no profile of it predicts better than that",
    )


KINDS = {"decode": "decodes", "prefill": "chunks", "mixed": "both"}
LEGEND = """
error: of the time of batches that no fit has seen, against their median; bias: the signed one's P50
measured again: the same batches, first half of the rounds against the second, P50"""
