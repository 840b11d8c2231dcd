"""The answers that a study gives on each backend, side by side: is the conclusion the same?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from slaibench.report.findings import NO_RATIO, capacity_verdict
from slaibench.report.headline import capacity_text
from slaibench.report.numbers import Document
from slaibench.report.table import Cell
from slaibench.report.validation.numbers import reference
from slaibench.report.words import (
    binding,
    capacity_digits,
    change,
    hundredths,
    plural,
    rate,
    short_names,
    significant,
    together,
)
from slaibench.studies.targets import STEADY

NOT_TOLD, NO_INTERVAL = "not told", "no interval"
UNTOLD = frozenset({NOT_TOLD, NO_INTERVAL, NO_RATIO})
"""Verdicts that conclude nothing."""


@dataclass(frozen=True, slots=True)
class Conclusion:
    """One answer on every backend.

    Args:
        title: what was asked.
        cells: the answers, in the order of the backends.
        verdicts: what each comes to in a word; None: the answer is a value, and nothing more.
        agreement: how the answers compare.
    """

    title: str
    cells: tuple[Cell, ...]
    verdicts: tuple[str, ...] | None
    agreement: str

    @property
    def told(self) -> bool:
        """Whether every backend leads to a conclusion."""
        return self.verdicts is not None and not UNTOLD.intersection(self.verdicts)

    @property
    def same(self) -> bool:
        """Whether it is the same one."""
        return self.told and len(set(self.verdicts or ())) == 1


def conclusions(doc: Document) -> list[Conclusion]:
    """Capacities and their ratios to the first scheduler's, then the paired changes of TTFT."""
    studies = [doc["studies"][name] for name in doc["between"]]
    names = short_names(list(reference(doc)["schedulers"]))
    first, *others = names
    found = [_capacity(studies, name, names[name]) for name in names]
    for name in others:
        title = f"capacity of {names[name]} over that of {names[first]}"
        found.append(_judged(title, [_ratio_of(s, first, name) for s in studies], _ratio))
    pair = reference(doc)["pair"]
    levels = dict.fromkeys(level for s in studies for at in s["changes"].values() for level in at)
    rates = dict.fromkeys(at for study in studies for at in study["changes"])
    for level in levels:
        for at in rates:
            what = "median TTFT" if level == "p50" else f"{level.upper()} TTFT"
            title = f"{what} of {names[pair[1]]} against {names[pair[0]]}, {rate(float(at))}"
            values = [study["changes"].get(at, {}).get(level) for study in studies]
            found.append(_judged(f"{title} requests/s", values, _change))
    return found


def _capacity(studies: list[Document], name: str, label: str) -> Conclusion:
    cells = tuple(_capacity_cell(study, name) for study in studies)
    rates = [study["capacities"][name]["rate_rps"] for study in studies]
    if len(set(cells)) == 1:
        agreement = "the same"
    elif None in rates:
        agreement = "not the same"
    else:
        furthest = max((each / rates[0] - 1 for each in rates[1:]), key=abs)
        agreement = hundredths(furthest) if furthest else "other interval"
    return Conclusion(f"capacity of {label}, requests/s", cells, None, agreement)


def _capacity_cell(study: Document, name: str) -> Cell:
    found = study["capacities"][name]
    if found["rate_rps"] is None:
        lowest = rate(found["rates_measured"][0])
        answer, why = ("not told", "cannot be told") if found["untold"] else ("none", "fails")
        return Cell(answer, (f"{lowest} {why}", _end(study, name)))
    if found["shape"] is None:
        return Cell(capacity_text(study, name), ("no target broke",))
    _, *interval = capacity_digits([found["rate_rps"], *(found["ci95"] or ())], found["shape"])
    under = (f"{interval[0]} to {interval[1]}",) if interval else ()
    return Cell(capacity_text(study, name), (*under, _end(study, name)))


def _end(study: Document, name: str) -> str:
    found = study["capacities"][name]
    if found["untold"]:
        return str(found["untold"])
    if found["binding"] == STEADY:
        return "ends by saturation"
    return f"ends by {binding(found['binding'], found['binding_tier'], study['tiers'])}"


def _judged(
    title: str, found: list[Document | None], told: Callable[[Document], tuple[Cell, str]]
) -> Conclusion:
    pairs = [(Cell(NOT_TOLD), NOT_TOLD) if each is None else told(each) for each in found]
    cells, verdicts = tuple(cell for cell, _ in pairs), tuple(verdict for _, verdict in pairs)
    if all(each == found[0] for each in found):
        agreement = "the same"
    elif UNTOLD.intersection(verdicts):
        agreement = "not told on all"
    else:
        same = len(set(verdicts)) == 1
        agreement = "the same conclusion" if same else "another conclusion"
    return Conclusion(title, cells, verdicts, agreement)


def _ratio_of(study: Document, a: str, b: str) -> Document | None:
    for each in study["ratios"]:
        if (each["reference"], each["scheduler"]) == (a, b) and each["value"] is not None:
            return dict(each)
    return None


def _ratio(found: Document) -> tuple[Cell, str]:
    verdict = capacity_verdict(found)
    if found["low"] is None:
        return Cell(significant(found["value"]), (verdict,)), verdict
    value, low, high = together([found["value"], found["low"], found["high"]])
    return Cell(value, (f"{low} to {high}", verdict)), verdict


def _change(found: Mapping[str, float | None]) -> tuple[Cell, str]:
    value, low, high = (found[key] for key in ("value", "low", "high"))
    n = f"n = {plural(int(found['n'] or 0), 'pair')}"
    if value is None:
        return Cell(NOT_TOLD, (n,)), NOT_TOLD
    if low is None or high is None:
        return Cell(change(value), (f"{NO_INTERVAL}; {n}",)), NO_INTERVAL
    verdict = "not told apart" if low <= 0 <= high else "slower" if low > 0 else "faster"
    return Cell(change(value), (f"{change(low)} to {change(high)}", f"{verdict}; {n}")), verdict
