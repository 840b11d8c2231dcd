"""A request's service class, as it says it to an engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DEFAULT_TIER = "free"
DEFAULT_TBT_SLO_S = 0.5


def service_class(said: Mapping[str, Any] | None) -> tuple[str, float]:
    """Tier and TBT SLO (seconds) from a request's extra arguments.

    A value that cannot be meant falls back to the default: a scheduler cannot refuse a request.
    """
    extra = said or {}
    tier = str(extra.get("tier", DEFAULT_TIER))
    try:
        tbt_slo_s = float(extra.get("tbt_slo_s", DEFAULT_TBT_SLO_S))
    except (TypeError, ValueError):
        return tier, DEFAULT_TBT_SLO_S
    return tier, tbt_slo_s if 0 < tbt_slo_s < float("inf") else DEFAULT_TBT_SLO_S
