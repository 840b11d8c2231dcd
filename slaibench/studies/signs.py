"""What a run of some seconds shows of a server, before it has anything steady to show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from slaibench.measure.metrics import RunMetrics
from slaibench.recording import store
from slaibench.recording.record import Outcome, RequestTable
from slaibench.studies.executors import CellResult
from slaibench.studies.pace import (
    FEW,
    LEAST_SERVED,
    MOST_FAILURES,
    SEVERAL,
    SILENT_S,
    Ended,
)

Tokens = npt.NDArray[np.float64]
PART = 1 / 3
"""Of a run, its end: where it shows how fast tokens come."""


@dataclass(frozen=True, slots=True)
class Signs:
    """What a short run shows.

    Args:
        mean_stay_s: how long a request stays in the system, by its first token and the times
            between the others, since a short run sees few whole stays.
        mean_inside: requests in the system on average (Little's law).
        served_share: tokens that came in the run's last third, as a share of those asked for in
            such a time. A server that carries the rate comes near 1 once it is full; while it
            fills, or without end where the rate is too high, it stays below.
        silent_s: for how long the end brought nothing while requests waited; None: not for long.
    """

    mean_stay_s: float
    mean_inside: float
    served_share: float
    silent_s: float | None

    @property
    def keeps_up(self) -> bool:
        """Whether tokens come as fast as they are asked for, where so many requests are in the
        system that this is not chance."""
        return bool(self.mean_inside < FEW or self.served_share >= LEAST_SERVED)


def why_left_alone(result: CellResult, signs: Signs) -> tuple[Ended, str] | None:
    """Why the server must not be sent more after a run, in words; None: it may."""
    counts, rate = result.summary.metrics.counts, result.cell.rate_rps
    failed = counts.failed + counts.timed_out
    if failed > MOST_FAILURES or (failed and not counts.finished):
        return Ended.FAILURES, f"requests failed at {rate:g} requests/s"
    if signs.silent_s is not None:
        waited = f"no token came for {signs.silent_s:.1f} s while requests waited"
        return Ended.SILENT, f"at {rate:g} requests/s {waited}"
    return None


def signs_of(result: CellResult) -> Signs:
    """The signs in one run's recording."""
    recording = store.read(result.folder)
    requests, end_s = recording.requests, float(recording.run["end_s"])
    tokens = _tokens(requests)
    stay_s = _mean_stay_s(result.summary.metrics, tokens)
    return Signs(
        mean_stay_s=stay_s,
        mean_inside=len(requests) / max(end_s, 1e-9) * stay_s,
        served_share=_served_share(requests, tokens, end_s),
        silent_s=_silent_s(requests, end_s),
    )


def _tokens(requests: RequestTable) -> Tokens:
    """Output tokens of each request: those that came, or of one that is not done those that it
    asked for, as far as the done ones got what they asked for (a model may end sooner)."""
    done = requests.finished
    asked = float(requests.output_tokens[done].sum())
    got = float(requests.num_tokens[done].sum()) / asked if asked else 1.0
    return np.where(done, requests.num_tokens, got * requests.output_tokens)


def _mean_stay_s(metrics: RunMetrics, tokens: Tokens) -> float:
    ttft_s, tbt_s = metrics.overall.ttft.mean, metrics.overall.latencies["tbt"].mean
    if ttft_s is None or not len(tokens):
        return 0.0
    if tbt_s is not None:
        return ttft_s + (float(tokens.mean()) - 1) * tbt_s
    e2e = metrics.overall.latencies["e2e"]
    return (e2e.mean or 0.0) * e2e.n / max(e2e.n - e2e.unserved, 1)


def _served_share(requests: RequestTable, tokens: Tokens, end_s: float) -> float:
    came = np.count_nonzero(requests.token_times_s > (1 - PART) * end_s)
    asked = PART * float(tokens.sum())
    return came / asked if asked else 1.0


def _silent_s(requests: RequestTable, end_s: float) -> float | None:
    waiting = requests.outcome == Outcome.UNFINISHED.value
    if not waiting.any():
        return None
    last_s = float(requests.token_times_s.max(initial=0.0))
    silent_s = end_s - max(last_s, float(requests.due_s[waiting].min()))
    none_at_all = not len(requests.token_times_s) and int(waiting.sum()) >= SEVERAL
    return silent_s if silent_s >= SILENT_S or none_at_all else None
