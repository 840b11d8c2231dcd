"""What a study of bounds keeps of a recording."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from slaibench.measure.saturated import Saturated, saturated, worth_between
from slaibench.measure.steady import Steadiness, recording_steadiness
from slaibench.measure.work import Prices
from slaibench.recording.record import Recording


@dataclass(frozen=True, slots=True)
class BacklogSummary:
    """A run whose requests were all due at once.

    Args:
        window: its saturated part; None: too short to tell.
        run_share: as ``Saturated.share``, over the whole run, filling and draining included.
        notes: what a reader of the run must know besides.
    """

    window: Saturated | None
    run_share: float
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BacklogSummarizer:
    """From a recording to its throughput at the prices of a bound; can be sent to processes."""

    prices: Prices

    def __call__(self, recording: Recording) -> BacklogSummary:
        run, end_s = recording.run, float(recording.run["end_s"])
        worth_s = worth_between(recording.requests, int(run["block_size"]), self.prices, 0.0, end_s)
        return BacklogSummary(
            saturated(recording, self.prices), worth_s / end_s, tuple(run["notes"])
        )


class Stability(StrEnum):
    """What became of a run at one place of a stability map."""

    STABLE = "stable"
    UNSTABLE = "unstable"
    UNTOLD = "not told"


@dataclass(frozen=True, slots=True)
class MapSummary:
    """A run at one rate: whether waiting kept growing (``measure.steady``)."""

    stability: Stability
    reason: str
    notes: tuple[str, ...]


def map_summary(recording: Recording) -> MapSummary:
    """The verdict on a recording, as everywhere else in slaibench."""
    verdict = recording_steadiness(recording)
    stopped = recording.run["stopped_early"]
    if stopped is not None or verdict.state is Steadiness.GROWING:
        state = Stability.UNSTABLE
    else:
        steady = verdict.state is Steadiness.STEADY
        state = Stability.STABLE if steady else Stability.UNTOLD
    return MapSummary(state, stopped or verdict.reason, tuple(recording.run["notes"]))
