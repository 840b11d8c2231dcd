"""Tables of the paper's page: its claims, and what conventions alone change."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from slaibench.measure.catalogue import metric_of
from slaibench.report.numbers import rate_key
from slaibench.report.table import STRONG, Cell, Heading, Row, Table, grid
from slaibench.report.words import NOTHING, hundredths
from slaibench.reproductions.bari2025.claim import UNKNOWN_TEXT, ours, printed
from slaibench.reproductions.bari2025.conventions import CAPACITY, QUANTITIES
from slaibench.reproductions.bari2025.forms import ClaimForm, DifferenceForm, FindingForm
from slaibench.reproductions.bari2025.numbers import WORKLOAD
from slaibench.reproductions.bari2025.page.document import PaperDocument
from slaibench.reproductions.bari2025.published import PublishedValue
from slaibench.reproductions.bari2025.verdict import ClaimVerdict
from slaibench.studies.estimate import Estimate
from slaibench.studies.forms import EstimateForm

Convention = Literal["paper", "strict"]
MARKS = {ClaimVerdict.DISAGREES.value: STRONG}


def claim_grids(doc: PaperDocument) -> list[Table]:
    """A table of numbers for each figure that prints some, and one of all orderings and shapes."""
    numbers: dict[str, list[ClaimForm]] = {}
    shapes = []
    for claim in doc["claims"]:
        if claim["published"] is None:
            shapes.append(claim)
        else:
            numbers.setdefault(claim["figure"], []).append(claim)
    grids = [_numbers(figure, claims) for figure, claims in numbers.items()]
    return [*grids, _shapes(shapes)] if shapes else grids


def _numbers(figure: str, claims: Sequence[ClaimForm]) -> Table:
    ways: list[Convention] = (
        ["paper", "strict"] if any(claim["strict"] for claim in claims) else ["paper"]
    )
    titles = ["paper's conventions", "strict conventions"] if len(ways) > 1 else ["ours"]
    head = [text for title in titles for text in (title, "verdict")]
    return grid(
        f"claims-{figure}",
        "What the runs were given" if figure == WORKLOAD else f"Figure {figure}",
        "Small print: 95 % interval, what ends a capacity, and how far ours is from the "
        "published number",
        ("published", *head, "source"),
        tuple(
            (
                claim["claim"],
                (
                    _printed(claim),
                    *(cell for way in ways for cell in _number(claim, way)),
                    Cell(published["source"]),
                ),
            )
            for claim in claims
            if (published := claim["published"]) is not None
        ),
        text={1 + len(head)},
    )


def _shapes(claims: Sequence[ClaimForm]) -> Table:
    return grid(
        "claims-shapes",
        "Orderings and shapes",
        "In brackets: 95 % intervals of changes, paired by request and seed",
        ("figure", "paper's conventions", "verdict", "strict conventions", "verdict"),
        tuple(
            (
                claim["claim"],
                (Cell(claim["figure"]), *_shape(claim, "paper"), *_shape(claim, "strict")),
            )
            for claim in claims
        ),
        text={0, 1, 3},
    )


def value_of(claim: ClaimForm) -> PublishedValue | None:
    """A claim's published number once more; None for a shape."""
    published = claim["published"]
    if published is None:
        return None
    return PublishedValue(
        claim["name"],
        published["value"],
        published["unit"],
        math.nan,  # no part of what is written
        published["source"],
        published["fitted"],
        published["derived"],
        published["given"],
        published["inferred"],
    )


def _printed(claim: ClaimForm) -> Cell:
    published = value_of(claim)
    if published is None:
        return Cell("")
    text, _, mark = printed(published).partition(" (")
    return Cell(text, (mark.rstrip(")"),) if mark else ())


def _number(claim: ClaimForm, convention: Convention) -> tuple[Cell, Cell]:
    """Ours with its interval; the verdict with how far off it is."""
    finding, published = claim[convention], value_of(claim)
    if finding is None or published is None or finding["ours"] is None:
        return Cell(NOTHING), Cell(NOTHING)
    text, _, interval = ours(published, estimate_of(finding["ours"])).partition(" [")
    off = () if finding["deviation"] is None else (hundredths(finding["deviation"]),)
    under = (f"{interval.rstrip(']').replace(', ', ' to ')}",) if interval else ()
    seen = (finding["seen"],) if finding["seen"] else ()
    return Cell(text, (*under, *seen)), _verdict(finding, off)


def _shape(claim: ClaimForm, convention: Convention) -> tuple[Cell, Cell]:
    finding = claim[convention]
    if finding is None:
        return Cell(NOTHING), Cell(NOTHING)
    return Cell(finding["seen"]), _verdict(finding)


def _verdict(finding: FindingForm, under: tuple[str, ...] = ()) -> Cell:
    return Cell(finding["verdict"], under, MARKS.get(finding["verdict"], ""))


def estimate_of(values: EstimateForm) -> Estimate:
    """An estimate from its JSON."""
    low, high = values["ci95"] or (None, None)
    return Estimate(values["value"], low, high, values["n"])


def convention_tables(doc: PaperDocument) -> list[Table]:
    """A table a mix: each quantity by the paper's conventions, on the same runs by strict
    definitions, and by strict conventions."""
    columns: list[Heading] = []
    for name in QUANTITIES:
        metric, tier = metric_of(name)
        title = metric.title + (f", {tier}" if tier else "")
        unit = metric.shown_unit or metric.unit
        columns += [
            Heading(f"{title}: paper", unit),
            Heading("same runs", unit),
            Heading("strict", unit),
            Heading("change", "in all"),
        ]
    return [
        Table(
            f"conventions-{mix}",
            f"{mix} % paying",
            "Small print: 95 % interval; below a change, what definitions alone change "
            "on the same runs.",
            tuple(columns),
            _groups(rows),
        )
        for mix, rows in doc["conventions"].items()
    ]


def _groups(differences: Sequence[DifferenceForm]) -> tuple[tuple[str, tuple[Row, ...]], ...]:
    at: dict[float, dict[str, dict[str, DifferenceForm]]] = {}
    for difference in differences:
        if difference["rate_rps"] is None:
            continue  # a capacity
        by_name = at.setdefault(difference["rate_rps"], {})
        by_name.setdefault(difference["scheduler"], {})[difference["quantity"]] = difference
    return tuple(
        (
            rate_key(rate),
            tuple(Row(who, _quantities(quantities)) for who, quantities in at[rate].items()),
        )
        for rate in sorted(at)
    )


def _quantities(differences: Mapping[str, DifferenceForm]) -> tuple[Cell, ...]:
    cells: list[Cell] = []
    for name in QUANTITIES:
        difference = differences.get(name)
        if difference is None:
            cells += [Cell(NOTHING)] * 4
            continue
        scale = metric_of(name)[0].scale
        cells += [_value(estimate, scale) for estimate in _ways(difference)]
        cells.append(_change(difference))
    return tuple(cells)


def _ways(difference: DifferenceForm) -> tuple[EstimateForm, ...]:
    """By the paper's conventions, on the same runs by strict definitions, by strict conventions."""
    return difference["paper"], difference["same_runs"], difference["strict"]


def _value(estimate: EstimateForm, scale: float) -> Cell:
    if estimate["value"] is None:
        return Cell(UNKNOWN_TEXT)
    ends = [end for end in estimate["ci95"] or () if end is not None]
    under = (" to ".join(_digits(scale * end) for end in ends),) if len(ends) == 2 else ()
    return Cell(_digits(scale * estimate["value"]), under)


def _digits(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def _change(difference: DifferenceForm) -> Cell:
    if difference["in_all"] is None:
        return Cell(NOTHING)
    alone = difference["by_definitions"]
    return Cell(hundredths(difference["in_all"]), () if alone is None else (hundredths(alone),))


def capacity_grid(doc: PaperDocument) -> Table | None:
    """Capacities by each way; None where none was searched."""
    rows = []
    for mix, differences in doc["conventions"].items():
        for difference in differences:
            if difference["quantity"] != CAPACITY:
                continue
            values = (_value(estimate, 1.0) for estimate in _ways(difference))
            label = doc["schedulers"][difference["scheduler"]]
            rows.append((f"{label}, {mix} % paying", (*values, _change(difference))))
    if not rows:
        return None
    return grid(
        "conventions-capacity",
        "Capacity",
        "Requests/s at which median TTFT is at most 0.5 s and P99 TBT within each tier's SLO (and, "
        "by strict definitions, the run steady). Small print: 95 % interval; below a change, what "
        "definitions alone change on the same runs.",
        ("paper", "same runs, strict definitions", "strict", "change in all"),
        tuple(rows),
    )
