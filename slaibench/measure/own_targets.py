"""What requests' own targets, tenants, sessions and cached prefixes come to in a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from slaibench.measure.deadlines import TOLERANCE_S, is_late
from slaibench.measure.latency import in_window
from slaibench.recording.record import BoolArray, FloatArray, Outcome, RequestTable

PROMPT_WEIGHT, OUTPUT_WEIGHT = 1.0, 2.0
"""Of a token of service (Sheng et al., OSDI 2024, Sec. 3)."""


@dataclass(frozen=True, slots=True)
class OwnTargets:
    """Of the requests due in the measured window. None: the run has none of what it is about.

    Args:
        tenant_fairness: Jain's index of what tenants got against their fair shares.
        prefix_hit_share: prompt tokens found in the prefix cache, of those of scheduled requests.
        ttft_p50_first_turn_s, ttft_p50_later_turns_s: medians over turns, infinite where half had
            no first token.
        sessions_served_share: of sessions that had a turn due, those none of whose turns failed,
            timed out or was left unfinished.
    """

    tenant_fairness: float | None
    prefix_hit_share: float | None
    ttft_p50_first_turn_s: float | None
    ttft_p50_later_turns_s: float | None
    sessions_served_share: float | None


def own_targets(requests: RequestTable, window_s: tuple[float, float]) -> OwnTargets:
    """As ``OwnTargets`` says.

    Args:
        window_s: (start, end), e.g. ``RunMetrics.window_s``.
    """
    measured = in_window(requests.due_s, window_s)
    return OwnTargets(
        tenant_fairness=_tenant_fairness(requests, window_s),
        prefix_hit_share=_hit_share(requests, measured),
        ttft_p50_first_turn_s=_median_ttft_s(requests, measured & (requests.turn == 1)),
        ttft_p50_later_turns_s=_median_ttft_s(requests, measured & (requests.turn > 1)),
        sessions_served_share=_sessions_served(requests, measured),
    )


@dataclass(frozen=True, slots=True)
class Decided:
    """A yes or no of each request: whether it is one, and whether that is known."""

    met: BoolArray
    known: BoolArray


def meets_own(requests: RequestTable) -> BoolArray:
    """Which requests finished within every target of theirs."""
    return np.asarray(requests.finished & ~is_late(requests, "fluidity"))


def goodput(requests: RequestTable, stop_s: float) -> Decided | None:
    """Which requests count in ``goodput_share``, the share that met every target of theirs.

    Who still waits at the run's end, ``stop_s``, and is not late so far counts in neither part.

    Returns:
        None where no request has a TTFT SLO, or no token times are known.
    """
    if not np.isfinite(requests.ttft_slo_s).any() or not requests.gaps_known.any():
        return None
    due_s = np.where(
        requests.num_tokens > 0,
        requests.first_token_s + requests.num_tokens * requests.tbt_slo_s,
        requests.due_s + requests.ttft_slo_s,
    )
    in_time = ~is_late(requests, "fluidity")
    waits = requests.outcome == Outcome.UNFINISHED.value
    decided = ~(waits & in_time & (due_s >= stop_s - TOLERANCE_S))
    return Decided(np.asarray(requests.finished & in_time), decided)


SHARES: dict[str, Callable[[RequestTable, float], Decided | None]] = {"goodput_share": goodput}
"""Shares of requests that the catalogue has (``Metric.of_requests``): who counts, given when the
run ended."""


def jain_index(values: FloatArray) -> float:
    """1 where all are equal, 1/n where one of n has everything.

    Source: Jain, Chiu, Hawe, DEC-TR-301 (1984).
    """
    squares = float((values**2).sum())
    return float(values.sum()) ** 2 / (len(values) * squares) if squares else 1.0


def fair_shares(demands: FloatArray, capacity: float) -> FloatArray:
    """Max-min fair shares: nobody gets more than he asks for, and nobody can be given more without
    taking from one who has no more than he.

    Args:
        demands: what each asks for, at least 0.
        capacity: what there is; where it is more than all demands, each has his.
    """
    shares = np.zeros(len(demands))
    left = capacity
    order = np.argsort(demands, kind="stable")
    for place, who in enumerate(order):
        shares[who] = min(float(demands[who]), left / (len(order) - place))
        left -= shares[who]
    return shares


def _tenant_fairness(requests: RequestTable, window_s: tuple[float, float]) -> float | None:
    """Service is prompt tokens, once there is a first token, and output tokens in the window; a
    fair share is by max-min of what was asked for until its end."""
    names, owner = np.unique(requests.tenant, return_inverse=True)
    if len(names) < 2:
        return None
    asked = PROMPT_WEIGHT * requests.prompt_tokens + OUTPUT_WEIGHT * requests.output_tokens
    prompts = PROMPT_WEIGHT * requests.prompt_tokens * in_window(requests.first_token_s, window_s)
    inside = in_window(requests.token_times_s, window_s)
    running = np.concatenate([[0], np.cumsum(inside)])
    outputs = OUTPUT_WEIGHT * (
        running[requests.token_offsets[1:]] - running[requests.token_offsets[:-1]]
    )
    served = np.bincount(owner, weights=prompts + outputs, minlength=len(names))
    # Who was served with what was asked for before the window has asked for it in it.
    wanted = np.where(in_window(requests.due_s, window_s), asked, 0.0)
    demands = np.maximum(np.bincount(owner, weights=wanted, minlength=len(names)), served)
    shares = fair_shares(demands, float(served.sum()))
    asks = shares > 0
    return jain_index(served[asks] / shares[asks]) if asks.any() else None


def _hit_share(requests: RequestTable, measured: BoolArray) -> float | None:
    if not requests.cached_tokens.any():
        return None
    # When a request was first scheduled is an engine's to know; a client sees first tokens.
    begun = ~(np.isnan(requests.first_scheduled_s) & np.isnan(requests.first_token_s))
    scheduled = measured & begun
    asked = int(requests.prompt_tokens[scheduled].sum())
    return int(requests.cached_tokens[scheduled].sum()) / asked if asked else None


def _median_ttft_s(requests: RequestTable, members: BoolArray) -> float | None:
    if not members.any():
        return None
    values = np.where(np.isnan(requests.ttft_s), np.inf, requests.ttft_s)[members]
    return float(np.quantile(values, 0.5, method="inverted_cdf"))


def _sessions_served(requests: RequestTable, measured: BoolArray) -> float | None:
    members = measured & (requests.session >= 0)
    if not members.any():
        return None
    sessions, owner = np.unique(requests.session[members], return_inverse=True)
    lost = np.bincount(owner, weights=~requests.finished[members], minlength=len(sessions))
    return float(np.mean(lost == 0))


def _share(good: BoolArray, among: BoolArray) -> float | None:
    number = int(np.count_nonzero(among))
    return int(np.count_nonzero(good & among)) / number if number else None
