"""Targets that no run of a study could tell, refused before the first."""

from __future__ import annotations

import math
from collections.abc import Sequence

from slaibench.measure.slo import NO_TTFT_SLO
from slaibench.measure.steady import RULE
from slaibench.spec import Convention
from slaibench.studies.targets import Targets
from slaibench.workloads.request import Request

MOST_NAMED = 8
"""Tenants that a message names."""


def check_said(targets: Targets, requests: Sequence[Request]) -> None:
    """Refuse targets of what no request says: a tenant, or targets of its own.

    Args:
        requests: of the first run.

    Raises:
        ValueError: with the tenants that there are, or how requests come to have targets.
    """
    tenants = sorted({request.tenant for request in requests if request.tenant})
    for slo in targets.slos:
        if slo.tenant is not None and slo.tenant not in tenants:
            shown = ", ".join(tenants[:MOST_NAMED]) or "none: its requests say no tenant"
            more = f" and {len(tenants) - MOST_NAMED} more" if len(tenants) > MOST_NAMED else ""
            raise ValueError(
                f"SLO {slo.text!r}: none of the {len(requests):,} requests of the first run is of "
                f"tenant {slo.tenant!r}; there are {shown}{more}"
            )
        if slo.is_share and all(math.isinf(request.ttft_slo_s) for request in requests):
            raise ValueError(f"SLO {slo.text!r}: {NO_TTFT_SLO}")


def check_tellable(
    targets: Targets, num_requests: int | None, *, second_tokens: bool = True
) -> None:
    """Refuse runs that cannot tell whether targets hold, however they end.

    Args:
        num_requests: of a run; None: as many as it needs.
        second_tokens: whether any output has two tokens.

    Raises:
        ValueError: with what is missing.
    """
    between = [slo.text for slo in targets.slos if slo.metric in ("tbt", "tpot")]
    if between and not second_tokens:
        raise ValueError(
            f"SLO {between[0]!r} is about times between tokens, and every output of this workload "
            "is one token: name targets without tbt and tpot, e.g. --slo 'ttft_p50<0.5'"
        )
    strict = targets.convention is Convention.STRICT
    if strict and (num_requests or math.inf) < RULE.min_arrivals:
        raise ValueError(
            f"{num_requests} requests are too few to tell whether a run is steady "
            f"({RULE.min_arrivals} after its warm-up are needed): use --requests "
            f"{4 * RULE.min_arrivals} or more"
        )
