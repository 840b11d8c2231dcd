"""The answer in words: who carries how much, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass

from slaibench.report.document import ends_of
from slaibench.report.findings import MOST_NAMED, findings
from slaibench.report.study_document import PageCapacity, StudyNumbers, value_and_ends
from slaibench.report.words import (
    binding,
    capacity_digits,
    listed,
    rate,
    short_names,
    targets,
)


@dataclass(frozen=True, slots=True)
class Headline:
    """The top of the page.

    Args:
        title: the answer in one line.
        asked: the targets, in words.
        answers: (scheduler, what it carries), in the study's order.
        findings: what follows from comparing them, a sentence each.
    """

    title: str
    asked: str
    answers: tuple[tuple[str, str], ...]
    findings: tuple[str, ...]


def headline(doc: StudyNumbers) -> Headline:
    """Put a report's numbers into words; everything comes from the document."""
    return Headline(
        title=_title(doc),
        asked=asked(doc),
        answers=tuple(
            (name, _carried(doc, name) + _let_pass(doc, name)) for name in doc["schedulers"]
        ),
        findings=findings(doc),
    )


def asked(doc: StudyNumbers) -> str:
    """The targets in words."""
    wanted = targets(doc["spec"]["slo"], doc["tiers"])
    if doc["spec"]["convention"] == "strict":
        wanted.append("not saturated")
    return "; ".join(wanted)


def capacity_text(doc: StudyNumbers, name: str) -> str:
    """A scheduler's capacity in a few characters: ``6.77``, ``≥ 20``, ``none found``."""
    capacity = doc["capacities"][name]
    if capacity["rate_rps"] is None:
        return "none found"
    text = _digits(doc, name)[0]
    return f"at least {text}" if capacity["shape"] is None and _sure(capacity) else text


def _sure(capacity: PageCapacity) -> bool:
    """Whether a rate that no target failed at is sure to hold."""
    sure: bool = capacity["sure_rps"] == capacity["rate_rps"]
    return sure


def _digits(doc: StudyNumbers, name: str) -> list[str]:
    return rate_and_ends(doc["capacities"][name])


def rate_and_ends(capacity: PageCapacity) -> list[str]:
    """A capacity that there is, and the ends of its interval, if it has one."""
    rate_rps = capacity["rate_rps"]
    rates = [] if rate_rps is None else [rate_rps, *ends_of(capacity["ci95"])]
    return capacity_digits(rates, capacity["shape"])


def _title(doc: StudyNumbers) -> str:
    names = short_names(list(doc["schedulers"]))
    caps = doc["capacities"]
    rates = {name: rps for name in caps if (rps := caps[name]["rate_rps"]) is not None}
    carrying = sorted(rates, key=lambda name: -rates[name])
    if carrying:
        bounded = caps[carrying[0]]["shape"] is not None
        return _best(doc, names, carrying) if bounded else _unbroken(doc, names, carrying)
    if any(point["invalid"] for at in doc["points"].values() for point in at.values()):
        return "Invalid runs: whether the latency targets hold cannot be told"
    if any(capacity["untold"] or capacity["bracket"][0] is not None for capacity in caps.values()):
        return "Too few requests to tell whether the latency targets hold"
    single = all(len(capacity["rates_measured"]) == 1 for capacity in caps.values())
    where = "at the one rate measured" if single else "even at the lowest rate measured"
    if len(names) > 1:
        return f"No scheduler keeps the latency targets, {where}"
    return f"{next(iter(names.values()))} does not keep the latency targets, {where}"


def _unbroken(doc: StudyNumbers, names: dict[str, str], carrying: list[str]) -> str:
    """No target broke under some, so that their capacities are only bounded from below."""
    shapes = {name: doc["capacities"][name]["shape"] for name in carrying}
    unbroken = [name for name in carrying if shapes[name] is None]
    broken = [name for name in carrying if shapes[name] is not None]
    rates = listed(list(dict.fromkeys(_digits(doc, name)[0] for name in unbroken)))
    who = listed([names[name] for name in unbroken])
    rest = f"; {names[broken[0]]} carries {capacity_text(doc, broken[0])}" if broken else ""
    if all(_sure(doc["capacities"][name]) for name in unbroken):
        keep = "keeps" if len(unbroken) == 1 else "keep"
        return (
            f"{who} {keep} the latency targets at every rate measured, up to {rates} requests/s"
            f"{rest}"
        )
    # Too little was measured to say that the targets hold, and nothing says that one does not.
    return f"{who} broke no latency target up to {rates} requests/s, but that may be chance{rest}"


def _best(doc: StudyNumbers, names: dict[str, str], carrying: list[str]) -> str:
    """Who carries most, where that can be told.

    Args:
        carrying: schedulers with a capacity, the largest first.
    """
    best = carrying[0]
    within = "requests/s within the latency targets"
    tied = [best, *(name for name in carrying[1:] if not _told_apart(doc, name, best))]
    if len(tied) > 1:
        who = listed([names[name] for name in tied])
        if len(tied) > MOST_NAMED:
            who = f"{len(tied)} of {len(names)} schedulers"
        texts = list(dict.fromkeys(capacity_text(doc, name) for name in tied))
        rates = texts[0] if len(texts) == 1 else f"{texts[-1]} to {texts[0]}"
        return f"{who} are not told apart: {rates} {within}"
    carried = f"{capacity_text(doc, best)} {within}"
    others = [names[name] for name in names if name != best]
    if len(carrying) == 1:
        rest = f"; {listed(others)} at no rate measured" if others else ""
        return f"{names[best]} carries {carried}{rest}"
    follows = f"{names[carrying[1]]} {capacity_text(doc, carrying[1])}"
    if len(names) > 2:
        return f"{names[best]} carries the most: {carried}; next is {follows}"
    return f"{names[best]} carries {carried}, {follows}"


def _told_apart(doc: StudyNumbers, reference: str, scheduler: str) -> bool:
    for ratio in doc["ratios"]:
        if (ratio["reference"], ratio["scheduler"]) == (reference, scheduler):
            values = value_and_ends(ratio)
            return values is not None and ratio["n"] > 1 and not values[1] <= 1 <= values[2]
    return False


def _carried(doc: StudyNumbers, name: str) -> str:
    capacity = doc["capacities"][name]
    return "; ".join([_answer(doc, name, capacity), *capacity["remarks"]])


def _answer(doc: StudyNumbers, name: str, capacity: PageCapacity) -> str:
    first = binding(capacity["binding"], capacity["binding_tier"], doc["tiers"])
    if capacity["rate_rps"] is None:
        if capacity["bracket"][0] is not None:
            return "no capacity"
        lowest = f"{rate(capacity['rates_measured'][0])} requests/s, the lowest rate measured"
        if capacity["untold"]:
            return "cannot be told"
        return f"no capacity found: {lowest}, fails by {first}"
    if capacity["shape"] is None:
        text = _digits(doc, name)[0]
        if _sure(capacity):
            return f"at least {text} requests/s"
        return f"no target broke up to {text} requests/s"
    value, *interval = _digits(doc, name)
    sure = f"95 % interval {interval[0]} to {interval[1]}" if interval else "no interval"
    text = f"{value} requests/s ({sure})"
    return text if capacity["untold"] else f"{text}; what ends it is {first}"


def _let_pass(doc: StudyNumbers, name: str) -> str:
    """Saturated rates at or below a capacity, which only the paper's conventions let pass."""
    most = doc["capacities"][name]["rate_rps"]
    passed = [
        rate(float(key))
        for key, point in doc["points"][name].items()
        if point["saturated"] and most is not None and float(key) <= most
    ]
    if doc["spec"]["convention"] == "strict" or not passed:
        return ""
    return f"; it is saturated at {listed(passed)}, which these conventions let pass"
