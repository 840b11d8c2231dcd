"""A request's service class, as it says it to an engine."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

DEFAULT_TIER = "free"
DEFAULT_TBT_SLO_S = 0.5
LONGEST_TIER = 100
"""Characters of a tier's name."""


class ServiceClassError(ValueError):
    """What a request says of its service class cannot be meant; the message names the field."""


def checked_service_class(said: Any) -> tuple[str, float]:
    """Tier and TBT SLO (seconds) from a request's extra arguments; what is null is not said.

    Args:
        said: whatever a client put there.

    Raises:
        ServiceClassError: it is no object, or a field of it is of another type or out of range.
    """
    if said is not None and not isinstance(said, Mapping):
        raise ServiceClassError(
            'what a request says besides must be an object such as {"tier": "paying", '
            f'"tbt_slo_s": 0.1}}, not {_words(said)}'
        )
    fields = said or {}
    return _tier(fields.get("tier")), _tbt_slo_s(fields.get("tbt_slo_s"))


def service_class(said: Any) -> tuple[str, float]:
    """The same where a request cannot be refused any more: what cannot be meant is not said."""
    fields = said if isinstance(said, Mapping) else {}
    tier, tbt_slo_s = DEFAULT_TIER, DEFAULT_TBT_SLO_S
    with suppress(ServiceClassError):
        tier = _tier(fields.get("tier"))
    with suppress(ServiceClassError):
        tbt_slo_s = _tbt_slo_s(fields.get("tbt_slo_s"))
    return tier, tbt_slo_s


def _tier(value: Any) -> str:
    if value is None:
        return DEFAULT_TIER
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_TIER:
        raise ServiceClassError(
            f"tier must be a name of up to {LONGEST_TIER} characters, not {_words(value)}"
        )
    return value


def _tbt_slo_s(value: Any) -> float:
    if value is None:
        return DEFAULT_TBT_SLO_S
    seconds = math.nan
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        with suppress(ValueError, OverflowError):
            seconds = float(value)
    if not 0 < seconds < math.inf:
        raise ServiceClassError(
            f"tbt_slo_s must be a number of seconds above 0, not {_words(value)}"
        )
    return seconds


def _words(value: Any) -> str:
    """A value of anybody's in an error: short, and never an error itself."""
    if isinstance(value, str):
        return ascii(value[:40])
    if isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < 10**18):
        return repr(value)
    return f"a value of type {type(value).__name__}"
