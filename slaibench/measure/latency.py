"""Latencies of a recording: samples, and what one group's sample sums up to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from slaibench.measure.catalogue import LATENCIES, Latency
from slaibench.measure.clusters import Clusters
from slaibench.measure.percentiles import (
    Percentile,
    censored_percentiles,
    paper_summary,
    paper_token_summary,
    percentiles,
)
from slaibench.recording.record import BoolArray, FloatArray, RequestTable

Convention = Literal["strict", "paper"]


@dataclass(frozen=True, slots=True)
class Reading:
    """How samples are read: the convention, the percentile levels, and when the run ended."""

    convention: Convention
    qs: Sequence[float]
    stop_s: float


@dataclass(frozen=True, slots=True)
class LatencySummary:
    """One latency of one group of requests.

    Args:
        n: requests with a sample, of TBT those with a gap; requests still waiting are among them,
            failed ones are not.
        unserved: of these, requests for which it had not happened when the run ended.
        mean: seconds; a lower bound when ``unserved`` is not 0 (they count with their wait so
            far); None without samples.
        percentiles: at the levels of the ``Reading``.
    """

    n: int
    unserved: int
    mean: float | None
    percentiles: tuple[Percentile, ...]

    def percentile(self, q: float) -> Percentile:
        """The percentile at level ``q``.

        Raises:
            ValueError: it was not computed.
        """
        for percentile in self.percentiles:
            if abs(percentile.q - q) < 1e-9:
                return percentile
        raise ValueError(f"percentile {q} was not computed: pass it in run_metrics(..., qs=...)")


def summarise(
    requests: RequestTable, metric: str, members: BoolArray, reading: Reading
) -> LatencySummary:
    """One request metric (see ``request_values``) of ``members``.

    Under ``strict``, requests that were still waiting when the run ended, or timed out waiting,
    stay in the sample as longer than their wait so far (``censored_percentiles``): were they left
    out, a scheduler that starves long prompts would look fast. In a saturated run they are many,
    and percentiles that fall among them are ``inf``. Failed requests without the event are left
    out. Under ``paper`` only finished requests enter.
    """
    latency, observed_of = _latency(metric)
    values = observed_of(requests)
    happened = members & ~np.isnan(values)
    if reading.convention == "paper":
        sample = values[happened & requests.finished]
        mean, read = paper_summary(sample, reading.qs)
        return LatencySummary(len(sample), 0, mean, read)
    waiting = members & ~happened & latency.waiting(requests)
    observed, so_far = values[happened], reading.stop_s - requests.due_s[waiting]
    n = len(observed) + len(so_far)
    mean = float(observed.sum() + so_far.sum()) / n if n else None
    return LatencySummary(n, len(so_far), mean, censored_percentiles(observed, so_far, reading.qs))


def summarise_gaps(gaps: Clusters, members: BoolArray, reading: Reading) -> LatencySummary:
    """TBT: every gap of every one of ``members``; under ``paper`` with a 0 for each first token.

    Args:
        gaps: of all requests (``token_gaps``).
        members: requests to take. Under ``paper`` all of them must have a token.
        reading: how.
    """
    sizes = np.diff(gaps.offsets)
    inside = gaps.values
    if not members.all():
        inside = inside[np.repeat(members, sizes)]
    if reading.convention == "paper":
        carriers = int(np.count_nonzero(members))
        samples = np.concatenate([np.zeros(carriers), inside])
        mean, read = paper_token_summary(samples, reading.qs, carriers)
        return LatencySummary(carriers, 0, mean, read)
    carriers = int(np.count_nonzero(members & (sizes > 0)))
    mean = float(inside.mean()) if len(inside) else None
    return LatencySummary(carriers, 0, mean, percentiles(inside, reading.qs, carriers))


def token_gaps(requests: RequestTable, members: BoolArray | None = None) -> Clusters:
    """Every gap between successive tokens, request by request; of ``members`` only, if given.

    A preemption's stall is inside the gap it caused. Requests whose token times are not known have
    none (``RequestTable.gaps_known``).
    """
    times, offsets = requests.token_times_s, requests.token_offsets
    between = np.ones(max(len(times) - 1, 0), dtype=bool)
    starts = offsets[(offsets > 0) & (offsets < len(times))]
    between[starts - 1] = False
    values = np.diff(times)[between]
    sizes = np.maximum(requests.num_tokens - 1, 0)
    if not requests.gaps_known.all():
        values = values[np.repeat(requests.gaps_known, sizes)]
        sizes = np.where(requests.gaps_known, sizes, 0)
    if members is not None:
        values = values[np.repeat(members, sizes)]
        sizes = sizes[members]
    return Clusters(values, np.concatenate([[0], np.cumsum(sizes)]))


def in_window(times_s: FloatArray, window_s: tuple[float, float]) -> BoolArray:
    """Which of these times a rate over ``window_s`` counts: (start, end].

    Half open, so that no event that the window begins with is counted, as the request due at a
    warm-up cut. A run has no such event at 0: what is due when it starts belongs to it.
    """
    start, end = window_s
    after = times_s > start if start > 0 else times_s >= start
    return np.asarray(after & (times_s <= end))


def multi_token_reads(gaps: Clusters) -> int:
    """Reads that brought k > 1 tokens: runs of zero gaps. Such a read adds one gap and k - 1
    zeros to the TBT samples."""
    zero = gaps.values == 0
    if not zero.any():
        return 0
    follows = np.concatenate([[False], zero[:-1]])
    first = gaps.offsets[:-1][np.diff(gaps.offsets) > 0]
    follows[first] = False
    return int(np.count_nonzero(zero & ~follows))


def request_values(requests: RequestTable, metric: str, stop_s: float) -> FloatArray:
    """One value a request, in the table's order, for pairing two runs.

    Args:
        requests: the run's requests.
        metric: of ``catalogue.LATENCIES``, but TBT, of which a request has many.
        stop_s: when the run ended.

    Returns:
        Seconds; ``inf`` where the request was still waiting for it (or timed out) at the end; NaN
        where it has none (failed; fewer than two tokens for TPOT; not due; not recorded).
    """
    latency, observed_of = _latency(metric)
    values = observed_of(requests)
    values = np.where(np.isnan(values) & latency.waiting(requests), np.inf, values)
    return np.where(requests.due_s <= stop_s, values, np.nan)


def _latency(metric: str) -> tuple[Latency, Callable[[RequestTable], FloatArray]]:
    """A latency of which each request has one, and how it is read."""
    latency = LATENCIES.get(metric)
    if latency is None or latency.observed is None:
        single = [name for name, entry in LATENCIES.items() if entry.observed is not None]
        raise ValueError(f"unknown request metric {metric!r}; known: {', '.join(single)}")
    return latency, latency.observed
