"""Host time fitted to the fitted half of the published runs, by a rule stated before the run.

Steps to TPOT, then first tokens to TTFT; each by least absolute relative error, so that a row that
is far off for another reason moves nothing, and never below 0. docs/board.md has the rule in words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from slaibench.catalog.host import HostTime
from slaibench.recording.record import FloatArray
from slaibench.studies.board.causes import OWN_OPERATORS, UNFITTED, Cause
from slaibench.studies.board.replay import Latency
from slaibench.studies.board.rows import Half, Row

PASSES = 2
"""A host time changes which requests meet in a batch; once more with it, and it stands."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """A row and what came of it.

    Args:
        asynchronous: how its engine decided batches.
        architecture: of its model.
        latency: with the host time that was asked for.
    """

    row: Row
    asynchronous: bool
    architecture: str
    causes: frozenset[Cause]
    latency: Latency

    @property
    def group(self) -> tuple[str, bool, str]:
        """Whose host time it shows."""
        own = self.architecture if self.architecture in OWN_OPERATORS else ""
        return self.row.configuration.engine, self.asynchronous, own


def fit_host_times(
    replayed: Callable[[Sequence[HostTime]], Sequence[Replayed]],
) -> tuple[HostTime, ...]:
    """Host times by group.

    Args:
        replayed: replays rows with given host times (none of ``first_ms``).

    Raises:
        ValueError: a row of the held-out half is among them.
    """
    times: tuple[HostTime, ...] = ()
    for _ in range(PASSES):
        times = tuple(_steps(rows, times) for rows in _groups(replayed(times)))
    return tuple(_firsts(rows, times) for rows in _groups(replayed(times)))


def _groups(results: Sequence[Replayed]) -> list[list[Replayed]]:
    if any(result.row.configuration.half is not Half.FITTED for result in results):
        raise ValueError("host times are fitted to the fitted half alone")
    usable = [result for result in results if not result.causes & UNFITTED]
    groups = sorted({result.group for result in usable})
    return [[result for result in usable if result.group == group] for group in groups]


def _of(rows: Sequence[Replayed], times: Sequence[HostTime]) -> HostTime:
    engine, asynchronous, architecture = rows[0].group
    for time in times:
        if (time.engine, time.asynchronous, time.architecture) == rows[0].group:
            return time
    configurations = len({result.row.configuration for result in rows})
    nothing = (0.0, 0.0, 0.0)
    return HostTime(engine, asynchronous, architecture, *nothing, len(rows), configurations)


def _steps(rows: Sequence[Replayed], times: Sequence[HostTime]) -> HostTime:
    before = _of(rows, times)
    tpot = np.array([result.row.tpot_ms for result in rows])
    ours = np.array([result.latency.tpot_ms for result in rows])
    sequences = np.array([float(result.row.concurrency) for result in rows])
    # What the replay holds already is put back, so that no term can end below 0.
    missing = tpot - ours + before.step_ms + before.sequence_ms * sequences
    step, sequence = least_absolute(np.stack([np.ones(len(rows)), sequences], 1), missing, tpot)
    return replace(before, step_ms=rounded(step), sequence_ms=rounded(sequence))


def _firsts(rows: Sequence[Replayed], times: Sequence[HostTime]) -> HostTime:
    ttft = np.array([result.row.ttft_ms for result in rows])
    ours = np.array([result.latency.ttft_ms for result in rows])
    (first,) = least_absolute(np.ones((len(rows), 1)), ttft - ours, ttft)
    return replace(_of(rows, times), first_ms=rounded(first))


def least_absolute(terms: FloatArray, wanted: FloatArray, scale: FloatArray) -> FloatArray:
    """Factors of at least 0 with the least sum of |terms @ factors - wanted| / scale."""
    from scipy.optimize import linprog  # noqa: PLC0415  (loads slowly)

    rows, columns = terms.shape
    over = np.eye(rows)
    solved = linprog(
        np.concatenate([np.zeros(columns), np.ones(2 * rows)]),
        A_eq=np.hstack([terms / scale[:, None], over, -over]),
        b_eq=wanted / scale,
        bounds=[(0, None)] * (columns + 2 * rows),
        method="highs",
    )
    factors: FloatArray = np.asarray(solved.x)[:columns]
    return factors


def rounded(value: float) -> float:
    """To three significant figures: no more is known of any."""
    return float(f"{value:.3g}")
