"""A request's own targets and tenant as HTTP headers, by the names that gateways read.

llm-d's inference scheduler reads ``x-llm-d-slo-ttft-ms``, ``x-llm-d-slo-tpot-ms`` and
``x-llm-d-inference-fairness-id``; the names before those, which load generators such as
inference-perf send, are its deprecated ones. Times are in milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from urllib.parse import quote, unquote

_PLAIN = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) != "%")
"""Characters of a tenant that a header has as they are; others are percent-encoded UTF-8."""
MS = 1e3


class TargetHeaders(StrEnum):
    """Whose names they are."""

    LLM_D = "llm-d"
    INFERENCE_PERF = "inference-perf"


@dataclass(frozen=True, slots=True)
class HeaderNames:
    """Of the TTFT SLO, the TBT SLO and the tenant; in lower case."""

    ttft: str
    tbt: str
    tenant: str


NAMES: Mapping[TargetHeaders, HeaderNames] = {
    TargetHeaders.LLM_D: HeaderNames(
        "x-llm-d-slo-ttft-ms", "x-llm-d-slo-tpot-ms", "x-llm-d-inference-fairness-id"
    ),
    TargetHeaders.INFERENCE_PERF: HeaderNames(
        "x-slo-ttft-ms", "x-slo-tpot-ms", "x-gateway-inference-fairness-id"
    ),
}
"""Where a request has both, the first are heard."""


class Said(Protocol):
    """What a request says of itself: ``workloads.request.Request``."""

    @property
    def ttft_slo_s(self) -> float: ...

    @property
    def tbt_slo_s(self) -> float: ...

    @property
    def tenant(self) -> str: ...


def headers_of(whose: TargetHeaders, request: Said) -> dict[str, str]:
    """The headers of a request; none of a target that it does not have."""
    names = NAMES[whose]
    values = {names.ttft: request.ttft_slo_s, names.tbt: request.tbt_slo_s}
    headers = {name: f"{MS * s:.10g}" for name, s in values.items() if math.isfinite(s)}
    if request.tenant:
        headers[names.tenant] = quote(request.tenant, safe=_PLAIN)
    return headers


def said_in(headers: Mapping[str, str]) -> dict[str, float | str]:
    """What headers say, by the names of a request's fields; those that make no sense are nothing.

    Args:
        headers: by name in lower case.
    """
    said: dict[str, float | str] = {}
    for names in NAMES.values():
        for field, name in (("ttft_slo_s", names.ttft), ("tbt_slo_s", names.tbt)):
            seconds = _seconds(headers.get(name))
            if seconds is not None:
                said.setdefault(field, seconds)
        if tenant := unquote(headers.get(names.tenant, "")):
            said.setdefault("tenant", tenant)
    return said


def _seconds(text: str | None) -> float | None:
    try:
        value = float(text or "") / MS
    except ValueError:
        return None
    return value if 0 < value < math.inf else None
