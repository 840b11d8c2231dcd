"""SLO expressions: ``ttft_p50<0.5,tbt_p99@paying<100ms,goodput_share@tenant=acme>0.99``."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from slaibench.measure import group as groups
from slaibench.measure.catalogue import LATENCIES, METRICS, shares, targets
from slaibench.measure.group import Group

if TYPE_CHECKING:
    from slaibench.measure.metrics import GroupMetrics, RunMetrics

FORM = (
    f"METRIC_STAT[@WHOSE]<BOUND, with METRIC one of {', '.join(targets())}; STAT a percentile such "
    "as p50 or p99.9, or mean; BOUND seconds (0.5, 500ms, 2s) or, for tbt and tpot, the word tier; "
    f"or {' or '.join(shares())}[@WHOSE]>SHARE, with SHARE between 0 and 1; WHOSE a tier's name, "
    "tier=NAME or tenant=NAME. Example: ttft_p50<0.5,tbt_p99<tier,tbt_p99@paying<100ms,"
    "goodput_share@tenant=acme>0.99"
)
NO_SECOND_TOKEN = "no request has a second token, so there is no time between tokens"
NO_TTFT_SLO = (
    "no request has a TTFT target of its own: say one by tier, as in --tiers chat:1:0.05:0.3, or "
    "in a table's column ttft_slo_s"
)
NO_TOKEN_TIMES = (
    "the server put several tokens into an event and does not say which, so times between tokens "
    "are not known"
)
_UNITS = {"": 1.0, "s": 1.0, "ms": 1e-3}
_NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?"


@dataclass(frozen=True, slots=True)
class Slo:
    """One target.

    Args:
        metric: of ``catalogue.targets`` or ``catalogue.shares``.
        q: percentile level, e.g. 0.99; None for the mean and for a share.
        tier: the tier it is for; None: all requests together, or, with a bound of
            ``"tier"``, each tier by itself.
        bound: seconds, or ``"tier"``: each tier's own TBT SLO; of a share the least one.
        text: as written.
        tenant: the tenant it is for; None: none is named.
    """

    metric: str
    q: float | None
    tier: str | None
    bound: float | Literal["tier"]
    text: str
    tenant: str | None = None

    @property
    def is_share(self) -> bool:
        """Whether it is a share of requests, bounded from below."""
        return self.metric not in LATENCIES

    def group(self, tier: str | None) -> Group:
        """Whose requests it is judged by, where it is judged for this tier."""
        return tier if self.tenant is None else groups.of_tenant(self.tenant)

    def log_ratio(self, value: float, bound: float) -> float:
        """How far a value is beyond a bound: at most 0 where it keeps it."""
        return log_ratio(bound, value) if self.is_share else log_ratio(value, bound)

    def at(self, ratio: float, bound: float) -> float:
        """The value that is so far beyond a bound (``log_ratio``)."""
        return bound * math.exp(-ratio if self.is_share else ratio)


@dataclass(frozen=True, slots=True)
class SloVerdict:
    """One SLO evaluated on one run (and one tier).

    Args:
        slo: the target.
        tier: the tier that it is judged for; None: none (``Slo.group``).
        value: the metric, seconds or a share; None when it is unknown.
        bound: its bound.
        met: value <= bound, of a share >=; None when it is unknown, which never counts as met.
        margin: 1 - value / bound: the share of the bound that is left, negative when it is broken;
            of a share value / bound - 1.
        why: why it is unknown; else empty.
        sample_value: the metric of the run's sample, however small; None without a sample.
        n: requests that this is of.
    """

    slo: Slo
    tier: str | None
    value: float | None
    bound: float
    met: bool | None
    margin: float | None
    why: str = ""
    sample_value: float | None = None
    n: int = 0

    @property
    def log_ratio(self) -> float | None:
        """How far beyond its bound: at most 0 when met. What ``capacity`` fits over the rate."""
        return None if self.value is None else self.slo.log_ratio(self.value, self.bound)


def log_ratio(value: float, bound: float) -> float:
    """log(value / bound): at most 0 within an upper bound; infinite where one of them is 0."""
    if value == 0 or bound == 0:
        return -math.inf if value == 0 else math.inf
    return math.log(value / bound)


def parse_slos(text: str) -> tuple[Slo, ...]:
    """Read SLOs joined by commas. ``<`` and ``<=`` mean the same, and so do ``>`` and ``>=``: a
    value on its bound meets it.

    Raises:
        ValueError: names the piece, its position, what is wrong with it and the accepted form.
    """
    slos: list[Slo] = []
    start = 0
    for number, piece in enumerate(text.split(","), start=1):
        where = f"SLO {number} ({piece.strip()!r}, at character {start + 1})"
        slos.append(_parse_one(piece.strip(), where))
        start += len(piece) + 1
    return tuple(slos)


def _parse_one(piece: str, where: str) -> Slo:
    if not piece:
        raise ValueError(f"{where} is empty. Accepted: {FORM}")
    shape = re.fullmatch(r"([^<>=@\s]+)\s*(?:@([^<>]*))?\s*([<>])=?\s*(\S+)", piece)
    if shape is None:
        raise ValueError(f"{where} is not an SLO. Accepted: {FORM}")
    name, whose, side, bound = shape.groups()
    tier, tenant = (None, None) if whose is None else _parse_group(whose.strip(), where)
    text = re.sub(r"\s+", "", piece)
    if name in shares():
        if side == "<":
            raise ValueError(
                f"{where}: more of {name} is better: bound it from below, as {name}>0.99. "
                f"Accepted: {FORM}"
            )
        return Slo(name, None, tier, _parse_share(bound, where), text, tenant)
    metric, _, stat = name.partition("_")
    if metric not in targets():
        raise ValueError(f"{where}: {_no_target(name)}. Accepted: {FORM}")
    if not stat:
        raise ValueError(f"{where} is not an SLO: {metric} of which statistic? Accepted: {FORM}")
    if side == ">":
        raise ValueError(
            f"{where}: more of {metric} is worse: bound it from above, as {name}<{bound}. "
            f"Accepted: {FORM}"
        )
    limit = _parse_bound(bound, metric, where)
    if limit == "tier" and tenant is not None:
        raise ValueError(
            f"{where}: a tenant has no bound of its own; give seconds, or ask for "
            f"goodput_share@{groups.of_tenant(tenant)}. Accepted: {FORM}"
        )
    return Slo(metric, _parse_stat(stat, where), tier, limit, text, tenant)


def _no_target(name: str) -> str:
    """Why a name is no target's, and what may be meant."""
    share = next((share for share in shares() if share.startswith(f"{name}_")), None)
    if share is not None:
        return f"{name} alone is requests a second; the share of {METRICS[share].title} is {share}"
    if name in METRICS:
        return f"{name} ({METRICS[name].title}) is no target"
    metric = name.partition("_")[0]
    return f"unknown metric {metric!r}, known: {', '.join([*targets(), *shares()])}"


def _parse_group(text: str, where: str) -> tuple[str | None, str | None]:
    """The tier or the tenant that stands behind an ``@``."""
    tenant = groups.tenant_of(text)
    name = text.removeprefix(groups.TIER) if tenant is None else tenant
    if not name:
        raise ValueError(f"{where}: no tier and no tenant after '@'. Accepted: {FORM}")
    if tenant is None and "=" in name:
        raise ValueError(
            f"{where}: {text!r} is whose? Say tier=NAME or tenant=NAME. Accepted: {FORM}"
        )
    return (name, None) if tenant is None else (None, tenant)


def _parse_stat(stat: str, where: str) -> float | None:
    if stat == "mean":
        return None
    percent = re.fullmatch(rf"p({_NUMBER})", stat)
    level = float(percent.group(1)) if percent else -1.0
    if not 0 < level < 100:
        raise ValueError(
            f"{where}: statistic {stat!r} is neither mean nor a percentile between p0 and p100. "
            f"Accepted: {FORM}"
        )
    return round(level / 100, 12)


def _parse_bound(bound: str, metric: str, where: str) -> float | Literal["tier"]:
    if bound == "tier":
        if not LATENCIES[metric].has_tier_bound:
            raise ValueError(
                f"{where}: a tier has a bound for tbt and tpot only, none for {metric}; "
                f"give {metric} a bound in seconds. Accepted: {FORM}"
            )
        return "tier"
    number = re.fullmatch(rf"({_NUMBER})(ms|s)?", bound)
    value = float(number.group(1)) * _UNITS[number.group(2) or ""] if number else 0.0
    if not (0 < value < math.inf):
        raise ValueError(f"{where}: bound {bound!r} is not a positive time. Accepted: {FORM}")
    return value


def _parse_share(bound: str, where: str) -> float:
    value = float(bound) if re.fullmatch(_NUMBER, bound) else 0.0
    if not 0 < value < 1:
        raise ValueError(
            f"{where}: bound {bound!r} is not a share between 0 and 1; no runs are sure of all "
            f"requests. Accepted: {FORM}"
        )
    return value


def levels(slos: Iterable[Slo]) -> tuple[float, ...]:
    """Percentile levels that these SLOs need, for ``run_metrics(..., qs=...)``."""
    return tuple(sorted({slo.q for slo in slos if slo.q is not None}))


def evaluate(slos: Sequence[Slo], metrics: RunMetrics) -> list[SloVerdict]:
    """Evaluate SLOs on a run's metrics: a verdict for each SLO, and for each tier (strictest
    first) where its bound is the tier's own.

    Latencies only: a saturated run meets no SLO under strict conventions whatever this says.

    Raises:
        ValueError: a percentile is needed that ``metrics`` was computed without.
    """
    verdicts: list[SloVerdict] = []
    for slo in slos:
        tiers: Sequence[str | None] = (slo.tier,)
        if slo.bound == "tier" and slo.tier is None:
            tiers = list(metrics.tiers)
        verdicts.extend(_verdict(slo, tier, metrics) for tier in tiers)
    return verdicts


def _verdict(slo: Slo, tier: str | None, metrics: RunMetrics) -> SloVerdict:
    who = slo.group(tier)
    group = metrics.groups.get(who)
    own = None if group is None else group.tbt_slo_s
    bound = own if slo.bound == "tier" else slo.bound
    if group is None or bound is None:
        return SloVerdict(slo, tier, None, bound or math.nan, None, None, nobody(who, metrics))
    if slo.is_share:
        share, n = group.share(slo.metric), len(group.shares.get(slo.metric, ()))
        if share is None:
            why = "n too small: 0 requests"
            if slo.metric not in group.shares:
                why = NO_TTFT_SLO if metrics.gaps_told else NO_TOKEN_TIMES
            return SloVerdict(slo, tier, None, bound, None, None, why)
        return SloVerdict(slo, tier, share, bound, share >= bound, share / bound - 1, "", share, n)
    summary = group.latencies[slo.metric]
    value = of_sample = summary.mean
    if slo.q is not None:
        value, of_sample = summary.percentile(slo.q).value, summary.percentile(slo.q).sample_value
    if value is None:
        why = NO_TOKEN_TIMES
        if metrics.gaps_told or slo.metric != "tbt":
            why = _too_few(slo.metric, group)
        return SloVerdict(slo, tier, None, bound, None, None, why, of_sample, summary.n)
    met, margin = value <= bound, 1 - value / bound
    return SloVerdict(slo, tier, value, bound, met, margin, "", of_sample, summary.n)


def nobody(who: Group, metrics: RunMetrics) -> str:
    """That a run has no request of a group, and which it has."""
    tenant = groups.tenant_of(who)
    kind, name = ("tier", who) if tenant is None else ("tenant", tenant)
    seen = ", ".join(sorted(metrics.tiers if tenant is None else metrics.tenants)) or "none"
    return f"no request of {kind} {name!r} in this run ({kind}s seen: {seen})"


def _too_few(metric: str, group: GroupMetrics) -> str:
    summary = group.latencies[metric]
    if LATENCIES[metric].has_tier_bound and summary.n == 0 and group.ttft.n > group.ttft.unserved:
        return NO_SECOND_TOKEN
    return f"n too small: {summary.n:,} requests"
