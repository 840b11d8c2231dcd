"""Both sides' recordings of the same requests, measured over the same of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from slaibench.recording import store
from slaibench.studies.executors import CellResult
from slaibench.studies.regression.judge import Sides, sides_of
from slaibench.studies.regression.replicate import Key, Reader, Replicate

Place = tuple[float, int]
"""Rate and seed, which both sides of a pair have in common."""


def sides(
    before: Sequence[CellResult],
    after: Sequence[CellResult],
    convention: str,
    metrics: tuple[str, ...],
) -> list[Sides]:
    """Both sides at every rate, under the name of the scheduler that ``after`` is of.

    The two runs of a pair are measured from the later of their two warm-up cuts on.

    Raises:
        RecordingError: a recording cannot be read.
    """
    latest: dict[Place, float] = {}
    for cell in (*before, *after):
        place, cut_s = _place(cell), cell.summary.metrics.window_s[0]
        latest[place] = max(cut_s, latest.get(place, cut_s))
    name = after[0].cell.scheduler
    old, new = (_measured(side, latest, convention, metrics) for side in (before, after))
    return sides_of([replace(replicate, scheduler=name) for replicate in old], new)


def _measured(
    side: Sequence[CellResult],
    latest: dict[Place, float],
    convention: str,
    metrics: tuple[str, ...],
) -> list[Replicate]:
    cuts: dict[Key, float] = {cell.cell.key: latest[_place(cell)] for cell in side}
    reader = Reader(convention, metrics, cuts)
    return [reader(store.read(cell.folder)) for cell in side]


def _place(cell: CellResult) -> Place:
    return cell.cell.rate_rps, cell.cell.seed
