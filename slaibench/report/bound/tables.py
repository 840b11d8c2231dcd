"""Tables of a page of capacity bounds."""

from __future__ import annotations

from slaibench.report.bound.findings import TILED, cycle_text
from slaibench.report.numbers import Document
from slaibench.report.table import Cell, Table, grid
from slaibench.report.words import NOTHING, TOO_SMALL, fixed, share, significant, tenths


def answer_grids(doc: Document) -> list[Table]:
    """The bound with what binds, and every scheduler against it."""
    return [_bound(doc), _schedulers(doc)]


def point_grids(doc: Document) -> list[Table]:
    """Budgets, RAD and maps; those that were asked for."""
    made = [_budgets(doc), _rad(doc), _maps(doc)]
    return [each for each in made if each.rows]


def _bound(doc: Document) -> Table:
    bound = doc["bound"]
    decodes = bound["decodes_per_batch"]
    cells = (
        Cell(significant(bound["rate_rps"], 4)),
        Cell(bound["binding"]),
        *(Cell(share(value)) for value in bound["shares"].values()),
        Cell(fixed(bound["tokens_per_batch"], 0)),
        Cell(NOTHING if decodes is None else fixed(decodes, 0)),
    )
    return grid(
        "bound",
        "The bound of this workload on this profile",
        "Ours: the least time of the work over all batches that there are, with the profile's "
        "batch times and KV blocks (docs/theory.md). Not the paper's Theorem 1, which knows "
        "neither a cost of a step nor a cache that is full; that one stands below, for its own "
        "model. Shares: of a request's time; decodes: of a batch that has any.",
        (
            "requests/s",
            "what binds",
            "prefill, compute",
            "decode, compute",
            "KV bandwidth",
            "KV capacity",
            "tokens a batch",
            "decodes a batch",
        ),
        (("no scheduler exceeds", cells),),
    )


def _estimate(found: Document, decimals: int, scale: float = 1.0) -> Cell:
    if found["value"] is None:
        return Cell(TOO_SMALL)
    ends = found["ci95"]
    under = () if ends is None else (" to ".join(fixed(scale * end, decimals) for end in ends),)
    return Cell(fixed(scale * found["value"], decimals), under)


def _schedulers(doc: Document) -> Table:
    rows = []
    for each in sorted(doc["schedulers"], key=lambda found: -(found["share"]["value"] or 0.0)):
        tokens = each["tokens_per_batch"]
        rows.append(
            (
                each["scheduler"],
                (
                    _estimate(each["rate_rps"], 3),
                    _estimate(each["share"], 1, 100),
                    Cell(fixed(each["within_rps"], 3)),
                    _estimate(each["within_share"], 1, 100),
                    Cell(share(each["run_share"])),
                    Cell(NOTHING if tokens is None else fixed(tokens, 0)),
                    Cell(f"{each['preemptions']:,}"),
                    Cell(f"{each['share']['n']:,}"),
                ),
            )
        )
    return grid(
        "schedulers",
        "How close each scheduler comes",
        "Small print: 95 % intervals over seeds. Its limits: the scheduler's own token budget and "
        "limit of active requests. Whole run: filling and draining included.",
        (
            "saturated, requests/s",
            "% of the bound",
            "bound within its limits",
            "% of that",
            "whole run",
            "tokens a batch",
            "preemptions",
            "n",
        ),
        tuple(rows),
    )


def _budgets(doc: Document) -> Table:
    base = next((e["share"]["value"] for e in doc["budgets"] if e["token_budget"] == TILED), None)
    rows = []
    for each in doc["budgets"]:
        value = each["share"]["value"]
        against = tenths(value / base - 1) if base and value is not None else NOTHING
        cells = (
            _estimate(each["rate_rps"], 3),
            Cell(against),
            Cell(fixed(each["within_rps"], 3)),
            _estimate(each["within_share"], 1, 100),
        )
        rows.append((f"{each['token_budget']} tokens", cells))
    return grid(
        "budgets",
        "Sarathi-Serve by token budget",
        "The bound within a budget does not fall where the budget grows: a scheduler may leave a "
        "batch short of it, which Sarathi-Serve does not.",
        ("saturated, requests/s", f"against {TILED}", "bound within it", "% of that"),
        tuple(rows),
    )


def _rad(doc: Document) -> Table:
    points = doc["rad"]["points"]
    cycles = list(dict.fromkeys(each["cycle"] for each in points))
    rows: dict[tuple[float, int], list[Document]] = {}
    for each in points:
        rows.setdefault((each["step_s"], each["tile"]), []).append(each)
    theorem = doc["rad"]["theorem_1_rps"]
    return grid(
        "rad",
        "RAD under the paper's batch-time model: % of Theorem 1's bound",
        f"Theorem 1: {significant(theorem, 4)} requests/s. Last column: with every batch of "
        "decodes full and no end of cycles. Small print: 95 % intervals over seeds. With an end "
        "of cycles: whole runs; without: filling and draining cut off.",
        (*map(cycle_text, cycles), "full tiles"),
        tuple(
            (
                f"{1e3 * step_s:g} ms a step, tile {tile}",
                (
                    *(_estimate(each["share"], 1, 100) for each in found),
                    Cell(fixed(100 * found[0]["limit_rps"] / theorem, 1)),
                ),
            )
            for (step_s, tile), found in rows.items()
        ),
    )


def _maps(doc: Document) -> Table:
    columns = doc["maps"]["columns"]
    cells = doc["maps"]["cells"]
    names = dict.fromkeys(each["scheduler"] for each in cells)

    def cell(scheduler: str, mean_output: int) -> Cell:
        here = [c for c in cells if (c["scheduler"], c["mean_output"]) == (scheduler, mean_output)]
        ends = [c["load"] for c in here if c["stability"] == "unstable"]
        least = min(ends, default=float("inf"))
        stable = [c for c in here if c["stability"] == "stable" and c["load"] < least]
        if not stable:
            return Cell(NOTHING)
        most = max(stable, key=lambda each: float(each["load"]))
        under = f"{significant(most['rate_rps'])} requests/s"
        return Cell(f"{100 * most['load']:.0f}", (under,))

    return grid(
        "maps",
        "Largest stable rate below every unstable one, % of the bound",
        "One seed; rates are shares of the bound at each mean output length.",
        tuple(f"{each['mean_output']} tokens ({each['bound_rps']:.3g}/s)" for each in columns),
        tuple((name, tuple(cell(name, each["mean_output"]) for each in columns)) for name in names),
    )
