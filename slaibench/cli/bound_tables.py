"""A study of capacity bounds as tables on a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from slaibench.cli.terminal import shown
from slaibench.report.table import SCHEDULER, Cell, Heading, Table, grid
from slaibench.report.words import plain_change, plain_fixed, plain_interval, plain_share
from slaibench.studies.bound.cycles import theorem_2
from slaibench.studies.bound.limits import NODES
from slaibench.studies.bound.result import BoundResult, Throughput

REFERENCE_BUDGET = 512
"""Token budget that the others are compared with: whole tiles on every card of the catalog."""


def tables(result: BoundResult) -> RenderableType:
    """The bound and what sets it; every scheduler; RAD; budgets; stability maps."""
    parts: list[RenderableType] = [*_bound(result), *shown(_throughputs(result))]
    if result.budgets:
        parts += shown(_budgets(result))
    if result.rad:
        parts += shown(_rad(result))
        parts += (Text(theorem_2(cycle.to_json())) for cycle in result.least_cycles)
    if result.maps:
        parts += shown(_maps(result))
    return Group(*parts)


def _bound(result: BoundResult) -> Iterator[RenderableType]:
    bound, work = result.bounds.bound, result.bounds.work
    parts = bound.parts
    decodes = bound.decodes_per_batch
    batch = "no decodes" if decodes is None else f"{decodes:.0f} decodes a batch that has any"
    yield Text(f"No scheduler serves more than {bound.rate_rps:.3f} requests/s", style="bold")
    yield Text(NODES)
    yield Text(
        f"a request: {work.prefill_tokens:,.0f} prompt tokens and {work.decodes:,.0f} decodes "
        f"that read {work.context_tokens / max(work.decodes, 1e-9):,.0f} KV tokens each"
    )
    yield Text(f"at the bound: {bound.tokens_per_batch:,.0f} tokens a batch, {batch}")
    yield Text(f"what binds: {parts.binding}; where the time goes, and so what more of it brings:")
    compute, *shares = (
        plain_share(part_s / parts.total_s)
        for part_s in (parts.prefill_s, parts.decode_s, parts.bandwidth_s, parts.capacity_s)
    )
    columns = ("compute, decode", "KV bandwidth", "KV capacity")
    rows = [(compute, list(map(Cell, shares)))]
    yield from shown(grid("", "", "", columns, rows, head=Heading("compute, prefill")))


def _throughputs(result: BoundResult) -> Table:
    columns = (
        "saturated\nreq/s",
        "of the\nbound",
        "95 %\ninterval",
        "bound in\nits limits",
        "share\nof that",
        "n",
    )
    rows = []
    for throughput in sorted(result.throughputs, key=lambda item: -(item.share.value or 0.0)):
        texts = (
            plain_fixed(throughput.rate_rps, 3),
            plain_share(throughput.share.value),
            plain_interval(throughput.share, lambda end: f"{100 * end:.1f}"),
            f"{throughput.within_rps:.3f}",
            plain_share(throughput.within_share.value),
            _count(throughput),
        )
        rows.append((throughput.scheduler, list(map(Cell, texts))))
    return grid("", "", "", columns, rows, head=SCHEDULER)


def _count(throughput: Throughput) -> str:
    return f"{throughput.untold} untold" if throughput.untold else f"{throughput.share.n:,}"


def _budgets(result: BoundResult) -> Table:
    base = result.budgets.get(REFERENCE_BUDGET)
    rows = []
    for budget, throughput in result.budgets.items():
        change = ""
        if base is not None and base.share.value and throughput.share.value is not None:
            change = plain_change(throughput.share.value / base.share.value - 1)
        texts = (
            plain_fixed(throughput.rate_rps, 3),
            plain_interval(throughput.rate_rps, "{:.3f}".format, " to "),
            change,
            f"{throughput.within_rps:.3f}",
        )
        rows.append((str(budget), list(map(Cell, texts))))
    columns = ("req/s", "95 % interval", f"against {REFERENCE_BUDGET}", "bound in it")
    title = "Sarathi-Serve by token budget: what ignoring tiles costs"
    return grid("", title, "", columns, rows, head=Heading("token budget"))


def _rad(result: BoundResult) -> Table:
    spec = result.bounds.spec
    cycles = (f"cycle {cycle:g}" if math.isfinite(cycle) else "no end" for cycle in spec.cycles)
    rows = []
    for step_s in spec.step_costs_s:
        for tile in spec.tiles:
            points = result.rad_at(step_s, tile)
            limit = points[0].limit_rps / result.bounds.theorem_rps
            shares = (plain_share(point.share.value) for point in points)
            texts = (str(tile), *shares, plain_share(limit))
            rows.append((f"{1e3 * step_s:g} ms", list(map(Cell, texts))))
    theorem = f"{result.bounds.theorem_rps:.2f} requests/s"
    title = f"RAD under the paper's batch-time model: share of Theorem 1's {theorem}"
    columns = ("tile", *cycles, "full tiles")
    return grid("", title, "", columns, rows, head=Heading("step cost"))


def _maps(result: BoundResult) -> Table:
    bounds = result.bounds
    columns = [
        f"{column.mean_output} tokens\n{column.bound_rps:.3g} req/s" for column in bounds.columns
    ]
    rows = []
    for scheduler in bounds.spec.study.schedulers:
        cells = []
        for column in bounds.columns:
            place = (scheduler, column.mean_output)
            here = [cell for cell in result.maps if (cell.scheduler, cell.mean_output) == place]
            stable = [cell.load for cell in here if cell.stability == "stable"]
            unstable = [cell.load for cell in here if cell.stability == "unstable"]
            cells.append(Cell(stable_up_to(stable, unstable)))
        rows.append((scheduler, cells))
    title = "Stable up to, as a share of the bound at each mean output length"
    return grid("", title, "", columns, rows, head=SCHEDULER)


def stable_up_to(stable: Sequence[float], unstable: Sequence[float]) -> str:
    """The largest stable load below the least unstable one, ``-`` where there is none."""
    least = min(unstable, default=math.inf)
    below = [load for load in stable if load < least]
    return f"{max(below):.0%}" if below else "-"
