"""What a study of capacity bounds found, in words."""

from __future__ import annotations

from collections.abc import Iterable

from slaibench.report.pages.bound.document import BoundDocument
from slaibench.report.template import Headline
from slaibench.report.words import SPACE, fixed, listed, share, significant, tenths
from slaibench.studies.bound.cycles import theorem_2
from slaibench.studies.bound.limits import NODES

TILED = 512
"""The budget that others are compared with: whole tiles on every card of the catalog."""


def headline(doc: BoundDocument) -> Headline:
    """Put the page's numbers into words; everything comes from the document."""
    bound = doc["bound"]
    title = (
        f"No scheduler serves more than {significant(bound['rate_rps'], 4)} requests/s; "
        f"{bound['binding']} binds"
    )
    findings = (
        *_best(doc),
        *_binds(doc),
        NODES,
        *_rad(doc),
        *map(theorem_2, doc["rad"]["theorem_2"]),
        *_budgets(doc),
        *_maps(doc),
    )
    return Headline(title, findings)


def _best(doc: BoundDocument) -> Iterable[str]:
    rows = doc["schedulers"]
    shares = {row["scheduler"]: row["share"]["value"] for row in rows}
    reached = {name: value for name, value in shares.items() if value is not None}
    if reached:
        best_first = sorted(reached.items(), key=lambda pair: -pair[1])
        parts = [f"{name} {share(value)}" for name, value in best_first]
        yield f"With a backlog, schedulers reach of it: {listed(parts)}."
    unclear = [name for name, value in shares.items() if value is None]
    if unclear:
        yield f"Of {listed(unclear)} the backlog was too small to tell."


def _binds(doc: BoundDocument) -> Iterable[str]:
    shares = doc["bound"]["shares"]
    names = {"prefill": "the compute of prefill", "decode": "the compute of decodes"}
    parts = [f"{names.get(name, name)} ({share(value)})" for name, value in shares.items()]
    yield (
        f"A request's time at the bound goes to {listed(parts)}; a resource that grew by 1{SPACE}% "
        f"would lift the bound by so many hundredths of 1{SPACE}%."
    )


def _rad(doc: BoundDocument) -> Iterable[str]:
    points = doc["rad"]["points"]
    costs = sorted({point["step_s"] for point in points})
    parts = []
    for step_s in costs:
        shares = [
            (value, point)
            for point in points
            if point["step_s"] == step_s and (value := point["share"]["value"]) is not None
        ]
        if shares:
            most, best = max(shares, key=lambda pair: pair[0])
            how = f"tile {best['tile']}, {cycle_text(best['cycle'])}"
            parts.append(f"{share(most)} at {1e3 * step_s:g} ms a step ({how})")
    if parts:
        bound = significant(doc["rad"]["theorem_1_rps"], 4)
        yield (
            f"Under the paper's batch-time model RAD comes at best to {listed(parts)} of Theorem "
            f"1's {bound} requests/s."
        )


def _budgets(doc: BoundDocument) -> Iterable[str]:
    by_budget = {
        row["token_budget"]: row["share"]["value"]
        for row in doc["budgets"]
        if row["share"]["value"] is not None
    }
    base = by_budget.get(TILED)
    above = [budget for budget in by_budget if budget > TILED]
    if base and above:
        changes = [f"{budget} tokens {tenths(by_budget[budget] / base - 1)}" for budget in above]
        yield (
            f"Against a token budget of {TILED}, Sarathi-Serve's throughput changes with "
            f"{listed(changes)}."
        )


def _maps(doc: BoundDocument) -> Iterable[str]:
    cells = doc["maps"]["cells"]
    wrong = [c for c in cells if c["load"] >= 1 and c["stability"] == "stable"]
    if wrong:
        places = dict.fromkeys(f"{c['scheduler']} at {c['mean_output']} tokens" for c in wrong)
        yield (
            f"Judged stable in the maps at the bound or above it: {listed(list(places))}. That "
            "cannot last: where long prompts starve, the number in the system grows too slowly for "
            "one run to tell."
        )


def cycle_text(cycle: str) -> str:
    """A cycle in words."""
    return "no end of cycles" if cycle == "inf" else f"cycle {fixed(float(cycle), 0)}"
