"""Tables of a page of capacity bounds."""

from __future__ import annotations

from slaibench.report.document import ends_of
from slaibench.report.pages.bound.document import BoundDocument
from slaibench.report.pages.bound.findings import TILED, cycle_text
from slaibench.report.table import Cell, Table, grid
from slaibench.report.words import NOTHING, TOO_SMALL, fixed, share, significant, tenths
from slaibench.studies.bound.forms import RadPointForm
from slaibench.studies.forms import EstimateForm


def answer_grids(doc: BoundDocument) -> list[Table]:
    """The bound with what binds, and every scheduler against it."""
    return [_bound(doc), _schedulers(doc)]


def point_grids(doc: BoundDocument) -> list[Table]:
    """Budgets, RAD and maps; those that were planned."""
    tables = [_budgets(doc), _rad(doc), _maps(doc)]
    return [table for table in tables if table.rows]


def _bound(doc: BoundDocument) -> Table:
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


def _estimate(estimate: EstimateForm, decimals: int, scale: float = 1.0) -> Cell:
    if estimate["value"] is None:
        return Cell(TOO_SMALL)
    ends = ends_of(estimate["ci95"])
    under = (" to ".join(fixed(scale * end, decimals) for end in ends),) if ends else ()
    return Cell(fixed(scale * estimate["value"], decimals), under)


def _schedulers(doc: BoundDocument) -> Table:
    rows = []
    for row in sorted(doc["schedulers"], key=lambda row: -(row["share"]["value"] or 0.0)):
        tokens = row["tokens_per_batch"]
        rows.append(
            (
                row["scheduler"],
                (
                    _estimate(row["rate_rps"], 3),
                    _estimate(row["share"], 1, 100),
                    Cell(fixed(row["within_rps"], 3)),
                    _estimate(row["within_share"], 1, 100),
                    Cell(share(row["run_share"])),
                    Cell(NOTHING if tokens is None else fixed(tokens, 0)),
                    Cell(f"{row['preemptions']:,}"),
                    Cell(f"{row['share']['n']:,}"),
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


def _budgets(doc: BoundDocument) -> Table:
    base = next((r["share"]["value"] for r in doc["budgets"] if r["token_budget"] == TILED), None)
    rows = []
    for row in doc["budgets"]:
        value = row["share"]["value"]
        against = tenths(value / base - 1) if base and value is not None else NOTHING
        cells = (
            _estimate(row["rate_rps"], 3),
            Cell(against),
            Cell(fixed(row["within_rps"], 3)),
            _estimate(row["within_share"], 1, 100),
        )
        rows.append((f"{row['token_budget']} tokens", cells))
    return grid(
        "budgets",
        "Sarathi-Serve by token budget",
        "The bound within a budget does not fall where the budget grows: a scheduler may leave a "
        "batch short of it, which Sarathi-Serve does not.",
        ("saturated, requests/s", f"against {TILED}", "bound within it", "% of that"),
        tuple(rows),
    )


def _rad(doc: BoundDocument) -> Table:
    points = doc["rad"]["points"]
    cycles = list(dict.fromkeys(point["cycle"] for point in points))
    rows: dict[tuple[float, int], list[RadPointForm]] = {}
    for point in points:
        rows.setdefault((point["step_s"], point["tile"]), []).append(point)
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
                    *(_estimate(point["share"], 1, 100) for point in row),
                    Cell(fixed(100 * row[0]["limit_rps"] / theorem, 1)),
                ),
            )
            for (step_s, tile), row in rows.items()
        ),
    )


def _maps(doc: BoundDocument) -> Table:
    columns = doc["maps"]["columns"]
    cells = doc["maps"]["cells"]
    names = dict.fromkeys(cell["scheduler"] for cell in cells)

    def largest(scheduler: str, mean_output: int) -> Cell:
        here = [c for c in cells if (c["scheduler"], c["mean_output"]) == (scheduler, mean_output)]
        ends = [c["load"] for c in here if c["stability"] == "unstable"]
        least = min(ends, default=float("inf"))
        stable = [c for c in here if c["stability"] == "stable" and c["load"] < least]
        if not stable:
            return Cell(NOTHING)
        most = max(stable, key=lambda cell: float(cell["load"]))
        under = f"{significant(most['rate_rps'])} requests/s"
        return Cell(f"{100 * most['load']:.0f}", (under,))

    return grid(
        "maps",
        "Largest stable rate below every unstable one, % of the bound",
        "One seed; rates are shares of the bound at each mean output length.",
        tuple(f"{c['mean_output']} tokens ({c['bound_rps']:.3g}/s)" for c in columns),
        tuple((name, tuple(largest(name, c["mean_output"]) for c in columns)) for name in names),
    )
