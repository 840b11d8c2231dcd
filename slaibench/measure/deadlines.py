"""Token deadlines: how many tokens and requests are on time, and the goodput."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from slaibench.measure.latency import in_window
from slaibench.recording.record import BoolArray, FloatArray, IntArray, Outcome, RequestTable

Rule = Literal["fluidity", "gap"]
RULES: tuple[Rule, ...] = ("fluidity", "gap")
TOLERANCE_S = 1e-9
"""A token on its deadline is on time, whatever the last bits of the sums say."""


@dataclass(frozen=True, slots=True)
class DeadlineShare:
    """How one group of requests kept one kind of deadline.

    Args:
        tokens_met: share of the ``num_tokens`` tokens on time; None without any.
        num_tokens: tokens that have a deadline: all received but each request's first.
        requests_met: share of the ``num_requests`` that finished with no late token; None without
            any.
        num_requests: all of the group, less the undecided.
        num_undecided: unfinished when the run ended, and not late so far.
        worst_late_run: most late tokens in a row within one request.
    """

    tokens_met: float | None
    num_tokens: int
    requests_met: float | None
    num_requests: int
    num_undecided: int
    worst_late_run: int


@dataclass(frozen=True, slots=True)
class _Kept:
    """By request: late tokens, whether it is undecided, and its longest run of late tokens."""

    num_late: IntArray
    undecided: BoolArray
    longest_runs: IntArray


@dataclass(frozen=True, slots=True)
class TierDeadlines:
    """Both kinds of deadline for one tier."""

    fluidity: DeadlineShare
    gap: DeadlineShare


def deadlines(
    requests: RequestTable, stop_s: float, *, start_s: float = 0.0
) -> dict[str, TierDeadlines]:
    """Per tier, how the deadlines of the requests due in [start_s, stop_s] were kept.

    Fluidity: token i (the first is 0) is due at first token + i * TBT SLO; time saved by early
    tokens may be spent later, as by a reader. Gap: each token is due a TBT SLO after its
    predecessor. Each request has its own TBT SLO. Requests whose token times are not known
    count nowhere.
    """
    measured = (requests.due_s >= start_s) & (requests.due_s <= stop_s)
    kept = {rule: _kept(requests, rule, stop_s) for rule in RULES}
    out = {}
    for name in np.unique(requests.tier[measured]):
        members = measured & (requests.tier == name) & requests.gaps_known
        out[str(name)] = TierDeadlines(
            fluidity=_share(requests, members, kept["fluidity"]),
            gap=_share(requests, members, kept["gap"]),
        )
    return out


def goodput_rps(
    requests: RequestTable,
    window_s: tuple[float, float],
    *,
    ttft_slo_s: float | Mapping[str, float] | None = None,
    rule: Rule = "fluidity",
) -> float | None:
    """Requests a second, of those due in the window (``in_window``), that meet every SLO of theirs.

    Such a request finished, no token of it was late by ``rule``, and its TTFT is within its own
    TTFT SLO, if it has one, and within ``ttft_slo_s`` where its tier has one.

    Args:
        requests: the run's requests.
        window_s: (start, end), e.g. ``RunMetrics.window_s``.
        ttft_slo_s: seconds: for all, by tier, or None.
        rule: kind of token deadline.

    Returns:
        None for an empty window, or where token times are not known.
    """
    start, end = window_s
    if end <= start or (len(requests) and not requests.gaps_known.any()):
        return None
    good = in_window(requests.due_s, window_s) & requests.finished & ~is_late(requests, rule)
    if ttft_slo_s is not None:
        by_tier = isinstance(ttft_slo_s, Mapping)
        bound = np.full(len(requests), np.inf if by_tier else ttft_slo_s, dtype=np.float64)
        if isinstance(ttft_slo_s, Mapping):
            for tier, slo_s in ttft_slo_s.items():
                bound[requests.tier == tier] = slo_s
        good &= requests.ttft_s <= bound + TOLERANCE_S
    return int(np.count_nonzero(good)) / (end - start)


def late_tokens(requests: RequestTable, rule: Rule) -> BoolArray:
    """Which of all received tokens came after their deadline; a first token has none."""
    times, sizes = requests.token_times_s, requests.num_tokens
    first = requests.token_offsets[:-1][sizes > 0]
    slo = np.repeat(requests.tbt_slo_s, sizes)
    if rule == "gap":
        late = np.concatenate([[False], np.diff(times) > slo[1:] + TOLERANCE_S])[: len(times)]
    elif rule == "fluidity":
        index = np.arange(len(times)) - np.repeat(requests.token_offsets[:-1], sizes)
        late = times - np.repeat(requests.first_token_s, sizes) > index * slo + TOLERANCE_S
    else:
        raise ValueError(f"unknown deadline rule {rule!r}; known: fluidity, gap")
    late[first] = False
    return np.asarray(late)


def is_late(requests: RequestTable, rule: Rule) -> BoolArray:
    """Which requests have a token behind its deadline, the first one by their own TTFT SLO."""
    late = _per_request(requests, late_tokens(requests, rule)) > 0
    return np.asarray(late | (requests.ttft_s > requests.ttft_slo_s + TOLERANCE_S))


def _per_request(requests: RequestTable, late: BoolArray) -> IntArray:
    running = np.concatenate([[0], np.cumsum(late)])
    return np.asarray(running[requests.token_offsets[1:]] - running[requests.token_offsets[:-1]])


def _kept(requests: RequestTable, rule: Rule, stop_s: float) -> _Kept:
    late = late_tokens(requests, rule)
    num_late = _per_request(requests, late)
    overdue = _next_deadline(requests, rule) < stop_s - TOLERANCE_S
    unfinished = requests.outcome == Outcome.UNFINISHED.value
    return _Kept(num_late, unfinished & (num_late == 0) & ~overdue, _longest_runs(requests, late))


def _share(requests: RequestTable, members: BoolArray, kept: _Kept) -> DeadlineShare:
    num_late = kept.num_late
    undecided = members & kept.undecided
    decided = members & ~undecided
    met = decided & requests.finished & (num_late == 0)
    num_tokens = int(np.maximum(requests.num_tokens[members] - 1, 0).sum())
    num_decided = int(np.count_nonzero(decided))
    return DeadlineShare(
        tokens_met=1 - int(num_late[members].sum()) / num_tokens if num_tokens else None,
        num_tokens=num_tokens,
        requests_met=int(np.count_nonzero(met)) / num_decided if num_decided else None,
        num_requests=num_decided,
        num_undecided=int(np.count_nonzero(undecided)),
        worst_late_run=int(kept.longest_runs[members].max(initial=0)),
    )


def _next_deadline(requests: RequestTable, rule: Rule) -> FloatArray:
    """When the next token, still to come, is due; NaN before the first."""
    if rule == "gap":
        return requests.last_token_s + requests.tbt_slo_s
    return requests.first_token_s + requests.num_tokens * requests.tbt_slo_s


def _longest_runs(requests: RequestTable, late: BoolArray) -> IntArray:
    # First tokens are never late, so a run of late tokens cannot cross from request to request.
    edges = np.flatnonzero(np.diff(np.concatenate([[False], late, [False]])))
    starts, ends = edges[::2], edges[1::2]
    owner = np.searchsorted(requests.token_offsets, starts, side="right") - 1
    longest = np.zeros(len(requests), dtype=np.int64)
    np.maximum.at(longest, owner, ends - starts)
    return longest
