"""A judgement: planned, which fixes its rule and checks all before any work; then run."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from slaibench.measure.simultaneous import judge_together
from slaibench.rates import round_rate
from slaibench.recording import store
from slaibench.spec import CellSpec, StudySpec
from slaibench.studies.chosen_rates import (
    at_rates,
    check_can_choose,
    check_takes_rate,
    look,
)
from slaibench.studies.executors import CellResult, Executor, Jobs
from slaibench.studies.judge import artefact, pairs
from slaibench.studies.judge.confirmation import confirmation
from slaibench.studies.judge.design import (
    DEFAULT_REQUESTS,
    DEFAULT_SEEDS,
    SHARES,
    SLO,
    Design,
    default_metrics,
)
from slaibench.studies.judge.result import JudgeResult
from slaibench.studies.lifecycle import OnCell, Plan, about_of, collect, quiet
from slaibench.studies.prepared import PreparedStudy, prepare
from slaibench.studies.regression import metrics as metrics_of_runs
from slaibench.studies.regression.baseline import DEFAULT_MARGIN
from slaibench.studies.regression.judge import Sides, rows_of
from slaibench.studies.regression.result import SATURATED, Row
from slaibench.studies.trust import warnings_of

BACKEND = "vllm"
"""Where schedulers are judged unless another is named: in the engine that they are for."""
STOCK = "engine"
"""The reference unless another is named: an engine's own scheduler, as it is shipped."""
SIMULATED_STOCK = "vllm-default"
"""In the simulator, which has no engine: vLLM's rule."""


@dataclass(frozen=True)
class JudgePlan(Plan):
    """A judgement that can be made.

    Args:
        design: the rule.
        given: both schedulers, each in the mode that it has as it is, where these differ; what is
            judged then has both in the synchronous one. None: they have one mode in common.
    """

    searches = True

    design: Design
    given: Plan | None


def plan(
    candidate: str,
    reference: str | None,
    spec: Mapping[str, object],
    results: Path,
    *,
    metrics: Sequence[str] = (),
    margin: float | None = None,
    jobs: Jobs = None,
    fresh: bool = False,
) -> JudgePlan:
    """A judgement, checked as far as that goes without running a cell.

    Args:
        candidate: who is judged.
        reference: against whom; None: stock.
        spec: fields of ``StudySpec`` that are not at their default; rates are chosen about the
            reference's capacity where there are none.
        metrics: names; none: the default ones.
        margin: largest relative change that does not matter; None: 5 %.
        results, jobs, fresh: as ``sweep.plan``.

    Raises:
        ValueError: as ``sweep.plan``; or a metric is none, or the margin no share.
        RecordingError: ``results`` cannot be written.
    """
    fields = {"backend": BACKEND, "num_seeds": DEFAULT_SEEDS, "num_requests": DEFAULT_REQUESTS}
    backend = spec.get("backend", fields["backend"])
    stock = SIMULATED_STOCK if backend == "sim" else STOCK
    fields |= {
        "schedulers": (reference or stock, candidate),
        "early_stop": False,
        "slo": SLO,
        **spec,
    }
    study = StudySpec.model_validate(fields)
    margin = DEFAULT_MARGIN if margin is None else margin
    if not 0 < margin < 1:
        raise ValueError(f"--margin {margin:g} must lie between 0 and 1; 0.05 is 5 %")
    if study.num_seeds < 2:
        raise ValueError(f"--seeds {study.num_seeds}: an interval needs two pairs or more")
    names = metrics_of_runs.check(metrics) or default_metrics()
    check_can_choose(study)
    prepared = prepare(study)
    check_takes_rate(prepared)
    made = partial(Plan.of, results=results, jobs=jobs, fresh=fresh)
    given = made(prepared) if len(set(modes(prepared))) > 1 else None
    if not all(info.decides_ahead for info in prepared.scheduler_infos):
        prepared = prepare(study.model_copy(update={"async_scheduling": False}))
    judged = made(prepared)
    return JudgePlan(
        judged.prepared,
        judged.results,
        judged.summarize,
        judged.jobs,
        judged.fresh,
        Design.of(prepared, names, margin),
        given,
    )


def modes(prepared: PreparedStudy) -> list[bool]:
    """Whether batches are decided ahead under each scheduler of a study, each as it is."""
    spec = prepared.spec
    cells = (prepared.cell(name, 1.0, spec.first_seed) for name in spec.schedulers)
    return [
        cell.async_scheduling and info.decides_ahead
        for cell, info in zip(cells, prepared.scheduler_infos, strict=True)
    ]


def run(plan: JudgePlan, on_cell: OnCell = quiet) -> JudgeResult:
    """Choose the loads where none are named, run the pairs, and judge.

    Raises:
        RecordingError, BackendError, SchedulerError: a cell cannot be had.
    """
    with plan.open() as executor:
        prepared = _at_loads(executor, plan.prepared, on_cell)
        cells = collect(executor, in_turns(prepared), on_cell)
    judged = _sides(cells, prepared, plan.design)
    rule = partial(judge_together, comparisons=plan.design.comparisons, error=plan.design.error)
    rows = [row for row in rows_of(judged, plan.design.margin, rule) if _says_something(row)]
    as_given: tuple[artefact.ArtefactRow, ...] = ()
    if plan.given is not None:
        given = at_rates(plan.given.prepared, prepared.spec.rates, prepared.spec.rates_chosen)
        with replace(plan.given, prepared=given).open() as executor:
            shipped = collect(executor, in_turns(given), on_cell)
        as_given = artefact.rows(_sides(shipped, given, plan.design), judged, plan.design.metrics)
        cells = tuple({cell.folder: cell for cell in (*cells, *shipped)}.values())
    first = store.read_run(cells[0].folder)
    run_s = {
        rate: float(np.mean([_end_s(cell) for cell in cells if cell.cell.rate_rps == rate]))
        for rate in prepared.spec.rates
    }
    reference, candidate = prepared.spec.schedulers
    return JudgeResult(
        spec=prepared.spec,
        candidate=candidate,
        reference=reference,
        asynchronous=modes(prepared)[0],
        design=plan.design,
        rows=tuple(rows),
        synchronous=_synchronous(plan),
        as_given=as_given,
        confirmation=confirmation(rows, plan.design.margin, run_s),
        about=about_of(cells),
        workload_note=prepared.source.note,
        versions={"python": platform.python_version(), **first["versions"]},
        warnings=warnings_of(cells),
        cells=cells,
    )


def _synchronous(plan: JudgePlan) -> str | None:
    """Who cannot be run ahead while the other is, as it is."""
    if plan.given is None:
        return None
    prepared = plan.given.prepared
    return prepared.spec.schedulers[modes(prepared).index(False)]


def in_turns(prepared: PreparedStudy) -> list[CellSpec]:
    """Every cell, pair by pair: A B, then B A, so that a machine that gets slower or faster all the
    time favours nobody."""
    cells = prepared.cells()
    both = [cells[place : place + 2] for place in range(0, len(cells), 2)]
    return [
        cell
        for number, pair in enumerate(both)
        for cell in (pair if number % 2 == 0 else reversed(pair))
    ]


def _at_loads(executor: Executor, prepared: PreparedStudy, on_cell: OnCell) -> PreparedStudy:
    """The study at its own rates, or at shares of what its reference carries."""
    if prepared.spec.rates:
        return prepared
    reference = prepared.spec.schedulers[0]
    seen = look(executor, prepared, [reference], on_cell)
    carried_rps = seen.carried[reference].rate_rps or seen.start_rps
    rates = [round_rate(share * carried_rps, carried_rps / 50) for share in SHARES]
    return at_rates(prepared, rates, seen.in_words)


def _sides(cells: Sequence[CellResult], prepared: PreparedStudy, design: Design) -> list[Sides]:
    reference, candidate = prepared.spec.schedulers
    before = [cell for cell in cells if cell.cell.scheduler == reference]
    after = [cell for cell in cells if cell.cell.scheduler == candidate]
    return pairs.sides(before, after, prepared.spec.convention.value, design.metrics)


def _says_something(row: Row) -> bool:
    """Whether it is a metric's; or some run has no steady state."""
    return row.metric != SATURATED or bool(row.before or row.after)


def _end_s(cell: CellResult) -> float:
    return float(cell.summary.metrics.stop_s)
