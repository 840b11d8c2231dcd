"""Options that several commands share, and how they become a study's specification."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from slaibench.cli.spec_options import SpecOptions, parameter_type
from slaibench.cli.workers import KEPT, WorkerOptions
from slaibench.rates import AUTO, concurrency_of, parse_rates
from slaibench.spec import (
    BackendPart,
    DeploymentPart,
    EndpointPart,
    EnginePart,
    LoadPart,
    MetricsPart,
    Option,
    SpeculationPart,
    StudySpec,
    TargetPart,
    flags_of,
    options_of,
)

DEFAULT_RATES = AUTO
NOT_BOTH = (
    "requests come at a rate, or from clients that wait for their answers: leave out one of the two"
)
RESULTS_FOLDER = Path("results")
REPORTS_FOLDER = Path("reports")

SERVED, LOAD, JUDGED = "What serves", "Load", "Targets"
"""Panels of a command's help; a further one: ``KEPT``."""
_kept = partial(typer.Option, rich_help_panel=KEPT)

Rates = Annotated[str, parameter_type("rates", LOAD)]
Concurrency = Annotated[str | None, parameter_type("concurrency", LOAD)]
Seeds = Annotated[int, parameter_type("num_seeds", LOAD)]
Slo = Annotated[str | None, parameter_type("slo", JUDGED)]
Schedulers = Annotated[
    list[str] | None,
    typer.Option(
        "--scheduler", "-s", help="May be given several times. Default: sarathi and slai."
    ),
]
Reports = Annotated[Path, _kept(help="Folder of the report pages.")]
NoReport = Annotated[bool, _kept("--no-report", help="Write no page.")]
Json = Annotated[bool, typer.Option("--json", help="The same numbers as one JSON document.")]


class ServingOptions(SpecOptions, part=BackendPart, panel=SERVED):
    """Which backend serves, on what."""


class EngineOptions(
    SpecOptions,
    part=EnginePart,
    panel=SERVED,
    others=dict([*options_of(DeploymentPart), *options_of(SpeculationPart)]),
):
    """What an engine serves, and with how much memory."""


class ProfileOptions(
    SpecOptions,
    part=DeploymentPart,
    panel=SERVED,
    others={
        name: option
        for name, option in options_of(EnginePart)
        if name in ("model", "gpu", "profile")
    },
):
    """Of what a profile is."""


class EndpointOptions(
    SpecOptions,
    part=EndpointPart,
    panel=SERVED,
    others={
        "model": Option("What the server calls its model. Default: the only one it has."),
        **dict(options_of(MetricsPart)),
    },
):
    """A server that is there already."""


class UrlOptions(
    SpecOptions,
    part=EndpointPart,
    panel="A server that is there already",
    others=dict(options_of(MetricsPart)),
):
    """The same, where the model is named among other options."""


class LoadOptions(SpecOptions, part=LoadPart, panel=LOAD):
    """What arrives, and for how long."""


class TargetOptions(SpecOptions, part=TargetPart, panel=JUDGED):
    """Definitions behind the numbers, and targets."""


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


OPTION_OF: Mapping[str, str] = {"schedulers": "--scheduler", **flags_of(StudySpec)}
"""Fields of a study's specification as the command line calls them."""


def study(
    schedulers: Sequence[str], seeds: int, rates: str | None, *groups: SpecOptions, **more: Any
) -> StudySpec:
    """The validated specification behind a command's arguments.

    Args:
        more: further fields.

    Raises:
        ValueError: a value does not parse or is out of range.
    """
    values = {name: value for group in groups for name, value in group.values.items()}
    return StudySpec(
        schedulers=tuple(schedulers),
        num_seeds=seeds,
        rates=parse_rates(rates) if rates is not None else (),
        **values,
        **more,
    )


def closed_loops(
    concurrency: str | None, rates: str, default: str
) -> tuple[tuple[int, ...] | None, str | None]:
    """Numbers of clients (None: open loops), and the rates that are left beside them.

    Args:
        default: rates that nobody asked for.

    Raises:
        ValueError: the clients do not parse, or there are rates as well.
    """
    if concurrency is None:
        return None, rates
    if rates != default:
        raise ValueError(f"--rates {rates} --concurrency {concurrency}: {NOT_BOTH}")
    return concurrency_of(concurrency), None


def given(*groups: SpecOptions) -> dict[str, Any]:
    """Fields of a specification that the options say something else of than their defaults do."""
    return {name: value for group in groups for name, value in group.given().items()}


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
