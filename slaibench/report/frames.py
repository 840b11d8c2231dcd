"""Results as data frames: plain column names, numbers as numbers, NaN for what is not known.

A number with an interval has three columns: ``ttft_p50_s``, ``ttft_p50_s_low``,
``ttft_p50_s_high``. One of a tier has the tier in its name: ``tbt_p99_s_paying``. Times are
seconds, rates requests a second.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from slaibench.measure import catalogue
from slaibench.measure.catalogue import Scope
from slaibench.studies import shown
from slaibench.studies.bound.result import BoundResult
from slaibench.studies.capacity_result import CapacityResult
from slaibench.studies.compare import CompareResult
from slaibench.studies.crosscheck.study import CrosscheckResult
from slaibench.studies.estimate import Estimate, finite
from slaibench.studies.regression.result import RegressResult
from slaibench.studies.sweep import SweepResult
from slaibench.studies.validation.study import ValidationResult

if TYPE_CHECKING:
    import pandas as pd

    from slaibench.spec import CellSpec
    from slaibench.studies.operating_point import OperatingPoint

OF_TIERS = ("tokens_on_time", "requests_on_time", "tokens_fluid")
MAYBE = "boolean"
"""Columns of truth values some of which are not known."""


@shown.frame.register(SweepResult)
def sweep_frame(result: SweepResult, long: bool = False) -> pd.DataFrame:
    """A sweep's points.

    Args:
        long: a row for each scheduler, rate and metric (``metric``, ``tier``, ``value``, ``low``,
            ``high``, ``n``), instead of one for each scheduler and rate.
    """
    common = _common(result.cells[0].cell)
    rows: list[dict[str, object]] = []
    for point in result.points:
        head = {"scheduler": point.scheduler, **common, "rate_rps": point.rate_rps}
        if long:
            rows += [{**head, **row} for row in _metrics(point)]
        else:
            rows.append({**head, "verdict": result.verdict(point).state.value, **_wide(point)})
    return _frame(rows, () if long else ("saturated",))


@shown.frame.register(CompareResult)
def compare_frame(result: CompareResult, long: bool = False) -> pd.DataFrame:
    """As ``sweep_frame``, with the paired change of the median TTFT against the reference in
    the others' rows."""
    frame = sweep_frame(result.sweep, long)
    if long:
        return frame
    changes = {
        (pair.b, rate.rate_rps): rate.ttft_p50_change
        for pair in result.pairs
        for rate in pair.rates
    }
    none = Estimate(None, None, None, 0)
    places = zip(frame["scheduler"], frame["rate_rps"], strict=True)
    rows = [_ends("ttft_p50_change", changes.get(place, none)) for place in places]
    return frame.assign(**{name: [row[name] for row in rows] for name in _names(rows)})


@shown.frame.register(CapacityResult)
def capacity_frame(result: CapacityResult, long: bool = False) -> pd.DataFrame:
    """One row; ``pandas.concat`` brings several together."""
    _no_long(result, long)
    form = result.to_json()
    capacity, throughput = result.capacity, result.throughput
    low, high = capacity.ci95 or (None, None)
    row: dict[str, object] = {
        "scheduler": result.scheduler,
        **_common(result.cells[0].cell),
        "slo": form["slo"],
        "convention": form["convention"],
        **_ends("rate_rps", Estimate(capacity.rate_rps, low, high, 0)),
        "sure_rps": _number(capacity.sure_rps),
        "binding": capacity.binding,
        "binding_tier": capacity.binding_tier,
        "is_lower_bound": capacity.rate_rps is not None and capacity.shape is None,
        "replicates": capacity.replicates,
        "saturated_rps": _number(None if throughput is None else throughput.rate_rps),
        "saturated_rps_low": _number(None if throughput is None else throughput.low),
        "saturated_rps_high": _number(None if throughput is None else throughput.high),
        "note": form["note"],
    }
    return _frame([row])


@shown.frame.register(RegressResult)
def regress_frame(result: RegressResult, long: bool = False) -> pd.DataFrame:
    """One row a metric, rate and scheduler; the ends are of the change's 90 % interval."""
    _no_long(result, long)
    rows = []
    for row in result.rows:
        form: dict[str, object] = dict(row.to_json())
        del form["ci90"], form["replicates"]
        before, after = row.replicates
        ends = _ends("change", Estimate(row.change, row.low, row.high, 0))
        sides = {"replicates_before": before, "replicates_after": after}
        spec = result.spec
        where = {"model": spec.model, "gpu": spec.gpu, "backend": spec.backend}
        rows.append({"scheduler": row.scheduler, **where, **form, **ends, **sides})
    numbers = ("before", "after", "p_worse", "mde", "replicates_needed", "noise")
    frame = _frame(rows)
    return frame.astype({name: float for name in numbers if name in frame})


@shown.frame.register(BoundResult)
def bound_frame(result: BoundResult, long: bool = False) -> pd.DataFrame:
    """One row a scheduler: its saturated throughput (``rate_rps``), and its share of the bound."""
    _no_long(result, long)
    common = _common(result.bounds.backlog.cells[0])
    rows = [
        {
            "scheduler": throughput.scheduler,
            **common,
            "bound_rps": result.bounds.bound.rate_rps,
            **_ends("rate_rps", throughput.rate_rps),
            **_ends("share", throughput.share),
            "within_rps": throughput.within_rps,
            **_ends("within_share", throughput.within_share),
            "run_share": throughput.run_share,
            "tokens_per_batch": _number(throughput.tokens_per_batch),
            "preemptions": throughput.preemptions,
            "untold": throughput.untold,
        }
        for throughput in result.throughputs
    ]
    return _frame(rows)


@shown.frame.register(CrosscheckResult)
def crosscheck_frame(result: CrosscheckResult, long: bool = False) -> pd.DataFrame:
    """One row a backend, scheduler, rate and metric; the ends are of the change."""
    _no_long(result, long)
    rows = []
    for match in result.matches:
        for name, difference in match.agreement.differences.items():
            metric, _, tier = name.partition(catalogue.AT)
            low, high = difference.ci95 or (None, None)
            rows.append(
                {
                    "scheduler": match.scheduler,
                    "reference_backend": result.reference,
                    "backend": match.other,
                    "rate_rps": match.rate_rps,
                    "metric": metric,
                    "tier": tier or None,
                    "reference": _number(difference.reference),
                    "other": _number(difference.other),
                    **_ends("change", Estimate(difference.change, low, high, 0)),
                    "tolerance": _number(difference.tolerance),
                    "within": difference.within,
                    "verdict": match.agreement.verdict.value,
                }
            )
    return _frame(rows, ("within",))


@shown.frame.register(ValidationResult)
def validation_frame(result: ValidationResult, long: bool = False) -> pd.DataFrame:
    """One row a run, latency and statistic."""
    _no_long(result, long)
    rows = [
        {
            "run": run.run.name,
            "scheduler": run.scheduler,
            "profile": run.profile.name,
            "latency": latency,
            "statistic": name,
            "reference_s": error.reference,
            "simulated_s": error.other,
            "change": _number(error.change),
            "enough_samples": error.enough_samples,
            "n": errors.n,
            "grade": run.judgements[latency].grade if latency in run.judgements else None,
        }
        for run in result.runs
        for latency, errors in run.errors.items()
        for name, error in errors.statistics.items()
    ]
    return _frame(rows)


def _common(cell: CellSpec) -> dict[str, str | None]:
    """What served which requests: the same in every row of a study."""
    return {
        "model": cell.model,
        "gpu": cell.gpu or cell.hardware,
        "backend": cell.system,
        "workload": cell.workload,
    }


def _wide(point: OperatingPoint) -> dict[str, object]:
    row: dict[str, object] = {
        "saturated": True if point.saturated else None if point.undecided else False,
        "seeds": point.num_seeds,
        "n": point.ttft_s["p50"].n,
        "offered_rps": _number(point.offered_rps),
    }
    for parts, estimate in _estimates(point).items():
        row |= _ends("_".join(filter(None, parts)), estimate)
    for name, tier in point.tiers.items():
        row[f"tbt_slo_s_{name}"] = _number(tier.tbt_slo_s)
        row[f"worst_late_run_{name}"] = tier.worst_late_run
    return {
        **row,
        **asdict(point.counts),
        "kv_mean": _number(point.kv_mean),
        "kv_peak": _number(point.kv_peak),
        "preemptions": point.preemptions,
        "warmup_s": point.warmup_s,
        "multi_token_reads": point.multi_token_reads,
        "send_lag_p99_s": _number(point.lag_p99_s),
        "stopped_early": point.stopped_early,
        "audit_ok": point.audit_ok,
        "invalid": point.invalid_reason,
        "reason": point.reason,
    }


def _metrics(point: OperatingPoint) -> list[dict[str, object]]:
    return [
        {"metric": name, "tier": tier or None, **_bare_ends(estimate), "n": estimate.n}
        for (name, tier), estimate in _estimates(point).items()
    ]


def _estimates(point: OperatingPoint) -> Mapping[tuple[str, str], Estimate]:
    """Every number with an interval, by its name and tier (empty: of all requests)."""
    by_name: dict[tuple[str, str], Estimate] = {}
    for metric in catalogue.in_points():
        if metric.scope is not Scope.TIER:
            by_name[metric.name, ""] = point.estimates[metric.name]
        for tier, own in point.tiers.items():
            if metric.name in own.estimates:
                by_name[metric.name, tier] = own.estimates[metric.name]
    for share in OF_TIERS:
        for tier, own in point.tiers.items():
            by_name[share, tier] = getattr(own, share)
    return by_name


def _ends(name: str, estimate: Estimate) -> dict[str, float]:
    bare = _bare_ends(estimate)
    return {name: bare["value"], f"{name}_low": bare["low"], f"{name}_high": bare["high"]}


def _bare_ends(estimate: Estimate) -> dict[str, float]:
    return {name: _number(getattr(estimate, name)) for name in ("value", "low", "high")}


def _number(value: float | None) -> float:
    """What is not known, or lies beyond measure, is NaN."""
    number = finite(value)
    return math.nan if number is None else number


def _names(rows: Sequence[Mapping[str, object]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _frame(rows: Sequence[Mapping[str, object]], maybe: Sequence[str] = ()) -> pd.DataFrame:
    import pandas as pd  # noqa: PLC0415

    frame = pd.DataFrame(rows)
    return frame.astype({name: MAYBE for name in maybe if name in frame})


def _no_long(result: object, long: bool) -> None:
    if long:
        raise ValueError(f"a {type(result).__name__} has no long form: leave long=True out")
