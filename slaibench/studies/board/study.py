"""The board: every published run that can be represented, replayed, and how far off each is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

from slaibench.catalog.board import plain_name
from slaibench.catalog.fields import CatalogError
from slaibench.catalog.host import HostTime, host_time, host_times, with_host_times
from slaibench.catalog.model import get_model
from slaibench.catalog.profile import parse_profile
from slaibench.operators.aiconfigurator import check_installed
from slaibench.operators.configs import config_folder
from slaibench.operators.deployment import Deployment, OperatorSource
from slaibench.operators.estimate import LibraryEstimate
from slaibench.operators.store import operator_values, profile_of
from slaibench.studies.board.causes import OWN_OPERATORS, Cause, causes_of
from slaibench.studies.board.fit import Replayed, fit_host_times
from slaibench.studies.board.own import OwnRun, plan_own, run_own
from slaibench.studies.board.replay import Latency, replay
from slaibench.studies.board.rows import Configuration, Half, Row, published_file, read_rows
from slaibench.studies.board.served import deployment_of, serving_of
from slaibench.studies.executors.jobs import default_jobs
from slaibench.studies.validation.study import ValidationPlan

T = TypeVar("T")
OnConfiguration = Callable[[int, int], None]
"""Called after each configuration: how many are done, of how many."""


@dataclass(frozen=True, slots=True)
class BoardSpec:
    """Which published runs to replay.

    Args:
        gpu, model, engine: only those; None: all.
        jobs: processes; None: a processor each.
        logs, recordings: runs of our own, to be scored beside them (``own``).
    """

    gpu: str | None = None
    model: str | None = None
    engine: str | None = None
    jobs: int | None = None
    logs: tuple[Path, ...] = ()
    recordings: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class BoardPlan:
    """What is replayed.

    Args:
        configurations: with their rows.
        left_out: lines of the file that cannot be represented, by reason.
        lines: of the file that can.
        own: runs of our own.
    """

    spec: BoardSpec
    configurations: tuple[tuple[Configuration, tuple[Row, ...]], ...]
    left_out: Mapping[str, int]
    lines: int
    own: tuple[ValidationPlan, ...] = ()


@dataclass(frozen=True, slots=True)
class Score:
    """One row, by three ways.

    Args:
        ours: the simulator on the compiled profile, with host time.
        library: the library's own estimate; None: it has none.
        roofline: the simulator on the roofline of the same shape; None: it does not fit there.
    """

    row: Row
    causes: frozenset[Cause]
    ours: Latency
    library: Latency | None = None
    roofline: Latency | None = None


@dataclass(frozen=True, slots=True)
class Board:
    """What came of it.

    Args:
        scores: in the order of the rows.
        left_out: lines and rows that were not replayed, by reason.
        lines: of the file, that the scores are of.
        times: host times that were taken.
        own: runs of our own.
    """

    scores: tuple[Score, ...]
    left_out: Mapping[str, int]
    lines: int
    times: tuple[HostTime, ...]
    own: tuple[OwnRun, ...] = ()


def plan(spec: BoardSpec) -> BoardPlan:
    """Read the published runs, and choose.

    Raises:
        CatalogError: the library that they come with is not installed.
        ValueError: there are none of what was asked for; with what there is. Or a run of our own
            cannot be replayed.
        RecordingError: one of our own is damaged.
    """
    check_installed()
    rows = read_rows(published_file())
    chosen = [row for row in rows.rows if _is_chosen(row.configuration, spec)]
    if not chosen:
        raise ValueError(_nothing(spec, [row.configuration for row in rows.rows]))
    grouped = groupby(chosen, key=lambda row: row.configuration)
    configurations = tuple((key, tuple(group)) for key, group in grouped)
    own = plan_own(spec.logs, spec.recordings)
    return BoardPlan(spec, configurations, rows.left_out, rows.read, own)


def run(
    plan: BoardPlan,
    on_configuration: OnConfiguration = lambda *_: None,
    times: tuple[HostTime, ...] | None = None,
) -> Board:
    """Replay what was planned.

    Args:
        times: instead of the catalog's host times.

    Raises:
        CatalogError: the catalog's host times are damaged.
    """
    times = host_times() if times is None else times
    left_out = Counter(plan.left_out)
    scores: list[Score] = []
    work = [rows for _, rows in plan.configurations]
    for part, reason in _in_processes(
        partial(_scored, times=times), work, plan.spec, on_configuration
    ):
        scores += part
        if reason is not None:
            left_out[reason[0]] += reason[1]
    own = run_own(plan.own)
    return Board(tuple(scores), dict(sorted(left_out.items())), plan.lines, times, own)


def fit(
    plan: BoardPlan, on_configuration: OnConfiguration = lambda *_: None
) -> tuple[HostTime, ...]:
    """Host times, fitted to the rows of the fitted half among those that were planned; and those
    of the catalog that were fitted to something else."""
    fitted = [rows for key, rows in plan.configurations if key.half is Half.FITTED]

    def replayed(times: Sequence[HostTime]) -> list[Replayed]:
        work = partial(_replayed, times=tuple(times))
        return [
            result
            for part in _in_processes(work, fitted, plan.spec, on_configuration)
            for result in part
        ]

    others = [time for time in host_times() if time.source]
    return (*fit_host_times(replayed), *others)


def _is_chosen(configuration: Configuration, spec: BoardSpec) -> bool:
    return (
        spec.gpu in (None, configuration.gpu)
        and spec.engine in (None, configuration.engine)
        and (spec.model is None or plain_name(spec.model) == plain_name(configuration.model))
    )


def _nothing(spec: BoardSpec, configurations: Sequence[Configuration]) -> str:
    wanted = {"--gpu": spec.gpu, "--model": spec.model, "--engine": spec.engine}
    names: dict[str, Iterable[str]] = {
        "--gpu": {key.gpu for key in configurations},
        "--model": {plain_name(key.model) for key in configurations},
        "--engine": {key.engine for key in configurations},
    }
    given = " ".join(f"{option} {value}" for option, value in wanted.items() if value)
    there = "; ".join(
        f"{option}: {', '.join(sorted(names[option]))}" for option, value in wanted.items() if value
    )
    return f"no published run of {given}; there are runs of {there}"


def _in_processes(
    work: Callable[[tuple[Row, ...]], T],
    items: Sequence[tuple[Row, ...]],
    spec: BoardSpec,
    on_configuration: OnConfiguration,
) -> list[T]:
    jobs = min(spec.jobs or default_jobs(), len(items))
    results = []
    if jobs <= 1:
        for done, item in enumerate(items, start=1):
            results.append(work(item))
            on_configuration(done, len(items))
        return results
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for done, result in enumerate(pool.map(work, items), start=1):
            results.append(result)
            on_configuration(done, len(items))
    return results


def _replayed(rows: tuple[Row, ...], times: tuple[HostTime, ...]) -> list[Replayed]:
    """Rows of one configuration; none where there is no profile."""
    deployment = deployment_of(rows[0].configuration)
    try:
        model = get_model(deployment.model)
        bare = parse_profile(operator_values(deployment), deployment.words)
    except CatalogError:
        return []
    results = []
    for row in rows:
        causes = causes_of(row, bare, model)
        asynchronous = serving_of(row).asynchronous
        latency = _ours(row, deployment, model.architecture, times)
        results.append(Replayed(row, asynchronous, model.architecture, causes, latency))
    return results


def _ours(
    row: Row, deployment: Deployment, architecture: str, times: tuple[HostTime, ...]
) -> Latency:
    values = operator_values(deployment)
    own = architecture if architecture in OWN_OPERATORS else ""
    time = host_time(
        row.configuration.engine,
        row.configuration.version,
        asynchronous=serving_of(row).asynchronous,
        architecture=own,
        times=times,
    )
    if time is not None:
        values = with_host_times(values, [time], deployment=True)
    return replay(row, parse_profile(values, deployment.words))


def _scored(
    rows: tuple[Row, ...], times: tuple[HostTime, ...]
) -> tuple[list[Score], tuple[str, int] | None]:
    """Rows of one configuration; or why there are none, and how many."""
    configuration = rows[0].configuration
    ours = _replayed(rows, times)
    if not ours:
        what = f"{plain_name(configuration.model)} under {configuration.engine}"
        return [], (f"rows without a profile: {what}", len(rows))
    deployment = deployment_of(configuration)
    estimate = LibraryEstimate(deployment, config_folder(deployment.model))
    lower = replace(deployment, engine=OperatorSource.ROOFLINE)
    scores = []
    for result in ours:
        row = result.row
        scores.append(
            Score(
                row,
                result.causes,
                result.latency,
                library=_or_none(partial(_library, row, estimate)),
                roofline=_or_none(partial(_lower, row, lower)),
            )
        )
    return scores, None


def _lower(row: Row, deployment: Deployment) -> Latency:
    return replay(row, profile_of(deployment))


def _library(row: Row, estimate: LibraryEstimate) -> Latency:
    return Latency(
        *estimate.means_ms(
            prompt_tokens=row.prompt_tokens,
            output_tokens=row.output_tokens,
            concurrency=row.concurrency,
            token_budget=serving_of(row).token_budget,
        )
    )


def _or_none(latency: Callable[[], Latency]) -> Latency | None:
    try:
        return latency()
    except CatalogError:
        return None
