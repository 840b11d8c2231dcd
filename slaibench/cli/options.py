"""Options that several commands share, and how they become a study's specification."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from slaibench.cli.endpoint import SERVED, EndpointOptions
from slaibench.cli.workers import KEPT, WorkerOptions
from slaibench.rates import parse_rates
from slaibench.spec import (
    DEFAULT_MODEL,
    DEFAULT_SLO,
    PAPER_SLO,
    Clock,
    Convention,
    Device,
    StudySpec,
)
from slaibench.workloads.joined import JOIN

DEFAULT_RATES = "1:20"
RESULTS_FOLDER = Path("results")
REPORTS_FOLDER = Path("reports")

LOAD, JUDGED = "Load", "Targets"
"""Panels of a command's help; further ones: ``SERVED``, ``KEPT``."""
_served, _load, _judged, _kept = (
    partial(typer.Option, rich_help_panel=panel) for panel in (SERVED, LOAD, JUDGED, KEPT)
)

Rates = Annotated[
    str, _load(help="Requests a second: start:stop[:step] (inclusive), or a list 0.8,1.2.")
]
Schedulers = Annotated[
    list[str] | None,
    typer.Option(
        "--scheduler", "-s", help="May be given several times. Default: sarathi and slai."
    ),
]
Seeds = Annotated[int, _load(help="Replicates of each cell.", min=1)]
Slo = Annotated[
    str | None,
    _judged(
        help=f"Targets; paper: {PAPER_SLO}. Default: {DEFAULT_SLO}, or by the paper's conventions "
        "paper."
    ),
]
Reports = Annotated[Path, _kept(help="Folder of the report pages.")]
NoReport = Annotated[bool, _kept("--no-report", help="Write no page.")]
Json = Annotated[bool, typer.Option("--json", help="The same numbers as one JSON document.")]


@dataclass(frozen=True, slots=True)
class ServingOptions:
    """Which backend serves, on what."""

    backend: Annotated[
        str,
        _served(
            help="sim (calibrated simulator), vllm or sglang (the real engines); a server that is "
            "there already: slaibench replay."
        ),
    ] = "sim"
    device: Annotated[
        Device | None,
        _served(
            help="What an engine computes on. Default: emulated, which takes batch times from a "
            "profile and needs no GPU."
        ),
    ] = None
    clock: Annotated[
        Clock | None,
        _served(
            help="Default: virtual where that is possible; real runs an emulated engine behind "
            "HTTP."
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What an engine serves, and with how much memory."""

    model: Annotated[
        str | None,
        _served(help=f"Model of the catalog (slaibench models). Default: {DEFAULT_MODEL}."),
    ] = None
    gpu: Annotated[
        str | None,
        _served(
            help="GPU of the catalog (slaibench gpus) whose batch times are simulated or emulated. "
            "Default: h100."
        ),
    ] = None
    profile: Annotated[
        str | None, _served(help="File of a profile of your own (instead of the catalog's).")
    ] = None
    weights: Annotated[
        str | None,
        _served(help="Checkpoint: a folder or a Hugging Face id. Default: random weights."),
    ] = None
    kv_blocks: Annotated[
        int | None,
        _served(
            help="KV blocks. Default: the profile's number, or what the engine finds room for.",
            min=1,
        ),
    ] = None
    max_context_tokens: Annotated[
        int | None,
        _served(
            help="Longest prompt + output. Default: the model's (sim), or a little more than the "
            "workload's longest request (engines).",
            min=2,
        ),
    ] = None
    prefix_caching: Annotated[
        bool, _served("--prefix-caching", help="Keep KV blocks of common beginnings of prompts.")
    ] = False
    engine_args: Annotated[
        str | None,
        _served(
            help="More arguments of the engine's server, in one word: "
            "'--tensor-parallel-size=2 ...'."
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """What arrives, and for how long."""

    workload: Annotated[
        list[str] | None,
        _load(
            help="Name (slaibench workload) or a CSV, parquet or JSONL file of lengths; several "
            "are taken together. Default: sharegpt4 where the data set is at hand, else its "
            "statistical model."
        ),
    ] = None
    arrivals: Annotated[
        str | None,
        _load(help="poisson, gamma:cv=3, constant, burst, trace[:scale=1], poisson-truncated."),
    ] = None
    tiers: Annotated[
        str | None, _load(help="name:share:tbt_slo_s,... Default: paying:0.05:0.1,free:0.95:0.5")
    ] = None
    first_seed: Annotated[int, _load(help="Seed of the first replicate.", min=0)] = 0
    requests: Annotated[
        int | None,
        _load(help="Requests of a cell. Default: 1,200, and at least 180 s' worth.", min=20),
    ] = None
    duration: Annotated[
        float | None,
        _load(help="End each cell after this many seconds instead of when all is served."),
    ] = None
    max_total_tokens: Annotated[
        int | None,
        _load(help="Leave out requests of more prompt + output tokens than this.", min=2),
    ] = None


@dataclass(frozen=True, slots=True)
class TargetOptions:
    """Definitions behind the numbers, and targets."""

    slo: Slo = None
    convention: Annotated[Convention, _judged(help="Definitions behind the numbers.")] = (
        Convention.STRICT
    )


@dataclass(frozen=True, slots=True)
class RunOptions(WorkerOptions):
    """How cells run, and where they are kept."""

    results: Annotated[Path, _kept(help="Folder of the recordings.")] = RESULTS_FOLDER
    fresh: Annotated[bool, _kept("--fresh", help="Record again what is already there.")] = False
    as_json: Json = False


@dataclass(frozen=True, slots=True)
class PageOptions:
    """The page that a study's result becomes."""

    reports: Reports = REPORTS_FOLDER
    no_report: NoReport = False

    @property
    def folder(self) -> Path | None:
        """Where the page goes; None: none is wanted."""
        return None if self.no_report else self.reports


FIELDS = {
    "scheduler": "schedulers",
    "seeds": "num_seeds",
    "requests": "num_requests",
    "duration": "duration_s",
    "timeout": "timeout_s",
}
"""Options whose field of a study's specification has another name."""
OPTION_OF = {
    **{field: f"--{option}" for option, field in FIELDS.items()},
    **{
        field.name: f"--{field.name.replace('_', '-')}"
        for group in (ServingOptions, EngineOptions, EndpointOptions, LoadOptions, TargetOptions)
        for field in fields(group)
        if field.name not in FIELDS
    },
}
"""Fields of a study's specification as the command line calls them."""


def study(
    schedulers: Sequence[str], seeds: int, rates: str | None, *groups: Any, **more: Any
) -> StudySpec:
    """The validated specification behind a command's arguments.

    Args:
        groups: options whose fields are the specification's (``FIELDS``).
        more: further fields.

    Raises:
        ValueError: a value does not parse or is out of range.
    """
    values = {
        FIELDS.get(field.name, field.name): _value(getattr(group, field.name))
        for group in groups
        for field in fields(group)
    }
    return StudySpec(
        schedulers=tuple(schedulers),
        num_seeds=seeds,
        rates=parse_rates(rates) if rates is not None else (),
        **values,
        **more,
    )


def _value(value: Any) -> Any:
    """Of an option that may be given several times, one text."""
    return JOIN.join(value) if isinstance(value, list) else value


def given(*groups: Any) -> dict[str, Any]:
    """Fields of a specification that the options say something else of than their defaults do."""
    return {
        FIELDS.get(field.name, field.name): _value(getattr(group, field.name))
        for group in groups
        for field in fields(group)
        if getattr(group, field.name) != field.default
    }


def check_reports(folder: Path | None) -> None:
    """Make the folder of the pages, if any is wanted, before any work is done.

    Raises:
        ValueError: it cannot be made.
    """
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(
            f"reports folder {str(folder)!r} cannot be made ({error.strerror}); choose another "
            "with --reports, or --no-report"
        ) from error
