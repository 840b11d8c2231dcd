"""Running what the paper's figures need: each cell once, however many figures show it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

from slaibench.recording.store import check_writable
from slaibench.reproductions.bari2025.batches import (
    batch_study,
    block_study,
    budget_study,
    write_lengths,
)
from slaibench.reproductions.bari2025.figures import FIGURES, Figure, Kind, Mix
from slaibench.reproductions.bari2025.load import (
    CAPACITY_OF,
    MEDIAN_ONLY,
    Load,
    LoadSummarizer,
    load_spec,
)
from slaibench.reproductions.bari2025.result import PaperResult, sort_cells
from slaibench.reproductions.bari2025.spec import PaperSpec
from slaibench.spec import CellSpec, Convention, StudySpec
from slaibench.studies.capacity import check_rate_counts, search
from slaibench.studies.executors import CellResult, Jobs, jobs_for
from slaibench.studies.lifecycle import OnCell, Plan, about_of, collect, quiet
from slaibench.studies.prepared import PreparedStudy, prepare
from slaibench.studies.searches import Search, side_by_side
from slaibench.studies.targets import Targets


def run(
    paper: PaperSpec,
    results: Path,
    *,
    jobs: Jobs = None,
    fresh: bool = False,
    on_cell: OnCell = quiet,
) -> PaperResult:
    """Run what is not on disk yet, and bring figures, claims and conventions together.

    Args:
        results: folder of the recordings; cells found there are not run again.
        jobs: cells at a time (None: one a core), or the cluster that runs them.
        fresh: run all of them again.
        on_cell: called after each finished cell.

    Raises:
        ValueError: the specification names something unknown.
        RecordingError, BackendError, SchedulerError: a cell cannot be had.
    """
    check(paper, results, jobs)
    batch_cells: dict[Kind, tuple[CellResult, ...]] = {}
    for name in paper.figures:
        if FIGURES[name].mix is None:
            kind = FIGURES[name].kind
            prepared = prepare(_batch_study(paper, kind, results))
            # Single batches take no time worth a second process.
            with Plan.of(prepared, results, jobs=1, fresh=fresh).open() as executor:
                batch_cells[kind] = sort_cells(collect(executor, prepared.cells(), on_cell))

    def load(mix: Mix, convention: Convention) -> Load:
        return _load(paper, mix, convention, results, jobs, fresh, on_cell)

    return PaperResult(spec=paper, batch_cells=batch_cells, loads=loads_of(paper, load))


def loads_of(
    paper: PaperSpec, load: Callable[[Mix, Convention], Load]
) -> dict[Mix, tuple[Load, Load]]:
    """By mix, in order: its runs under the paper's conventions, and under strict ones."""
    return {
        mix: (load(mix, Convention.PAPER), load(mix, Convention.STRICT)) for mix in mixes(paper)
    }


def searches(paper: PaperSpec, mix: Mix) -> bool:
    """Whether some figure of a mix needs capacities searched."""
    return any(FIGURES[name].capacities for name in paper.figures if FIGURES[name].mix is mix)


def check(paper: PaperSpec, results: Path, jobs: Jobs = None) -> None:
    """Everything that can be refused before any work is done.

    Raises:
        ValueError: a name or value of the specification is wrong, or several ``jobs`` cannot be
            had.
        RecordingError: ``results`` cannot be written.
    """
    check_writable(results)
    for name in paper.figures:
        if FIGURES[name].mix is None:
            prepare(_batch_study(paper, FIGURES[name].kind, results))
    prepared = prepare(paper.load_study(Mix.FEW, Convention.PAPER, _all_schedulers(paper)))
    check_rate_counts(prepared)
    jobs_for(prepared, jobs)
    prepared.requests(prepared.cell(prepared.spec.schedulers[0], paper.rates[0], paper.first_seed))


def mixes(paper: PaperSpec) -> tuple[Mix, ...]:
    """The mixes of tiers that the figures are about."""
    shown = {FIGURES[name].mix for name in paper.figures}
    return tuple(mix for mix in Mix if mix in shown)


def _all_schedulers(paper: PaperSpec) -> tuple[str, ...]:
    named = (name for figure in paper.figures for name in FIGURES[figure].schedulers)
    return tuple(dict.fromkeys(named)) or CAPACITY_OF


def _batch_study(paper: PaperSpec, kind: Kind, results: Path) -> StudySpec:
    if kind is Kind.BATCHES:
        return batch_study(paper, write_lengths(results))
    return budget_study(paper) if kind is Kind.BUDGETS else block_study(paper)


def _load(
    paper: PaperSpec,
    mix: Mix,
    convention: Convention,
    results: Path,
    jobs: Jobs,
    fresh: bool,
    on_cell: OnCell,
) -> Load:
    spec = load_spec(paper, mix, convention)
    prepared = prepare(spec)
    figures = [FIGURES[name] for name in paper.figures if FIGURES[name].mix is mix]
    summarize = LoadSummarizer.for_study(prepared.spec)
    plan = Plan.of(prepared, results, jobs=jobs, fresh=fresh, summarize=summarize)
    with plan.open() as executor:
        cells = list(collect(executor, _wanted(paper, prepared, figures), on_cell))
        searched = searches(paper, mix)
        if searched:
            of = [_searched(prepared, scheduler, cells) for scheduler in CAPACITY_OF]
            others = [cell for cell in cells if cell.cell.scheduler not in CAPACITY_OF]
            cells = [*others, *chain.from_iterable(side_by_side(executor, of, on_cell))]
    return Load(mix, prepared.spec, about_of(cells), sort_cells(cells), searched)


def _searched(
    prepared: PreparedStudy, scheduler: str, cells: Sequence[CellResult]
) -> Search[Sequence[CellResult]]:
    """A scheduler's cells, with those that the search of its capacity adds: by all targets, and by
    median TTFT alone, since that is what usually ends it."""
    spec = prepared.spec.model_copy(update={"slo": MEDIAN_ONLY})
    median = replace(prepared, spec=spec, targets=Targets.of(spec, prepared.tiers))
    for study in (prepared, median):
        cells = (yield from search(study, scheduler, cells)).cells
    return cells


def _wanted(paper: PaperSpec, prepared: PreparedStudy, figures: list[Figure]) -> list[CellSpec]:
    """Every cell that some figure shows, rate by rate."""
    spec = prepared.spec
    pairs = {
        (scheduler, rate)
        for figure in figures
        for scheduler in figure.schedulers
        for rate in figure.rates or paper.rates
    }
    return [
        prepared.cell(scheduler, rate, spec.first_seed + replicate)
        for rate in spec.rates
        for replicate in range(spec.num_seeds)
        for scheduler in spec.schedulers
        if (scheduler, rate) in pairs
    ]
