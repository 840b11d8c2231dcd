"""The simulator held against observed runs: errors, grades, and what is kept of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from slaibench.backends.base import BackendError, RunOutput
from slaibench.catalog.profile import Profile
from slaibench.catalog.validations import Validation
from slaibench.measure.catalogue import LATENCIES
from slaibench.measure.grade import LAST, THRESHOLDS, Judgement, judged, overall
from slaibench.measure.latency import token_gaps
from slaibench.measure.prediction_error import Errors, errors
from slaibench.studies.regime import excesses_of_run
from slaibench.studies.validation.fit import BoolArray, Fit, every_second, fit_step_overhead
from slaibench.studies.validation.observed import Latencies, Observed
from slaibench.studies.validation.replay import replay

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

    run: Observed
    profile: Profile
    scheduler: str
    fit: Fit | None
    num_scored: int
    errors: dict[str, Errors]
    judgements: dict[str, Judgement]
    ranges: dict[str, dict[str, tuple[float, float]]]
    notes: tuple[str, ...]

    @property
    def verdict(self) -> Judgement:
        return overall(self.judgements)

    @property
    def step_overhead_ms(self) -> float:
        return self.profile.step_overhead_ms if self.fit is None else self.fit.step_overhead_ms

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
                f"{metric}_{name}": round(each.change, 5)
                for metric, found in self.errors.items()
                for name, each in found.statistics.items()
            },
            grades={
                **{metric: each.grade for metric, each in self.judgements.items()},
                "all": self.verdict.grade,
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
                    **found.to_json(),
                    **self.judgements[metric].to_json(),
                    "ranges": {name: list(ends) for name, ends in self.ranges[metric].items()},
                }
                for metric, found in self.errors.items()
            },
            "grade": self.verdict.to_json(),
            "thresholds": thresholds(),
            "notes": list(self.notes),
        }


def thresholds() -> list[dict[str, Any]]:
    """What each grade means, for a reader of JSON."""
    rows: list[dict[str, Any]] = [
        {"grade": each.grade, "limit": each.limit, "reason": each.reason} for each in THRESHOLDS
    ]
    return [*rows, {"grade": LAST.grade, "limit": None, "reason": LAST.reason}]


def hold(
    run: Observed, profile: Profile, scheduler: str | None = None, *, fit: bool = False
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
    found = None
    if fit:
        chosen = every_second(len(run.requests))
        found = _fit(run, profile, scheduler, chosen)
        scored = ~chosen
    output = replay(run, profile, scheduler, None if found is None else found.step_overhead_ms)
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
        fit=found,
        num_scored=by_metric["ttft"].n,
        errors=by_metric,
        judgements={name: judged(LATENCIES[name].label, each) for name, each in by_metric.items()},
        ranges=_ranges(run, profile, scheduler, found, scored),
        notes=(*run.notes, *_notes(run, profile, output, scored, by_metric["ttft"].n)),
    )


def simulated(output: RunOutput) -> Latencies:
    """Latencies of a replay; NaN for requests that it did not finish."""
    table = output.requests
    first, last = (
        np.where(table.finished, times, np.nan)
        for times in (table.first_token_s, table.last_token_s)
    )
    return Latencies.of(table.due_s, table.output_tokens, first, last)


def _fit(run: Observed, profile: Profile, scheduler: str, chosen: BoolArray) -> Fit:
    return fit_step_overhead(
        run.latencies.tpot,
        chosen,
        lambda overhead_ms: simulated(replay(run, profile, scheduler, overhead_ms)).tpot,
    )


def _errors(run: Observed, output: RunOutput, scored: BoolArray) -> dict[str, Errors]:
    theirs, ours = run.latencies, simulated(output)
    found = {}
    for metric in ("ttft", "tpot", "e2e"):
        a, b = getattr(theirs, metric), getattr(ours, metric)
        known = scored & np.isfinite(a) & np.isfinite(b) & (a > 0)
        each = errors(a[known], b[known])
        if each is not None:
            found[metric] = each
    if scored.all():
        found |= _gap_errors(run, output)
    return found


def _ranges(
    run: Observed, profile: Profile, scheduler: str, fit: Fit | None, scored: BoolArray
) -> dict[str, dict[str, tuple[float, float]]]:
    overhead_ms = None if fit is None else fit.step_overhead_ms
    blocks = run.settings.kv_blocks
    changes: dict[str, dict[str, list[float]]] = {}
    for count in sorted({max(1, round(blocks * (1 + share))) for share in NEIGHBOURS}):
        other = replace(run, settings=replace(run.settings, kv_blocks=count))
        output = replay(other, profile, scheduler, overhead_ms)
        for metric, found in _errors(run, output, scored).items():
            for name, each in found.statistics.items():
                changes.setdefault(metric, {}).setdefault(name, []).append(each.change)
    return {
        metric: {name: (min(values), max(values)) for name, values in by_name.items()}
        for metric, by_name in changes.items()
    }


def _gap_errors(run: Observed, output: RunOutput) -> dict[str, Errors]:
    """Errors of the gaps between tokens, where both sides have all of them."""
    theirs = run.gaps_s
    served = np.isfinite(run.last_token_s)
    gaps = token_gaps(output.requests, served & output.requests.finished)
    ours = gaps.values
    if theirs is None or len(theirs) != len(ours) or not len(ours) or not (theirs > 0).all():
        return {}
    found = errors(theirs, ours, carriers=int(np.count_nonzero(np.diff(gaps.offsets))))
    return {} if found is None else {"tbt": found}


def _notes(
    run: Observed, profile: Profile, output: RunOutput, scored: BoolArray, num_scored: int
) -> list[str]:
    notes = [f"outside the profile's regime: {each}" for each in excesses_of_run(profile, output)]
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
