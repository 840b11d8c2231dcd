"""Results as data frames: plain column names, numbers as numbers, NaN for what is not known.

A number with an interval has three columns: ``ttft_p50_s``, ``ttft_p50_s_low``,
``ttft_p50_s_high``. One of a tier has the tier in its name, ``tbt_p99_s_paying``, and one of a
tenant the tenant: ``ttft_p50_s_tenant=acme``. Times are seconds, rates requests a second.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from slaibench.measure import catalogue
from slaibench.measure.group import tenant_of
from slaibench.studies.estimate import Estimate, finite

if TYPE_CHECKING:
    import pandas as pd

    from slaibench.spec import CellSpec
    from slaibench.studies.operating_point import OperatingPoint

OF_TIERS = ("tokens_on_time", "requests_on_time", "tokens_fluid")
MAYBE = "boolean"
"""Columns of truth values some of which are not known."""


def common_columns(cell: CellSpec) -> dict[str, str | None]:
    """What served which requests: the same in every row of a study."""
    return {
        "model": cell.model,
        "gpu": cell.gpu or cell.hardware,
        "backend": cell.system,
        "workload": cell.workload,
    }


def wide_row(point: OperatingPoint) -> dict[str, Any]:
    row: dict[str, Any] = {
        "saturated": True if point.saturated else None if point.undecided else False,
        "seeds": point.num_seeds,
        "n": point.ttft_s["p50"].n,
        "offered_rps": number_or_nan(point.offered_rps),
    }
    for parts, estimate in _estimates(point).items():
        row |= ends_of("_".join(filter(None, parts)), estimate)
    for name, tier in point.tiers.items():
        row[f"tbt_slo_s_{name}"] = number_or_nan(tier.tbt_slo_s)
        row[f"worst_late_run_{name}"] = tier.worst_late_run
    return {
        **row,
        **asdict(point.counts),
        "kv_mean": number_or_nan(point.kv_mean),
        "kv_peak": number_or_nan(point.kv_peak),
        "preemptions": point.preemptions,
        "warmup_s": point.warmup_s,
        "multi_token_reads": point.multi_token_reads,
        "send_lag_p99_s": number_or_nan(point.lag_p99_s),
        "stopped_early": point.stopped_early,
        "audit_ok": point.audit_ok,
        "invalid": point.invalid_reason,
        "reason": point.reason,
    }


def metric_rows(point: OperatingPoint) -> list[dict[str, Any]]:
    return [
        {"metric": name, **_whose(group), **_bare_ends(estimate), "n": estimate.n}
        for (name, group), estimate in _estimates(point).items()
    ]


def _estimates(point: OperatingPoint) -> Mapping[tuple[str, str], Estimate]:
    """Every number with an interval, by its name and group (empty: of all requests)."""
    by_name: dict[tuple[str, str], Estimate] = {}
    for metric in catalogue.in_points():
        if metric.name in point.estimates:
            by_name[metric.name, ""] = point.estimates[metric.name]
        for group, estimates in point.groups.items():
            if metric.name in estimates:
                by_name[metric.name, group] = estimates[metric.name]
    for share in OF_TIERS:
        for tier, own in point.tiers.items():
            by_name[share, tier] = getattr(own, share)
    return by_name


def _whose(group: str) -> dict[str, str | None]:
    """The columns that say whose a number is; that of tenants is there where one is."""
    tenant = tenant_of(group)
    return {"tier": group or None} if tenant is None else {"tier": None, "tenant": tenant}


def ends_of(name: str, estimate: Estimate) -> dict[str, float]:
    bare = _bare_ends(estimate)
    return {name: bare["value"], f"{name}_low": bare["low"], f"{name}_high": bare["high"]}


def _bare_ends(estimate: Estimate) -> dict[str, float]:
    return {name: number_or_nan(getattr(estimate, name)) for name in ("value", "low", "high")}


def number_or_nan(value: float | None) -> float:
    """What is not known, or lies beyond measure, is NaN."""
    number = finite(value)
    return math.nan if number is None else number


def names_in(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def frame_of(rows: Sequence[dict[str, Any]], maybe: Sequence[str] = ()) -> pd.DataFrame:
    import pandas as pd  # noqa: PLC0415

    frame = pd.DataFrame(rows)
    return frame.astype({name: MAYBE for name in maybe if name in frame})
