"""Claims that are numbers: capacities, median TTFT under load, and what a token budget costs."""

from __future__ import annotations

from collections.abc import Callable

from slaibench.reproductions.bari2025.batches import BudgetRow
from slaibench.reproductions.bari2025.claim import (
    UNKNOWN,
    Claim,
    Finding,
    capacity_ends,
    capacity_estimate,
)
from slaibench.reproductions.bari2025.figures import HIGH_RPS, LABELS, SARATHI, SLAI, Figure, Mix
from slaibench.reproductions.bari2025.load import (
    EXACT,
    GIVEN,
    MEDIAN_ONLY,
    OF_CUT_GAPS,
    Load,
    LoadSummary,
)
from slaibench.reproductions.bari2025.published import Paper, PublishedValue
from slaibench.reproductions.bari2025.verdict import of_number
from slaibench.studies.capacity import CapacityResult, ratio_of
from slaibench.studies.estimate import Estimate, over_seeds

Both = tuple[Load, Load]
"""One mix under the paper's conventions, and under strict ones."""
WORKLOAD = "load"
"""Stands for a figure where a claim is about what all figures under load were given."""
HIGH_LOAD = f"at high load (taken as {HIGH_RPS:g} requests/s)"
Find = Callable[[Load], tuple[Estimate, str]]
"""Our number in a load, and what is seen besides."""


def load_numbers(paper: Paper, figure: Figure, loads: Both) -> list[Claim]:
    """Capacity and median TTFT of Sarathi-Serve and SLAI at one mix."""
    assert figure.mix is not None
    mix: Mix = figure.mix
    targets = "median TTFT at most 0.5 s and P99 TBT within each tier's SLO"
    who = {"sarathi": SARATHI, "slai": SLAI}
    claims = []

    def add(key: str, text: str, find: Find, suffix: str = "") -> None:
        published = paper.value(f"{key}-{mix.value}")
        text = f"{text}, {mix.value} % paying"
        claims.append(_claim(published, published.name + suffix, figure.name, text, find, loads))

    for short, name in who.items():
        add(f"capacity-{short}", f"{LABELS[name]}: largest rate with {targets}", _capacity(name))
    alone = "the same by median TTFT alone"
    add("capacity-slai", f"{LABELS[SLAI]}: {alone}", _capacity(SLAI, MEDIAN_ONLY), "-median")
    add("capacity-change", "that rate, SLAI against Sarathi-Serve", _capacity_change())
    add(
        "capacity-change",
        f"SLAI against Sarathi-Serve: {alone}",
        _capacity_change(MEDIAN_ONLY),
        "-median",
    )
    for short, name in who.items():
        text = f"{LABELS[name]}: median TTFT {HIGH_LOAD}"
        add(f"ttft-{short}", text, _ttft(name))
    add(
        "ttft-change",
        f"median TTFT {HIGH_LOAD}, SLAI against Sarathi-Serve",
        lambda load: (load.ttft_change(SARATHI, SLAI, HIGH_RPS), ""),
    )
    return claims


def given_numbers(paper: Paper, loads: Both) -> list[Claim]:
    """What the paper's runs were given, and ours: of the first scheduler at the highest rate."""
    claims = []
    for name, text in GIVEN.items():
        published = paper.value(name)
        findings = [
            Finding(estimate, of_number(published, estimate, exact=name in EXACT))
            for estimate in (_given(load, name) for load in loads)
        ]
        strict = None if name in OF_CUT_GAPS else findings[1]
        claims.append(Claim(name, WORKLOAD, text, published, findings[0], strict))
    return claims


def _given(load: Load, name: str) -> Estimate:
    by_scheduler = (load.summaries(who, load.spec.rates[-1]) for who in load.spec.schedulers)
    summaries = next(filter(None, by_scheduler), [])
    given = [summary.given[name] for summary in summaries if isinstance(summary, LoadSummary)]
    return over_seeds(given, sum(len(summary.due_s) for summary in summaries), log=False)


def budget_numbers(paper: Paper, rows: tuple[BudgetRow, ...]) -> list[Claim]:
    """TTFT, then batch time, at each token budget."""
    table = paper.token_budgets
    printed = {
        "ttft": ("TTFT of one prompt alone", table.ttft_ms),
        "batch": ("mean batch time", table.batch_ms),
    }
    claims = []
    for key, (text, values_ms) in printed.items():
        for row in rows:
            value = PublishedValue(
                name=f"budget-{key}-{row.token_budget}",
                value=values_ms[table.budgets.index(row.token_budget)] / 1e3,
                unit="s",
                rounding=5e-5,
                source=table.source,
            )
            ours_s = row.ttft_p50_s if key == "ttft" else row.batch_s
            estimate = Estimate(ours_s, None, None, row.n)
            finding = Finding(estimate, of_number(value, estimate, exact=True))
            where = f"{text}, token budget {row.token_budget}"
            claims.append(Claim(value.name, "6a", where, value, finding, None))
    return claims


def _claim(
    published: PublishedValue, name: str, figure: str, text: str, find: Find, loads: Both
) -> Claim:
    findings = []
    for load in loads:
        estimate, seen = find(load)
        findings.append(Finding(estimate, of_number(published, estimate), seen))
    return Claim(name, figure, text, published, findings[0], findings[1])


def _capacity(scheduler: str, slo: str | None = None) -> Find:
    def find(load: Load) -> tuple[Estimate, str]:
        result = load.capacity(scheduler, slo)
        return capacity_estimate(result), capacity_ends(result)

    return find


def _capacity_change(slo: str | None = None) -> Find:
    def find(load: Load) -> tuple[Estimate, str]:
        a, b = (load.capacity(name, slo) for name in (SARATHI, SLAI))
        if a is None or b is None or not (_bounded(a) and _bounded(b)):
            return UNKNOWN, ""
        ratio = ratio_of(a, b)
        ends = (ratio.value, ratio.low, ratio.high)
        value, low, high = (None if end is None else end - 1 for end in ends)
        return Estimate(value, low, high, ratio.n), ""

    return find


def _bounded(result: CapacityResult) -> bool:
    return result.capacity.shape is not None


def _ttft(scheduler: str) -> Find:
    def find(load: Load) -> tuple[Estimate, str]:
        point = load.at(scheduler, HIGH_RPS)
        if point is None or point.invalid:
            return UNKNOWN, f"{HIGH_RPS:g} requests/s was not measured"
        seen = "saturated" if point.saturated else ""
        return point.ttft_s["p50"], seen

    return find
