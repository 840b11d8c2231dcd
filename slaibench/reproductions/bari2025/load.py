"""The paper's runs under load: one mix of tiers under one convention, and what is read off it."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from slaibench.recording.record import Recording
from slaibench.reproductions.bari2025.figures import FIGURES, SARATHI, SLAI, Mix
from slaibench.reproductions.bari2025.given import measured
from slaibench.spec import Convention, StudySpec
from slaibench.studies.capacity import CapacityResult, capacity_from
from slaibench.studies.compare import ttft_change
from slaibench.studies.estimate import Estimate
from slaibench.studies.executors import CellResult
from slaibench.studies.operating_point import OperatingPoint, make_point
from slaibench.studies.run_summary import RunSummarizer, RunSummary
from slaibench.studies.sweep import summaries_of
from slaibench.studies.targets import Targets

if TYPE_CHECKING:
    from slaibench.reproductions.bari2025.spec import PaperSpec

FULL_SHARE = 0.96
"""Share of KV blocks from which SLAI's dynamic offset takes the cache for nearly full."""
CAPACITY_OF = (SARATHI, SLAI)
"""Whose capacity the paper prints."""
MEDIAN_ONLY = "ttft_p50<0.5"
TBT_ONLY = "tbt_p99<tier"


@dataclass(frozen=True, slots=True)
class LoadSummary(RunSummary):
    """A run's numbers, with what only the paper's figures ask for.

    Args:
        kv_mean: mean share of KV blocks in use, over the measured window (before the warm-up cut
            and after the last arrival the cache fills and drains); None without steps.
        nearly_full: share of the same time with at least 96 % of them in use.
        given: what the run was given, of what the paper says it gave (``given.GIVEN``).
        strictly: the numbers of a run under the paper's conventions by strict definitions: the
            same requests, the same tokens at the same times.
    """

    kv_mean: float | None
    nearly_full: float | None
    given: dict[str, float | None]
    strictly: RunSummary | None


@dataclass(frozen=True, slots=True)
class LoadSummarizer:
    """Callable from recording to digest; can be sent to worker processes."""

    own: RunSummarizer
    strict: RunSummarizer | None

    @classmethod
    def for_study(cls, spec: StudySpec) -> LoadSummarizer:
        slos = Targets.of(spec).slos
        strict = RunSummarizer.for_study(Convention.STRICT.value, slos)
        if spec.convention is Convention.STRICT:
            return cls(strict, None)
        return cls(RunSummarizer.for_study(spec.convention.value, slos), strict)

    def __call__(self, recording: Recording) -> LoadSummary:
        own = self.own(recording)
        known: dict[str, Any] = {each.name: getattr(own, each.name) for each in fields(own)}
        kv_mean, nearly_full = _memory(recording, own.metrics.window_s)
        return LoadSummary(
            **known,
            kv_mean=kv_mean,
            nearly_full=nearly_full,
            given=measured(recording, own.audit),
            strictly=None if self.strict is None else self.strict(recording),
        )


def _memory(
    recording: Recording, window_s: tuple[float, float]
) -> tuple[float | None, float | None]:
    """Mean share of KV blocks in use in a window, and share of its time with nearly all."""
    steps, total = recording.steps, recording.run["kv_blocks"]
    inside = (steps.start_s >= window_s[0]) & (steps.end_s <= window_s[1])
    if not inside.any() or not total:
        return None, None
    share = steps.kv_blocks_used[inside] / total
    lengths = (steps.end_s - steps.start_s)[inside]
    full = share >= FULL_SHARE
    return float(np.average(share, weights=lengths)), float(np.average(full, weights=lengths))


@dataclass(frozen=True)
class Load:
    """The runs of one mix under one convention.

    Args:
        spec: the study, its schedulers those that any figure asks for.
        about: what served.
        cells: swept and searched ones, with ``LoadSummary`` (or, by strict definitions,
            ``RunSummary``) each.
        searched: whether capacities were searched, and may be told.
    """

    mix: Mix
    spec: StudySpec
    about: str
    cells: tuple[CellResult, ...]
    searched: bool

    @property
    def convention(self) -> Convention:
        return self.spec.convention

    @cached_property
    def targets(self) -> Targets:
        """What its runs are judged by."""
        return Targets.of(self.spec)

    @cached_property
    def points(self) -> dict[tuple[str, float], OperatingPoint]:
        """By scheduler and rate, at the rates asked for."""
        found = {}
        for scheduler in self.spec.schedulers:
            for rate in self.spec.rates:
                if summaries := self.summaries(scheduler, rate):
                    found[scheduler, rate] = make_point(
                        scheduler, rate, summaries, self.targets.tier_names
                    )
        return found

    def of(self, scheduler: str) -> list[OperatingPoint]:
        """One scheduler's points by rate."""
        return [point for (name, _), point in self.points.items() if name == scheduler]

    def summaries(self, scheduler: str, rate_rps: float) -> list[RunSummary]:
        """The replicates behind a point, by seed."""
        return summaries_of(self.cells, scheduler, rate_rps)

    def at(self, scheduler: str, rate_rps: float) -> OperatingPoint | None:
        return self.points.get((scheduler, rate_rps))

    def ttft_change(self, a: str, b: str, rate_rps: float) -> Estimate:
        """Change of the median TTFT from a to b, paired by request and seed."""
        before, after = self.summaries(a, rate_rps), self.summaries(b, rate_rps)
        if not before or len(before) != len(after):
            return Estimate(None, None, None, 0)
        return ttft_change(before, after)

    def capacity(self, scheduler: str, slo: str | None = None) -> CapacityResult | None:
        """Capacity from the cells at hand; None where there is none of the scheduler.

        Args:
            slo: other targets than the study's.
        """
        cells = tuple(cell for cell in self.cells if cell.cell.scheduler == scheduler)
        if not cells:
            return None
        if slo is None:
            return capacity_from(self.spec, self.targets, self.about, scheduler, cells)
        spec = self.spec.model_copy(update={"slo": slo})
        return capacity_from(spec, Targets.of(spec), self.about, scheduler, cells)

    def by_strict_definitions(self) -> Load:
        """The same runs, measured by strict definitions.

        Raises:
            ValueError: they were measured by them in the first place.
        """
        spec = self.spec.model_copy(update={"convention": Convention.STRICT})
        cells = []
        for cell in self.cells:
            if cell.summary.strictly is None:
                raise ValueError(f"{cell.folder} was measured by strict definitions already")
            cells.append(replace(cell, summary=cell.summary.strictly))
        return Load(self.mix, spec, self.about, tuple(cells), self.searched)


def load_spec(asked: PaperSpec, mix: Mix, convention: Convention) -> StudySpec:
    """The study behind the figures of one mix."""
    figures = [FIGURES[name] for name in asked.figures if FIGURES[name].mix is mix]
    names = dict.fromkeys(name for each in figures for name in each.schedulers)
    fixed = {rate for each in figures for rate in each.rates or ()}
    return asked.load_study(mix, convention, tuple(names), tuple(fixed))
