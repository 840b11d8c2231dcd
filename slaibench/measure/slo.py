"""SLO expressions: ``ttft_p50<0.5,tbt_p99<tier,tbt_p99@paying<100ms``."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from slaibench.measure.catalogue import LATENCIES, targets

if TYPE_CHECKING:
    from slaibench.measure.metrics import GroupMetrics, RunMetrics

FORM = (
    f"METRIC_STAT[@TIER]<BOUND, with METRIC one of {', '.join(targets())}; STAT a percentile such "
    "as p50 or p99.9, or mean; BOUND seconds (0.5, 500ms, 2s) or, for tbt and tpot, the word tier. "
    "Example: ttft_p50<0.5,tbt_p99<tier,tbt_p99@paying<100ms"
)
NO_SECOND_TOKEN = "no request has a second token, so there is no time between tokens"
NO_TOKEN_TIMES = (
    "the server put several tokens into an event and does not say which, so times between tokens "
    "are not known"
)
_UNITS = {"": 1.0, "s": 1.0, "ms": 1e-3}
_NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?"


@dataclass(frozen=True, slots=True)
class Slo:
    """One latency target.

    Args:
        metric: of ``catalogue.targets``.
        q: percentile level, e.g. 0.99; None for the mean.
        tier: the tier it is for; None: all requests together, or, with a bound of
            ``"tier"``, each tier by itself.
        bound_s: seconds, or ``"tier"``: each tier's own TBT SLO.
        text: as written.
    """

    metric: str
    q: float | None
    tier: str | None
    bound_s: float | Literal["tier"]
    text: str


@dataclass(frozen=True, slots=True)
class SloVerdict:
    """One SLO evaluated on one run (and one tier).

    Args:
        slo: the target.
        tier: whose requests; None: all.
        value: the metric, seconds; None when it is unknown.
        bound_s: its bound.
        met: value <= bound; None when it is unknown, which never counts as met.
        margin: 1 - value / bound: the share of the bound that is left, negative when it is broken.
        why: why it is unknown; else empty.
        sample_value: the metric of the run's sample, however small; None without a sample.
        n: requests that this is of.
    """

    slo: Slo
    tier: str | None
    value: float | None
    bound_s: float
    met: bool | None
    margin: float | None
    why: str = ""
    sample_value: float | None = None
    n: int = 0

    @property
    def log_ratio(self) -> float | None:
        """log(value / bound): at most 0 when met. What ``capacity`` fits over the rate."""
        return None if self.value is None else log_ratio(self.value, self.bound_s)


def log_ratio(value: float, bound_s: float) -> float:
    """How far a metric is from its bound: at most 0 within it, ``-inf`` for a metric of 0."""
    return -math.inf if value == 0 else math.log(value / bound_s)


def parse_slos(text: str) -> tuple[Slo, ...]:
    """Read SLOs joined by commas. ``<`` and ``<=`` mean the same: a value on its bound meets it.

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
    shape = re.fullmatch(r"([^<>=@\s]+?)_([^<>=@\s]+)\s*(?:@([^<>=]*))?\s*<=?\s*(\S+)", piece)
    if shape is None:
        raise ValueError(f"{where} is not an SLO. Accepted: {FORM}")
    metric, stat, tier, bound = shape.groups()
    if metric not in targets():
        raise ValueError(
            f"{where}: unknown metric {metric!r}, known: {', '.join(targets())}. Accepted: {FORM}"
        )
    if tier is not None and not tier.strip():
        raise ValueError(f"{where}: no tier after '@'. Accepted: {FORM}")
    return Slo(
        metric=metric,
        q=_parse_stat(stat, where),
        tier=None if tier is None else tier.strip(),
        bound_s=_parse_bound(bound, metric, where),
        text=re.sub(r"\s+", "", piece),
    )


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
        if slo.bound_s == "tier" and slo.tier is None:
            tiers = list(metrics.tiers)
        verdicts.extend(_verdict(slo, tier, metrics) for tier in tiers)
    return verdicts


def _verdict(slo: Slo, tier: str | None, metrics: RunMetrics) -> SloVerdict:
    group = metrics.overall if tier is None else metrics.tiers.get(tier)
    own = None if group is None else group.tbt_slo_s
    bound = own if slo.bound_s == "tier" else slo.bound_s
    if group is None or bound is None:
        tiers = ", ".join(sorted(metrics.tiers)) or "none"
        why = f"no request of tier {tier!r} in this run (tiers seen: {tiers})"
        return SloVerdict(slo, tier, None, bound or math.nan, None, None, why)
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


def _too_few(metric: str, group: GroupMetrics) -> str:
    summary = group.latencies[metric]
    if LATENCIES[metric].has_tier_bound and summary.n == 0 and group.ttft.n > group.ttft.unserved:
        return NO_SECOND_TOKEN
    return f"n too small: {summary.n:,} requests"
