"""How numbers, names and targets are written: the one place for pages and terminals.

A page writes ``−70 %`` with a minus sign and a space that no line break parts; a terminal's columns
are narrow, and its text is copied and searched, so there it is ``-70.0%``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from slaibench.measure.catalogue import METRICS, statistic_phrase
from slaibench.measure.group import in_words
from slaibench.measure.slo import Slo, parse_slos
from slaibench.report.study_document import PageEstimate
from slaibench.studies.estimate import Estimate
from slaibench.studies.targets import STEADY

TOO_SMALL = "n too small"
BEYOND = "≥ run"
NOTHING = "–"
UNSERVED = "unserved"
NAME_LENGTH = 26
MINUS = "−"
SPACE = "\u00a0"
"""Between a number and its unit, which no line break shall part."""


def significant(value: float, digits: int = 3) -> str:
    """``value`` to so many significant digits, never with an exponent: 0.0633, 10.7, 1,230."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    rounded = float(f"{value:.{digits - 1}e}")
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(rounded))))
    return _signed(f"{rounded:,.{decimals}f}")


def together(values: Sequence[float], digits: int = 3) -> list[str]:
    """Several values to as many digits as it takes to tell different ones apart (at most 6)."""
    for more in range(digits, 7):
        texts = [significant(value, more) for value in values]
        if len(set(texts)) == len(set(values)):
            return texts
    return texts


def capacity_digits(values: Sequence[float], shape: str | None) -> list[str]:
    """A capacity and the ends of its interval: rates as they were measured, where they are that
    (a lower bound, a cliff), else as many digits as it takes."""
    return together(values) if shape == "smooth" else [f"{value:.4g}" for value in values]


def fixed(value: float, decimals: int) -> str:
    """``value`` with so many decimals, thousands parted by commas."""
    return _signed(f"{value:,.{decimals}f}")


def decimals_for(values: Iterable[float | None], least: int = 0, most: int = 6) -> int:
    """Decimals that show two significant digits of the smallest value of a column."""
    sizes = [abs(value) for value in values if value is not None and value != 0]
    if not sizes:
        return least
    needed = 1 - math.floor(math.log10(min(sizes)))
    return min(max(needed, least), most)


def percent(share: float, decimals: int = 2) -> str:
    """A share as a percentage that never rounds up to 100 or down to 0."""
    text = f"{100 * share:.{decimals}f}"
    edge = 10**-decimals
    if share < 1 and float(text) >= 100:
        return f">{SPACE}{100 - edge:.{decimals}f}{SPACE}%"
    if share > 0 and float(text) <= 0:
        return f"<{SPACE}{edge:.{decimals}f}{SPACE}%"
    return f"{text}{SPACE}%"


def sentences(lines: str) -> list[str]:
    """Lines of a terminal as sentences of a page."""
    return [f"{line[:1].upper()}{line[1:]}." for line in lines.splitlines()]


def change(value: float) -> str:
    """A relative change as people say it: −70 %, +26 %, +0.4 %; from the double on as a factor."""
    if value >= 1:
        return f"×{significant(1 + value)}"
    text = f"{100 * value:+.0f}" if abs(value) >= 0.1 else f"{100 * value:+.1f}"
    return f"{_signed(text)}{SPACE}%"


def share(value: float) -> str:
    """A share to a tenth of a percent, also where that rounds to all or none of it: 81.2 %."""
    return f"{100 * value:.1f}{SPACE}%"


def tenths(value: float) -> str:
    """A relative change to a tenth of a percent, however large: +26.0 %."""
    return f"{_signed(f'{100 * value:+.1f}')}{SPACE}%"


def hundredths(value: float) -> str:
    """A relative change that may be small: to a hundredth of a percent below 10 %, and never as
    none; from the double on as a factor."""
    if value >= 1 or abs(value) >= 0.1:
        return change(value)
    percents = 100 * value
    if value and abs(percents) < 0.005:
        return f"{'+' if value > 0 else MINUS}<{SPACE}0.01{SPACE}%"
    return f"{_signed(f'{percents:+.2f}')}{SPACE}%"


def seconds(value: float, digits: int = 3) -> str:
    """A duration in ms below 0.1 s, else in s."""
    if value < 0.1:
        return f"{significant(1e3 * value, digits)}{SPACE}ms"
    return f"{significant(value, digits)}{SPACE}s"


def bound(value: float) -> str:
    """A target's bound as people write it: 500 ms, 2 s."""
    return f"{1e3 * value:g}{SPACE}ms" if value < 1 else f"{value:g}{SPACE}s"


def rate(value: float) -> str:
    return f"{value:g}"


def number(estimate: PageEstimate, decimals: int, scale: float = 1.0) -> str:
    """The value of an ``estimate`` for a table cell."""
    if estimate["beyond"]:
        return BEYOND
    if estimate["value"] is None:
        return TOO_SMALL if estimate["n"] else NOTHING
    return fixed(scale * estimate["value"], decimals)


def ends(estimate: PageEstimate, decimals: int, scale: float = 1.0) -> str:
    """The interval of an ``estimate`` for a table cell; empty without one. It ends at 0, since
    times and rates do."""
    if estimate["low"] is None or estimate["high"] is None:
        return ""
    low, high = (max(scale * end, 0.0) for end in (estimate["low"], estimate["high"]))
    return f"{fixed(low, decimals)} to {fixed(high, decimals)}"


def plain_number(value: float) -> str:
    """On a terminal: three significant digits, whole numbers in full, never an exponent:
    ``0.0838``, ``11.8``, ``2,151``."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    digits = max(2 - math.floor(math.log10(abs(value))), 0)
    return f"{value:.{min(digits, 6)}f}"


def plain_seconds(estimate: Estimate) -> str:
    """On a terminal: ``0.123``; words where there is no number, a dash where there is nothing to
    measure."""
    if estimate.value is None:
        return TOO_SMALL if estimate.n else "-"
    return UNSERVED if math.isinf(estimate.value) else plain_number(estimate.value)


def plain_fixed(estimate: Estimate, decimals: int) -> str:
    """On a terminal: an estimate with so many decimals; ``-`` where there is none."""
    return "-" if estimate.value is None else f"{estimate.value:.{decimals}f}"


def plain_share(value: float | None) -> str:
    """On a terminal: ``81.2%``; ``-`` where it is not known."""
    return "-" if value is None else f"{value:.1%}"


def plain_change(value: float | None) -> str:
    """On a terminal, and where files are read by programs: ``-55.0%``."""
    return "cannot tell" if value is None else f"{value:+.1%}"


def plain_interval(
    estimate: Estimate, write: Callable[[float], str] = plain_number, between: str = "–"
) -> str:
    """On a terminal: ``0.115–0.131``; empty without an interval.

    Args:
        write: how an end is written; one that lies beyond the run is ``?``.
        between: what stands between the ends.
    """
    if estimate.ci95 is None:
        return ""
    return between.join("?" if math.isinf(end) else write(end) for end in estimate.ci95)


def statistic(slo: Slo) -> str:
    """The left side of a target: ``median TTFT``, ``P99 TBT``, ``mean TPOT``."""
    return METRICS[slo.metric].title if slo.is_share else statistic_phrase(slo.metric, slo.q)


def bound_of(slo: Slo, value: float) -> str:
    """A target's bound: 500 ms, 2 s; of a share 99 %."""
    return f"{100 * value:g}{SPACE}%" if slo.is_share else bound(value)


def targets(text: str, tiers: Mapping[str, float | None]) -> list[str]:
    """SLO expressions as phrases: ``median TTFT at most 0.5 s``."""
    own = ", ".join(f"{name} {bound(slo)}" for name, slo in tiers.items() if slo is not None)
    phrases = []
    for slo in parse_slos(text):
        of = _of(slo, slo.tier)
        if slo.bound != "tier":
            side = "at least" if slo.is_share else "at most"
            phrases.append(f"{statistic(slo)}{of} {side} {bound_of(slo, slo.bound)}")
        elif slo.tier:
            phrases.append(f"{statistic(slo)}{of} within its own SLO")
        else:
            phrases.append(f"{statistic(slo)} of each tier within its own SLO ({own})")
    return phrases


def binding(slo: str | None, tier: str | None, tiers: Mapping[str, float | None]) -> str:
    """What ends a scheduler's capacity."""
    if slo is None:
        return "nothing: no target broke"
    if slo == STEADY:
        return "saturation: requests wait ever longer for their first token"
    target = parse_slos(slo)[0]
    most = tiers.get(tier or "") if target.bound == "tier" else target.bound
    limit = "its SLO" if most is None else bound_of(target, most)
    side = "below" if target.is_share else "above"
    return f"{statistic(target)}{_of(target, tier)} {side} {limit}"


def _of(slo: Slo, tier: str | None) -> str:
    group = slo.group(tier)
    return "" if group is None else f" of {in_words(group)}"


def each_alone(num_compared: int) -> str:
    """What a reader of several comparisons must know of their intervals; empty for one."""
    if num_compared < 2:
        return ""
    return (
        f"Each 95 % interval is right for its own comparison; none is widened because there are "
        f"{num_compared}, so that the chance that one of them misses is above 5 %."
    )


def listed(parts: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def plural(count: int, noun: str) -> str:
    """``1 seed``, ``1,200 cells``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def short_names(names: Sequence[str]) -> dict[str, str]:
    """Names that fit a legend, still all different: a path's folders go first, then the middle."""
    short: dict[str, str] = {}
    for name in names:
        head, colon, tail = name.partition(":")
        text = head.rpartition("/")[2] + colon + tail if head.endswith(".py") else name
        if len(text) > NAME_LENGTH:
            keep = NAME_LENGTH - 1
            text = f"{text[: keep // 2]}…{text[-(keep - keep // 2) :]}"
        unique, again = text, 2
        while unique in short.values():
            unique, again = f"{text} ({again})", again + 1
        short[name] = unique
    return short


def _signed(text: str) -> str:
    return text.replace("-", MINUS)
