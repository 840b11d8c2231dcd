"""How full a server was in a run, by its own metrics: readings once a second, not every batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from slaibench.recording.record import FloatArray, ServerTable


@dataclass(frozen=True, slots=True)
class ServerUse:
    """What a server said of one run, or of several in sum; None: it says nothing of that.

    Args:
        waiting_peak, running_peak: most requests that waited to be admitted, and that were in
            batches, at any reading; whoever sent them.
        kv_mean, kv_peak: share of the KV cache in use, over the readings.
        preemptions: from the reading before the run to the last one.
        prefix_hits, prefix_queries: prompt tokens found in the prefix cache, and looked for there.
        engines: for how many engines it spoke; counts are their sum, ``kv_peak`` the fullest's.
        readings: how often it was read in the run.
    """

    waiting_peak: float | None
    running_peak: float | None
    kv_mean: float | None
    kv_peak: float | None
    preemptions: float | None
    prefix_hits: float | None
    prefix_queries: float | None
    engines: int
    readings: int

    @property
    def prefix_hit_share(self) -> float | None:
        """Share of prompt tokens that the prefix cache had; None where nothing was looked for."""
        if not self.prefix_queries or self.prefix_hits is None:
            return None
        return min(1.0, self.prefix_hits / self.prefix_queries)


def server_use(table: ServerTable, end_s: float, engines: int) -> ServerUse:
    """Of one run.

    Args:
        end_s: when it ended. The reading before its start and that after its end count for
            increases alone.
    """
    inside = (table.answered_s >= 0) & (table.answered_s <= end_s)
    return ServerUse(
        waiting_peak=_peak(table.waiting[inside]),
        running_peak=_peak(table.running[inside]),
        kv_mean=_mean(table.kv_use[inside]),
        kv_peak=_peak(table.kv_use[inside]),
        preemptions=increase(table.preemptions),
        prefix_hits=increase(table.prefix_hits),
        prefix_queries=increase(table.prefix_queries),
        engines=engines,
        readings=int(inside.sum()),
    )


def together(uses: Sequence[ServerUse]) -> ServerUse | None:
    """Of several runs: peaks, counts in sum, means over readings; None: of none."""
    if not uses:
        return None
    weighed = [(use.kv_mean, use.readings) for use in uses if use.kv_mean is not None]
    return ServerUse(
        waiting_peak=_most(use.waiting_peak for use in uses),
        running_peak=_most(use.running_peak for use in uses),
        kv_mean=(
            sum(mean * number for mean, number in weighed) / sum(number for _, number in weighed)
            if weighed
            else None
        ),
        kv_peak=_most(use.kv_peak for use in uses),
        preemptions=_sum(use.preemptions for use in uses),
        prefix_hits=_sum(use.prefix_hits for use in uses),
        prefix_queries=_sum(use.prefix_queries for use in uses),
        engines=max(use.engines for use in uses),
        readings=sum(use.readings for use in uses),
    )


def increases(counts: FloatArray) -> FloatArray:
    """How much a counter grew from one reading to the next, shape (readings - 1,).

    One that is lower than before was begun anew, and has grown by what it is: Prometheus' rule for
    ``increase()``, without its extrapolation.
    """
    before, after = counts[:-1], counts[1:]
    return np.asarray(np.where(after < before, after, after - before), dtype=np.float64)


def increase(counts: FloatArray) -> float | None:
    """How much a counter grew over all readings that have it; None: fewer than two have."""
    present = counts[np.isfinite(counts)]
    return float(increases(present).sum()) if len(present) > 1 else None


def _peak(values: FloatArray) -> float | None:
    present = values[np.isfinite(values)]
    return float(present.max()) if len(present) else None


def _mean(values: FloatArray) -> float | None:
    present = values[np.isfinite(values)]
    return float(present.mean()) if len(present) else None


def _most(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _sum(values: Iterable[float | None]) -> float | None:
    present = [value for value in values if value is not None]
    return sum(present) if present else None
