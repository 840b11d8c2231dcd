"""The conclusions of a study on each backend, side by side: are they the same?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from slaibench.report.findings import NO_RATIO, capacity_verdict
from slaibench.report.headline import capacity_text, rate_and_ends
from slaibench.report.pages.crosscheck.document import CrosscheckDocument
from slaibench.report.pages.crosscheck.subject import reference
from slaibench.report.study_document import PageEstimate, PageRatio, StudyNumbers, value_and_ends
from slaibench.report.table import Cell
from slaibench.report.words import (
    binding,
    change,
    hundredths,
    plural,
    rate,
    short_names,
    significant,
    together,
)
from slaibench.studies.targets import STEADY

E = TypeVar("E", bound=PageEstimate)
UNKNOWN, NO_INTERVAL = "not told", "no interval"
INCONCLUSIVE = frozenset({UNKNOWN, NO_INTERVAL, NO_RATIO})
"""Verdicts that conclude nothing."""


@dataclass(frozen=True, slots=True)
class Conclusion:
    """One result on every backend.

    Args:
        title: what it is.
        cells: the results, in the order of the backends.
        verdicts: what they come to, a word each; None: the result is a value, and nothing more.
        agreement: how the results compare.
    """

    title: str
    cells: tuple[Cell, ...]
    verdicts: tuple[str, ...] | None
    agreement: str

    @property
    def conclusive(self) -> bool:
        """Whether every backend leads to a conclusion."""
        return self.verdicts is not None and not INCONCLUSIVE.intersection(self.verdicts)

    @property
    def same(self) -> bool:
        """Whether it is the same one."""
        return self.conclusive and len(set(self.verdicts or ())) == 1


def conclusions(doc: CrosscheckDocument) -> list[Conclusion]:
    """Capacities and their ratios to the first scheduler's, then the paired changes of TTFT."""
    studies = [doc["studies"][name] for name in doc["between"]]
    names = short_names(list(reference(doc)["schedulers"]))
    first, *others = names
    parts = [_capacity(studies, name, names[name]) for name in names]
    for name in others:
        title = f"capacity of {names[name]} over that of {names[first]}"
        parts.append(_judged(title, [_ratio_of(s, first, name) for s in studies], _ratio))
    pair = reference(doc)["pair"]
    if pair is None:
        return parts
    levels = dict.fromkeys(level for s in studies for at in s["changes"].values() for level in at)
    rates = dict.fromkeys(at for study in studies for at in study["changes"])
    for level in levels:
        for at in rates:
            what = "median TTFT" if level == "p50" else f"{level.upper()} TTFT"
            title = f"{what} of {names[pair[1]]} against {names[pair[0]]}, {rate(float(at))}"
            values = [study["changes"].get(at, {}).get(level) for study in studies]
            parts.append(_judged(f"{title} requests/s", values, _change))
    return parts


def _capacity(studies: list[StudyNumbers], name: str, label: str) -> Conclusion:
    cells = tuple(_capacity_cell(study, name) for study in studies)
    rates = [study["capacities"][name]["rate_rps"] for study in studies]
    if len(set(cells)) == 1:
        agreement = "the same"
    elif None in rates:
        agreement = "not the same"
    else:
        first, *others = (rps for rps in rates if rps is not None)
        furthest = max((other / first - 1 for other in others), key=abs)
        agreement = hundredths(furthest) if furthest else "other interval"
    return Conclusion(f"capacity of {label}, requests/s", cells, None, agreement)


def _capacity_cell(study: StudyNumbers, name: str) -> Cell:
    capacity = study["capacities"][name]
    if capacity["rate_rps"] is None:
        lowest = rate(capacity["rates_measured"][0])
        text, why = (UNKNOWN, "cannot be told") if capacity["untold"] else ("none", "fails")
        return Cell(text, (f"{lowest} {why}", _end(study, name)))
    if capacity["shape"] is None:
        return Cell(capacity_text(study, name), ("no target broke",))
    _, *interval = rate_and_ends(capacity)
    under = (f"{interval[0]} to {interval[1]}",) if interval else ()
    return Cell(capacity_text(study, name), (*under, _end(study, name)))


def _end(study: StudyNumbers, name: str) -> str:
    capacity = study["capacities"][name]
    if capacity["untold"]:
        return str(capacity["untold"])
    if capacity["binding"] == STEADY:
        return "ends by saturation"
    return f"ends by {binding(capacity['binding'], capacity['binding_tier'], study['tiers'])}"


def _judged(
    title: str, values: Sequence[E | None], judge: Callable[[E], tuple[Cell, str]]
) -> Conclusion:
    pairs = [(Cell(UNKNOWN), UNKNOWN) if value is None else judge(value) for value in values]
    cells, verdicts = tuple(cell for cell, _ in pairs), tuple(verdict for _, verdict in pairs)
    if all(value == values[0] for value in values):
        agreement = "the same"
    elif INCONCLUSIVE.intersection(verdicts):
        agreement = "not told on all"
    else:
        same = len(set(verdicts)) == 1
        agreement = "the same conclusion" if same else "another conclusion"
    return Conclusion(title, cells, verdicts, agreement)


def _ratio_of(study: StudyNumbers, a: str, b: str) -> PageRatio | None:
    for ratio in study["ratios"]:
        if (ratio["reference"], ratio["scheduler"]) == (a, b) and ratio["value"] is not None:
            return ratio
    return None


def _ratio(estimate: PageRatio) -> tuple[Cell, str]:
    verdict = capacity_verdict(estimate)
    values = value_and_ends(estimate)
    if values is None:
        return Cell(significant(estimate["value"] or 0.0), (verdict,)), verdict
    value, low, high = together(values)
    return Cell(value, (f"{low} to {high}", verdict)), verdict


def _change(estimate: PageEstimate) -> tuple[Cell, str]:
    value, low, high = estimate["value"], estimate["low"], estimate["high"]
    n = f"n = {plural(estimate['n'], 'pair')}"
    if value is None:
        return Cell(UNKNOWN, (n,)), UNKNOWN
    if low is None or high is None:
        return Cell(change(value), (f"{NO_INTERVAL}; {n}",)), NO_INTERVAL
    verdict = "not told apart" if low <= 0 <= high else "slower" if low > 0 else "faster"
    return Cell(change(value), (f"{change(low)} to {change(high)}", f"{verdict}; {n}")), verdict
