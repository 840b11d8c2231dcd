"""How far a run is from a study's targets, and when it cannot say."""

from __future__ import annotations

import math
from collections.abc import Sequence

from slaibench.measure.late_share import MIN_REQUESTS, is_within
from slaibench.measure.percentiles import needed_samples
from slaibench.measure.slo import Slo, evaluate, log_ratio, parse_slos
from slaibench.measure.steady import RULE
from slaibench.spec import MIN_REQUESTS as DEFAULT_REQUESTS
from slaibench.spec import Convention, StudySpec
from slaibench.study.digest import CellDigest
from workloads.tiers import Tier

STEADY = "not saturated"
"""The target that strict conventions add to the SLOs."""


def log_ratios(spec: StudySpec, digest: CellDigest) -> list[tuple[str, str | None, float]]:
    """(SLO, tier, log(metric / bound)) of one run; infinite where it cannot count as met.

    Under strict conventions steadiness is a target of its own: a saturated run is no operating
    point, whatever its latencies, and one too short to tell is not known to be one. The paper's
    capacity looks at latencies only. A run that is no measurement meets nothing.
    """
    found: list[tuple[str, str | None, float]] = []
    for verdict in evaluate(parse_slos(spec.slo), digest.metrics):
        value = verdict.value
        if value is None:
            value = _small_value(spec, digest, verdict.slo, verdict.tier)
        told = value is not None and digest.invalid is None
        distance = log_ratio(value, verdict.bound_s) if told and value is not None else math.inf
        found.append((verdict.slo.text, verdict.tier, distance))
    if spec.convention is Convention.STRICT:
        steady = digest.steady and digest.invalid is None
        found.append((STEADY, None, -1.0 if steady else math.inf))
    return found


def _small_value(spec: StudySpec, digest: CellDigest, slo: Slo, tier: str | None) -> float | None:
    """A percentile that the run alone is too small for, where the replicates decide the target.

    They do where all of them together are enough to print it. Times between tokens, of which a
    request has many, also where they are worth as many independent ones, or where so few are late,
    or so many, that there is no doubt (``measure.late_share``). As many runs like this one are
    taken as there are seeds. A saturated run fails whatever its latencies are, so that its sample
    is taken as it is.
    """
    small = digest.small.get((slo.text, tier))
    if small is None or slo.q is None:
        return None
    num = small.n * spec.num_seeds
    fails = spec.convention is Convention.STRICT and digest.saturated
    if fails or num >= needed_samples(slo.q):
        return small.value
    if small.independent is None or num < MIN_REQUESTS:
        return None
    independent = small.independent * spec.num_seeds
    enough = independent >= needed_samples(slo.q)
    decided = is_within(small.late_share, independent, slo.q) is not None
    return small.value if enough or decided else None


def untold_targets(spec: StudySpec, digest: CellDigest) -> dict[tuple[str, str | None], str]:
    """By SLO and tier: why a run cannot speak about this target."""
    if digest.invalid is not None:
        return {(slo, tier): digest.invalid for slo, tier, _ in log_ratios(spec, digest)}
    found = {}
    for verdict in evaluate(parse_slos(spec.slo), digest.metrics):
        if verdict.value is None and _small_value(spec, digest, verdict.slo, verdict.tier) is None:
            found[verdict.slo.text, verdict.tier] = verdict.why
    if spec.convention is Convention.STRICT and digest.steady is None:
        found[STEADY, None] = digest.saturation.reason.removeprefix("not told: ")
    return found


def check_tellable(spec: StudySpec, tiers: Sequence[Tier], *, second_tokens: bool = True) -> None:
    """Refuse runs that cannot tell whether the targets hold, as those too short to.

    Args:
        second_tokens: whether any output has two tokens.

    Raises:
        ValueError: with what is missing.
    """
    why = never_told(spec, tiers, second_tokens=second_tokens)
    if why is not None:
        raise ValueError(why)


def never_told(spec: StudySpec, tiers: Sequence[Tier], *, second_tokens: bool = True) -> str | None:
    """Why no run of this study can say whether the targets hold; None where it may.

    Counts requests before the warm-up cut, of which the sample is what is left.

    Args:
        second_tokens: whether any output has two tokens.
    """
    between = [slo.text for slo in parse_slos(spec.slo) if slo.metric in ("tbt", "tpot")]
    if between and not second_tokens:
        return (
            f"SLO {between[0]!r} is about times between tokens, and every output of this workload "
            "is one token: name targets without tbt and tpot, e.g. --slo 'ttft_p50<0.5'"
        )
    if spec.convention is Convention.PAPER or (spec.num_requests is None and spec.horizon_s):
        return None
    num = DEFAULT_REQUESTS if spec.num_requests is None else spec.num_requests
    if num < RULE.min_arrivals:
        return (
            f"{num} requests are too few to tell whether a run is steady "
            f"({RULE.min_arrivals} after its warm-up are needed): use --requests "
            f"{4 * RULE.min_arrivals} or more"
        )
    shares = {tier.name: tier.share for tier in tiers}
    for slo in parse_slos(spec.slo):
        if slo.q is None:
            continue
        tier = slo.tier
        if tier is None and slo.bound_s == "tier":
            tier = min(shares, key=lambda name: (shares[name], name))
        share = 1.0 if tier is None else shares.get(tier, 1.0)
        expected = num * spec.num_seeds * share
        # Of gaps far within their bound fewer are enough; how many is seen when they are there.
        needed = MIN_REQUESTS if slo.metric == "tbt" else needed_samples(slo.q)
        if expected >= needed:
            continue
        whose = f" of tier {tier}" if tier else ""
        enough = math.ceil(2 * needed / share / spec.num_seeds)
        return (
            f"SLO {slo.text!r} needs {needed:,} requests{whose}, and "
            f"{spec.num_seeds} seed(s) of {num:,} requests have about {expected:,.0f}: use "
            f"--requests {enough} or more, or more --seeds"
        )
    return None
