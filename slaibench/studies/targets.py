"""A study's targets, and how far a scheduler at one rate is from them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from slaibench.measure.capacity import SloLevel
from slaibench.measure.intervals import t_interval
from slaibench.measure.metrics import strictest_first
from slaibench.measure.quantile_interval import quantile_interval
from slaibench.measure.share_interval import share_interval
from slaibench.measure.slo import Slo, SloVerdict, evaluate, parse_slos
from slaibench.measure.steady import Steadiness
from slaibench.spec import Convention, StudySpec
from slaibench.studies.forms import VerdictForm
from slaibench.studies.replicates import state_of
from slaibench.studies.run_summary import RunSummarizer, RunSummary, samples_of
from slaibench.workloads.lengths import LengthSource
from slaibench.workloads.own_tiers import own_tiers
from slaibench.workloads.tiers import DEFAULT_TIERS, Tier, parse_tiers

STEADY = "not saturated"
"""The target that strict conventions add to the SLOs."""
SATURATED = "it is saturated"
"""What it comes to when that target fails, as a clause."""
HOLDS = SloLevel(-1.0, -1.0, -1.0)
FAILS = SloLevel(math.inf, 1.0, math.inf)
NOT_KNOWN = SloLevel(-1.0, -1.0, math.inf)
"""Nothing speaks against it, and nothing excludes that it fails."""
NOT_MEASURED = SloLevel(math.inf, -math.inf, math.inf)


class State(StrEnum):
    """What runs say of their targets; its values are the words for it everywhere."""

    MET = "met"
    NOT_MET = "not met"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one scheduler keeps all targets at one rate.

    Args:
        state: not met where the 95 % interval of some target lies beyond its bound, met where those
            of all lie within, else not told.
        targets: those that fail, or of a verdict that cannot be told those that are not known to
            hold; each with its tier, where it has one. None of a verdict that is met.
    """

    state: State
    targets: tuple[tuple[str, str | None], ...]

    @classmethod
    def of(cls, levels: Mapping[tuple[str, str | None], SloLevel]) -> Verdict:
        """The verdict from where every target stands (``Targets.levels``)."""
        failing = tuple(target for target, level in levels.items() if level.low > 0)
        if failing:
            return cls(State.NOT_MET, failing)
        open_ = tuple(target for target, level in levels.items() if level.high > 0)
        return cls(State.CANNOT_TELL if open_ else State.MET, open_)

    @property
    def why(self) -> str:
        """The targets in words; empty where all are met."""
        steady = SATURATED if self.state is State.NOT_MET else "it may be saturated"
        return ", ".join(
            steady if slo == STEADY else whose(slo, tier) for slo, tier in self.targets
        )

    def to_json(self) -> VerdictForm:
        return {
            "state": self.state.value,
            "targets": [{"slo": slo, "tier": tier} for slo, tier in self.targets],
        }

    @classmethod
    def from_json(cls, form: VerdictForm) -> Verdict:
        """The verdict that ``to_json`` gave."""
        targets = tuple((target["slo"], target["tier"]) for target in form["targets"])
        return cls(State(form["state"]), targets)


def whose(slo: str, tier: str | None) -> str:
    """A target with the tier that it is judged for, which its own text may name."""
    named = tier is None or parse_slos(slo)[0].tier == tier
    return slo if named else f"{slo} of {tier}"


@dataclass(frozen=True, slots=True)
class Targets:
    """What runs of a study are judged by, parsed once (``of``).

    Args:
        slos: targets of requests, in the order of the specification.
        convention: whose definitions; strict ones add that a run is steady.
        tiers: of the specification, strictest TBT SLO first: their order in every result.
    """

    slos: tuple[Slo, ...]
    convention: Convention
    tiers: tuple[Tier, ...]

    @classmethod
    def of(cls, spec: StudySpec, tiers: Sequence[Tier] | None = None) -> Targets:
        """The targets of a specification.

        Args:
            tiers: of the specification, where they are parsed already.

        Raises:
            ValueError: an SLO does not parse, or names a tier that is not there (with those that
                are); or the tiers do not parse.
        """
        tiers = tiers_of(spec) if tiers is None else tiers
        slos = parse_slos(spec.slo)
        names = [tier.name for tier in tiers]
        for slo in slos:
            if slo.tier is not None and slo.tier not in names:
                raise ValueError(
                    f"SLO {slo.text!r}: no tier {slo.tier!r}; there are {', '.join(names)}"
                )
        by_name = {tier.name: tier for tier in tiers}
        in_order = strictest_first({tier.name: tier.tbt_slo_s for tier in tiers})
        return cls(slos, spec.convention, tuple(by_name[name] for name in in_order))

    @property
    def tier_names(self) -> tuple[str, ...]:
        """Names of the tiers, strictest TBT SLO first."""
        return tuple(tier.name for tier in self.tiers)

    @property
    def look_at_requests(self) -> bool:
        """Whether some are of what only requests themselves say (``tellable``)."""
        return any(slo.is_share or slo.tenant is not None for slo in self.slos)

    def summarizer(self) -> RunSummarizer:
        """What keeps of a run's recording all that these targets need."""
        return RunSummarizer.for_study(self.convention.value, self.slos)

    def levels(self, summaries: Sequence[RunSummary]) -> dict[tuple[str, str | None], SloLevel]:
        """By SLO and tier: where one scheduler stands at one rate, over its replicates.

        Under strict conventions steadiness is a target of its own: a growing run is no operating
        point, whatever its latencies, and one too short to tell is not known to be one. The paper's
        capacity looks at latencies only. A run that is no measurement meets nothing.
        """
        by_target: dict[tuple[str, str | None], list[SloVerdict]] = {}
        for summary in summaries:
            for verdict in evaluate(self.slos, summary.metrics):
                by_target.setdefault((verdict.slo.text, verdict.tier), []).append(verdict)
        invalid = any(summary.invalid is not None for summary in summaries)
        levels = {
            target: NOT_MEASURED if invalid else _level(self.convention, verdicts, summaries)
            for target, verdicts in by_target.items()
        }
        if self.convention is Convention.STRICT:
            levels[STEADY, None] = _steady_level(summaries)
        return levels

    def why_not_measured(
        self, summaries: Sequence[RunSummary], slo: str, tier: str | None
    ) -> str | None:
        """Why runs cannot speak about a target at all; None where they can, however little."""
        for summary in summaries:
            if summary.invalid is not None:
                return summary.invalid
            if slo == STEADY:
                continue
            for verdict in evaluate(self.slos, summary.metrics):
                if (verdict.slo.text, verdict.tier) == (slo, tier) and verdict.value is None:
                    sample = summary.samples.get((verdict.slo.metric, verdict.slo.group(tier)))
                    if sample is None or not len(sample):
                        return verdict.why
        return None


def tiers_of(spec: StudySpec) -> tuple[Tier, ...]:
    """The tiers of a specification, in its own order, by which requests are drawn.

    Raises:
        ValueError: they do not parse.
    """
    return parse_tiers(spec.tiers) if spec.tiers else DEFAULT_TIERS


def with_tiers(spec: StudySpec, source: LengthSource) -> tuple[StudySpec, tuple[Tier, ...]]:
    """The tiers of a study, and its specification with those that the workload itself names.

    Raises:
        ValueError: they do not parse, or are not the workload's (``own_tiers``).
    """
    given = tiers_of(spec)
    tiers = own_tiers(source, given if spec.tiers else None, given)
    if tiers != given:
        spec = spec.model_copy(update={"tiers": ",".join(map(str, tiers))})
    return spec, tiers


def _level(
    convention: Convention, verdicts: Sequence[SloVerdict], summaries: Sequence[RunSummary]
) -> SloLevel:
    first = verdicts[0]
    slo, group = first.slo, first.slo.group(first.tier)
    if convention is Convention.PAPER or (slo.q is None and not slo.is_share):
        values = [verdict.value for verdict in verdicts if verdict.value is not None]
        return _over_seeds(values, first) if len(values) == len(verdicts) else NOT_MEASURED
    present = samples_of(summaries, slo.metric, group)
    if not present:
        return NOT_MEASURED
    if slo.is_share:
        made = share_interval(present, samples_of(summaries, "ttft", group))
        # A larger share is further from the bound.
        low, high = made.high, made.low
    else:
        assert slo.q is not None
        made = quantile_interval(present, slo.q)
        low, high = made.low, made.high
    if math.isnan(made.estimate):
        return NOT_MEASURED
    return SloLevel(
        _log_ratio(first, made.estimate),
        -math.inf if low is None else _log_ratio(first, low),
        math.inf if high is None else _log_ratio(first, high),
    )


def _over_seeds(values: Sequence[float], verdict: SloVerdict) -> SloLevel:
    """From one value a replicate: the mean of their logarithms, with Student's t."""
    logs = [_log_ratio(verdict, value) for value in values]
    if not all(map(math.isfinite, logs)):
        middle = sorted(logs)[len(logs) // 2]
        return SloLevel(middle, min(logs), max(logs))
    interval = t_interval(logs)
    low, high = interval.low, interval.high
    return SloLevel(
        interval.estimate,
        -math.inf if low is None else low,
        math.inf if high is None else high,
    )


def _log_ratio(verdict: SloVerdict, value: float) -> float:
    return math.inf if math.isinf(value) else verdict.slo.log_ratio(value, verdict.bound)


def _steady_level(summaries: Sequence[RunSummary]) -> SloLevel:
    state = state_of(summaries)
    if state is Steadiness.STEADY:
        return HOLDS
    return FAILS if state is Steadiness.GROWING else NOT_KNOWN
