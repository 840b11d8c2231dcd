"""From a recording to its metrics (docs/metrics.md has the formulas)."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from slaibench.measure import group as groups
from slaibench.measure.catalogue import LATENCIES
from slaibench.measure.clusters import Clusters
from slaibench.measure.group import Group
from slaibench.measure.half_open import sessions_of
from slaibench.measure.latency import (
    Convention,
    LatencySummary,
    Reading,
    in_window,
    multi_token_reads,
    summarise,
    summarise_gaps,
    token_gaps,
)
from slaibench.measure.own_targets import SHARES, Decided
from slaibench.measure.steady import left_s
from slaibench.measure.warmup import Warmup, warmup
from slaibench.recording.record import BoolArray, FloatArray, Outcome, Recording, RequestTable
from slaibench.recording.sessions import is_half_open

DEFAULT_QS = (0.5, 0.9, 0.95, 0.99)
PROMPT_BUCKET_TOKENS = 512


@dataclass(frozen=True, slots=True)
class GroupMetrics:
    """Numbers of all requests, of one tier, or of one tenant.

    Args:
        tbt_slo_s: a tier's TBT SLO (the strictest, should its requests differ); else None.
        latencies: by name, each of ``catalogue.LATENCIES``.
        shares: by name, each of ``own_targets.SHARES`` that the run has: of the requests due in the
            window, by due time, 1 for those that are one and 0 for those that are not.
    """

    tbt_slo_s: float | None
    latencies: Mapping[str, LatencySummary]
    shares: Mapping[str, FloatArray]

    @property
    def ttft(self) -> LatencySummary:
        return self.latencies["ttft"]

    @property
    def tbt(self) -> LatencySummary:
        return self.latencies["tbt"]

    def share(self, name: str) -> float | None:
        """A share of its requests; None: there is none of which it is known."""
        sample = self.shares.get(name)
        return None if sample is None or not len(sample) else float(sample.mean())


@dataclass(frozen=True, slots=True)
class Counts:
    """Requests of the whole run by outcome; the four outcomes add up to ``due`` (invariant 1)."""

    due: int
    finished: int
    failed: int
    timed_out: int
    unfinished: int


@dataclass(frozen=True, slots=True)
class PromptBucket:
    """TTFT of the requests whose prompts have ``low_tokens`` up to ``high_tokens - 1`` tokens."""

    low_tokens: int
    high_tokens: int
    ttft: LatencySummary
    num_due: int
    num_served: int
    """Got a first token."""

    @property
    def share_served(self) -> float:
        """Of the requests due, those that got a first token."""
        return self.num_served / self.num_due


@dataclass(frozen=True, slots=True)
class RunMetrics:
    """Everything a table prints of one run.

    Args:
        convention: which rules were used.
        stop_s: when the run ended.
        warmup: the warm-up cut; None under ``paper``.
        window_s: latencies are of requests due at its start or later, rates are over it
            (``latency.in_window``). Under ``strict`` from the cut to the last arrival, under
            ``paper`` the whole run.
        counts: the whole run's requests by outcome.
        num_measured: requests that latencies are of, whether or not they have any.
        throughput_rps: requests finished in the window, a second.
        output_tokens_per_s: tokens received in the window, a second.
        multi_token_reads: reads that brought more than one token of a request (whole run).
        overall, tiers, tenants: of all requests, by tier, the strictest first, and by tenant
            (``group.tenants_of``); those with a request.
        prompt_buckets: TTFT by prompt length, shortest first.
        gaps_told: whether token times are known, so that there can be times between tokens.
    """

    convention: Convention
    stop_s: float
    warmup: Warmup | None
    window_s: tuple[float, float]
    counts: Counts
    num_measured: int
    throughput_rps: float | None
    output_tokens_per_s: float | None
    multi_token_reads: int
    overall: GroupMetrics
    tiers: dict[str, GroupMetrics]
    tenants: dict[str, GroupMetrics]
    prompt_buckets: tuple[PromptBucket, ...]
    gaps_told: bool = True

    @property
    def groups(self) -> dict[Group, GroupMetrics]:
        """All of them: of all requests, of each tier, of each tenant."""
        every: dict[Group, GroupMetrics] = {None: self.overall}
        every.update(self.tiers)
        every.update((groups.of_tenant(name), group) for name, group in self.tenants.items())
        return every


def run_metrics(
    recording: Recording,
    *,
    convention: Convention = "strict",
    qs: Sequence[float] = DEFAULT_QS,
    cut_s: float | None = None,
    tenants: Collection[str] = (),
) -> RunMetrics:
    """All metrics of one run.

    Under ``strict``, requests due after the warm-up cut are measured, with all their tokens;
    ``latency.summarise`` says what becomes of those still waiting when the run ends. Under
    ``paper`` nothing is cut, TTFT and E2E are of finished requests only, each first token adds a
    0 to the TBT samples, and statistics are read off CDFs as the paper's code does.

    Args:
        recording: the run.
        convention: ``strict`` or ``paper``.
        qs: percentile levels.
        cut_s: use this warm-up cut (to measure two runs over the same requests); None: find it.
            Ignored under ``paper``.
        tenants: those that targets name.

    Raises:
        ValueError: an unknown convention.
    """
    if convention not in ("strict", "paper"):
        raise ValueError(f"convention must be 'strict' or 'paper', not {convention!r}")
    requests, stop_s = recording.requests, float(recording.run["end_s"])
    due = requests.due_s <= stop_s
    warmup_cut: Warmup | None = None
    start = 0.0
    if convention == "strict":
        came, over = requests.due_s[due], left_s(requests)[due]
        if is_half_open(recording.run):
            came, over = sessions_of(requests, left_s(requests))
        warmup_cut = warmup(came, over, stop_s)
        start = warmup_cut.cut_s if cut_s is None else cut_s
    measured = due & (requests.due_s >= start)
    window = _window(requests.due_s[due], start, stop_s, convention)
    length = window[1] - window[0]
    gaps = token_gaps(requests)
    reading = Reading(convention, tuple(qs), stop_s)
    counted = in_window(requests.due_s, window)
    decided = {name: decide(requests, stop_s) for name, decide in SHARES.items()}

    def of(group: Group) -> GroupMetrics:
        members = groups.members(requests, group)
        return GroupMetrics(
            None if group is None or groups.tenant_of(group) else _strictest(requests, members),
            _latencies(requests, gaps, measured & members, reading),
            {
                name: _sample(share, counted & members)
                for name, share in decided.items()
                if share is not None
            },
        )

    tiers = {str(name): of(str(name)) for name in np.unique(requests.tier[due])}
    in_order = strictest_first({name: group.tbt_slo_s for name, group in tiers.items()})
    num_finished = np.count_nonzero(requests.finished & in_window(requests.last_token_s, window))
    num_tokens = np.count_nonzero(in_window(requests.token_times_s, window))
    return RunMetrics(
        convention=convention,
        stop_s=stop_s,
        warmup=warmup_cut,
        window_s=window,
        counts=counts_of(requests, stop_s),
        num_measured=int(np.count_nonzero(measured)),
        throughput_rps=int(num_finished) / length if length > 0 else None,
        output_tokens_per_s=int(num_tokens) / length if length > 0 else None,
        multi_token_reads=multi_token_reads(gaps),
        overall=of(None),
        tiers={name: tiers[name] for name in in_order},
        tenants={
            name: of(groups.of_tenant(name))
            for name in groups.tenants_of(requests.tenant[due], tenants)
        },
        prompt_buckets=_prompt_buckets(requests, measured, reading),
        gaps_told=not len(requests) or bool(requests.gaps_known.any()),
    )


def strictest_first(slos_s: Mapping[str, float | None]) -> list[str]:
    """Tiers by their TBT SLO, the strictest first; those without one last."""

    def strictness(tier: str) -> tuple[float, str]:
        slo_s = slos_s[tier]
        return (math.inf if slo_s is None or math.isnan(slo_s) else slo_s, tier)

    return sorted(slos_s, key=strictness)


def _strictest(requests: RequestTable, members: BoolArray) -> float:
    return float(requests.tbt_slo_s[members].min())


def _latencies(
    requests: RequestTable, gaps: Clusters, members: BoolArray, reading: Reading
) -> dict[str, LatencySummary]:
    served = members & (requests.num_tokens > 0)
    return {
        name: summarise_gaps(gaps, served & requests.gaps_known, reading)
        if latency.observed is None
        else summarise(requests, name, members, reading)
        for name, latency in LATENCIES.items()
    }


def _sample(share: Decided, members: BoolArray) -> FloatArray:
    return share.met[members & share.known].astype(np.float64)


def _prompt_buckets(
    requests: RequestTable, measured: BoolArray, reading: Reading
) -> tuple[PromptBucket, ...]:
    bucket = requests.prompt_tokens // PROMPT_BUCKET_TOKENS
    out = []
    for index in np.unique(bucket[measured]).tolist():
        members = measured & (bucket == index)
        out.append(
            PromptBucket(
                low_tokens=index * PROMPT_BUCKET_TOKENS,
                high_tokens=(index + 1) * PROMPT_BUCKET_TOKENS,
                ttft=summarise(requests, "ttft", members, reading),
                num_due=int(np.count_nonzero(members)),
                num_served=int(np.count_nonzero(members & (requests.num_tokens > 0))),
            )
        )
    return tuple(out)


def counts_of(requests: RequestTable, stop_s: float) -> Counts:
    """Requests that were due by the end of a run, by outcome."""
    due = requests.due_s <= stop_s

    def ended(outcome: Outcome) -> int:
        return int(np.count_nonzero(requests.outcome[due] == outcome.value))

    return Counts(
        due=int(np.count_nonzero(due)),
        finished=ended(Outcome.FINISHED),
        failed=ended(Outcome.FAILED),
        timed_out=ended(Outcome.TIMED_OUT),
        unfinished=ended(Outcome.UNFINISHED),
    )


def _window(
    due_s: FloatArray, start: float, stop_s: float, convention: Convention
) -> tuple[float, float]:
    last = float(due_s[-1]) if len(due_s) else 0.0
    if convention == "paper" or last <= start:
        return start, stop_s
    return start, last
