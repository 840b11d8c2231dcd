"""The simulator compared with an observed run: errors, grades, and what is kept of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from slaibench.backends.base import BackendError, RunOutput, RunSettings
from slaibench.backends.simulator.backend import Simulator
from slaibench.backends.simulator.caching import rules_of
from slaibench.catalog.profile import Profile
from slaibench.catalog.validations import Validation
from slaibench.costmodel import CostModel
from slaibench.measure.catalogue import LATENCIES
from slaibench.measure.grade import LAST, THRESHOLDS, Grade, judged, overall
from slaibench.measure.latency import token_gaps
from slaibench.measure.prediction_error import Errors, errors
from slaibench.recording.record import BoolArray
from slaibench.studies import scheduler_info
from slaibench.studies.systems.regime import excesses_of_run
from slaibench.studies.validation.observed import Latencies, ObservedRun
from slaibench.studies.validation.step_overhead import (
    StepOverheadFit,
    every_second,
    fit_step_overhead,
)

NEIGHBOURS = tuple(step / 1000 for step in range(-5, 6))
"""By how much other KV caches are smaller or larger with which a run is replayed once more: shares
far below what a memory model, or another card of the kind, differs by."""


@dataclass(frozen=True)
class ValidationRun:
    """The simulator with one profile against one run.

    Args:
        run: as observed.
        profile: whose batch times.
        scheduler: what the simulator ran.
        fit: of the step overhead; None: the profile's was taken.
        num_scored: requests that errors are of.
        errors, judgements: by latency (``observed.COMPARED``).
        ranges: by latency and statistic: least and largest change over ``NEIGHBOURS``. A change
            whose range is wide is luck, good or bad.
        notes: what a reader must know besides.
    """

    run: ObservedRun
    profile: Profile
    scheduler: str
    fit: StepOverheadFit | None
    num_scored: int
    errors: dict[str, Errors]
    judgements: dict[str, Grade]
    ranges: dict[str, dict[str, tuple[float, float]]]
    notes: tuple[str, ...]

    @property
    def overall(self) -> Grade:
        """The worst of its grades."""
        return overall(self.judgements)

    @property
    def step_overhead_ms(self) -> float:
        """Of a batch; for each sequence there may be more (``Profile.between``)."""
        if self.fit is not None:
            return self.fit.step_overhead_ms
        return self.profile.between(self.run.settings.asynchronous).step_ms

    def validation(self, source: str) -> Validation:
        """What is kept: figures, and where they are from.

        Args:
            source: where the run is from.
        """
        return Validation(
            fingerprint=self.profile.fingerprint,
            against=f"{self.run.name} ({self.run.load})",
            source=source,
            engine=self.run.settings.engine,
            scheduler=self.scheduler,
            num_requests=self.num_scored,
            step_overhead_ms=self.step_overhead_ms,
            fitted=self.fit is not None,
            errors={
                f"{metric}_{name}": round(statistic.change, 5)
                for metric, errors_of in self.errors.items()
                for name, statistic in errors_of.statistics.items()
            },
            grades={
                **{metric: judgement.grade for metric, judgement in self.judgements.items()},
                "all": self.overall.grade,
            },
        )

    def to_json(self) -> dict[str, Any]:
        settings = self.run.settings
        return {
            "against": self.run.name,
            "load": self.run.load,
            "engine": {
                "name": settings.engine,
                "kv_blocks": settings.kv_blocks,
                "block_size": settings.block_size,
                "max_context_tokens": settings.max_context_tokens,
                "prefix_caching": settings.prefix_caching,
                "asynchronous": settings.asynchronous,
            },
            "profile": {"name": self.profile.name, "fingerprint": self.profile.fingerprint},
            "scheduler": self.scheduler,
            "step_overhead_ms": self.step_overhead_ms,
            "fit": None if self.fit is None else self.fit.to_json(),
            "requests": len(self.run.requests),
            "scored": self.num_scored,
            "metrics": {
                metric: {
                    **errors_of.to_json(),
                    **self.judgements[metric].to_json(),
                    "ranges": {name: list(ends) for name, ends in self.ranges[metric].items()},
                }
                for metric, errors_of in self.errors.items()
            },
            "grade": self.overall.to_json(),
            "thresholds": thresholds(),
            "notes": list(self.notes),
        }


def thresholds() -> list[dict[str, Any]]:
    """What each grade means, for a reader of JSON."""
    rows: list[dict[str, Any]] = [
        {"grade": threshold.grade, "limit": threshold.limit, "reason": threshold.reason}
        for threshold in THRESHOLDS
    ]
    return [*rows, {"grade": LAST.grade, "limit": None, "reason": LAST.reason}]


def validate_run(
    run: ObservedRun, profile: Profile, scheduler: str | None = None, *, fit: bool = False
) -> ValidationRun:
    """Replay a run, and say how far the simulator is from it.

    Args:
        scheduler: instead of what stands for the engine's own.
        fit: fit the time between steps to every second request, and score the others.

    Raises:
        ValueError: no scheduler is known, or there is nothing to fit to.
        BackendError: the simulator serves none of the requests that are scored.
        SchedulerError: the scheduler broke its contract.
    """
    scheduler = scheduler or run.settings.scheduler
    if scheduler is None:
        raise ValueError(f"{run.name}: no scheduler stands for that of {run.settings.engine}")
    scored: BoolArray = np.ones(len(run.requests), dtype=np.bool_)
    overhead: StepOverheadFit | None = None
    overhead_ms: float | None = None
    if fit:
        chosen = every_second(len(run.requests))
        overhead = _fit(run, profile, scheduler, chosen)
        overhead_ms = overhead.step_overhead_ms
        scored = ~chosen
    output = replay(run, profile, scheduler, overhead_ms)
    by_metric = _errors(run, output, scored)
    if "ttft" not in by_metric:
        reasons = sorted({text for text in output.requests.error.tolist() if text})
        raise BackendError(
            f"{run.name}: the simulator served none of the requests that are scored"
            + (f": {reasons[0]}" if reasons else "")
        )
    return ValidationRun(
        run=run,
        profile=profile,
        scheduler=scheduler,
        fit=overhead,
        num_scored=by_metric["ttft"].n,
        errors=by_metric,
        judgements={
            metric: judged(LATENCIES[metric].label, errors_of)
            for metric, errors_of in by_metric.items()
        },
        ranges=_ranges(run, profile, scheduler, overhead_ms, scored),
        notes=(*run.notes, *_notes(run, profile, output, scored, by_metric["ttft"].n)),
    )


def replay(
    run: ObservedRun, profile: Profile, scheduler: str, step_overhead_ms: float | None = None
) -> RunOutput:
    """Serve an observed run's requests at their times, in the simulator.

    Args:
        scheduler: as the command line has it.
        step_overhead_ms: instead of the profile's.

    Raises:
        ValueError: no such scheduler.
        SchedulerError: it broke its contract.
    """
    if step_overhead_ms is not None:
        profile = profile.with_step_overhead(step_overhead_ms)
    settings = run.settings
    simulator = Simulator(
        CostModel(profile, asynchronous=settings.asynchronous),
        total_blocks=settings.kv_blocks,
        block_size=settings.block_size,
        max_context_tokens=settings.max_context_tokens,
        prefix_caching=settings.prefix_caching,
        cache_rules=rules_of(settings.engine),
        asynchronous=settings.asynchronous,
    )
    return simulator.run(run.requests, scheduler_info.build(scheduler), RunSettings())


def _simulated(output: RunOutput) -> Latencies:
    """Latencies of a replay; NaN for requests that it did not finish."""
    table = output.requests
    first, last = (
        np.where(table.finished, times, np.nan)
        for times in (table.first_token_s, table.last_token_s)
    )
    return Latencies.of(table.due_s, table.output_tokens, first, last)


def _fit(run: ObservedRun, profile: Profile, scheduler: str, chosen: BoolArray) -> StepOverheadFit:
    return fit_step_overhead(
        run.latencies.tpot,
        chosen,
        lambda overhead_ms: _simulated(replay(run, profile, scheduler, overhead_ms)).tpot,
    )


def _errors(run: ObservedRun, output: RunOutput, scored: BoolArray) -> dict[str, Errors]:
    theirs, ours = run.latencies, _simulated(output)
    by_metric = {}
    for metric in ("ttft", "tpot", "e2e"):
        a, b = getattr(theirs, metric), getattr(ours, metric)
        compared = scored & np.isfinite(a) & np.isfinite(b) & (a > 0)
        errors_of = errors(a[compared], b[compared])
        if errors_of is not None:
            by_metric[metric] = errors_of
    if scored.all():
        by_metric |= _gap_errors(run, output)
    return by_metric


def _ranges(
    run: ObservedRun,
    profile: Profile,
    scheduler: str,
    overhead_ms: float | None,
    scored: BoolArray,
) -> dict[str, dict[str, tuple[float, float]]]:
    blocks = run.settings.kv_blocks
    changes: dict[str, dict[str, list[float]]] = {}
    for count in sorted({max(1, round(blocks * (1 + share))) for share in NEIGHBOURS}):
        other = replace(run, settings=replace(run.settings, kv_blocks=count))
        output = replay(other, profile, scheduler, overhead_ms)
        for metric, errors_of in _errors(run, output, scored).items():
            for name, statistic in errors_of.statistics.items():
                changes.setdefault(metric, {}).setdefault(name, []).append(statistic.change)
    return {
        metric: {name: (min(values), max(values)) for name, values in by_name.items()}
        for metric, by_name in changes.items()
    }


def _gap_errors(run: ObservedRun, output: RunOutput) -> dict[str, Errors]:
    """Errors of the gaps between tokens, where both sides have all of them."""
    theirs = run.gaps_s
    served = np.isfinite(run.last_token_s)
    gaps = token_gaps(output.requests, served & output.requests.finished)
    ours = gaps.values
    if theirs is None or len(theirs) != len(ours) or not len(ours) or not (theirs > 0).all():
        return {}
    errors_of = errors(theirs, ours, carriers=int(np.count_nonzero(np.diff(gaps.offsets))))
    return {} if errors_of is None else {"tbt": errors_of}


def _notes(
    run: ObservedRun, profile: Profile, output: RunOutput, scored: BoolArray, num_scored: int
) -> list[str]:
    notes = [
        f"outside the profile's regime: {excess}" for excess in excesses_of_run(profile, output)
    ]
    left_out = int(scored.sum()) - num_scored
    if left_out:
        notes.append(f"{left_out} requests were not served by the engine, or here, and not scored")
    preempted = int((output.requests.num_preemptions > 0).sum())
    if preempted:
        notes.append(
            f"{preempted} of {len(run.requests)} simulated requests were preempted: which ones is "
            "decided by single KV blocks, so that request by request such a run does not repeat "
            "itself"
        )
    return notes
