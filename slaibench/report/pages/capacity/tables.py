"""Tables of a search: the answer, the targets about it, every rate that was looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from slaibench.measure.catalogue import LATENCIES, METRICS
from slaibench.measure.group import in_words
from slaibench.measure.slo import parse_slos
from slaibench.report.headline import rate_and_ends
from slaibench.report.numbers import rate_key
from slaibench.report.pages.capacity.document import CapacityDocument, Probe, ProbeTarget
from slaibench.report.study_document import PageCapacity, PageEstimate
from slaibench.report.table import STRONG, Cell, Heading, Row, Table, grid
from slaibench.report.words import (
    NOTHING,
    binding,
    bound_of,
    decimals_for,
    ends,
    number,
    rate,
    short_names,
    statistic,
    together,
)
from slaibench.studies.targets import State, Verdict

GLYPHS = {State.MET: "●", State.NOT_MET: "✖", State.CANNOT_TELL: "▲"}
"""As the figure's marks."""
IN_MS = frozenset(name for name, latency in LATENCIES.items() if latency.has_tier_bound)
"""Latencies that are shown in milliseconds."""


def answer_tables(doc: CapacityDocument) -> list[Table]:
    """Each scheduler's capacity, and its targets at both ends of the bracket."""
    names = short_names(list(doc["schedulers"]))
    return [
        _answers(doc),
        *(
            _targets(f"targets-{place}", names[name], doc["capacities"][name], doc["probes"][name])
            for place, name in enumerate(doc["probes"])
        ),
    ]


def _answers(doc: CapacityDocument) -> Table:
    names = short_names(list(doc["schedulers"]))
    columns = (
        Heading("capacity", "requests/s"),
        Heading("95 % interval", "requests/s"),
        Heading("bracket", "requests/s"),
        Heading("sure to hold", "requests/s"),
        Heading("saturated throughput", "requests/s"),
        Heading("what ends it", is_text=True),
        Heading("rates"),
        Heading("runs"),
    )
    return grid(
        "answers",
        "What was found",
        "Bracket: the largest rate below the boundary and the smallest above it. Sure to hold: the "
        "largest rate at which the runs exclude that a target fails. No capacity exceeds the "
        "saturated throughput.",
        columns,
        [
            (names[name], _answer(doc, capacity, doc["probes"][name]))
            for name, capacity in doc["capacities"].items()
        ],
    )


def _answer(
    doc: CapacityDocument, capacity: PageCapacity, probes: Sequence[Probe]
) -> tuple[Cell, ...]:
    value, *interval = rate_and_ends(capacity) or [NOTHING]
    low, high = (NOTHING if end is None else rate(end) for end in capacity["bracket"])
    sure, saturated = capacity["sure_rps"], capacity["saturated_rps"]
    least = "at least " if capacity["rate_rps"] is not None and capacity["shape"] is None else ""
    throughput = Cell(NOTHING)
    if saturated is not None:
        own, *around = together([saturated["value"], *saturated["ci95"]])
        throughput = Cell(own, (" to ".join(around),))
    return (
        Cell(f"{least}{value}", mark=STRONG),
        Cell(" to ".join(interval) or NOTHING),
        Cell(f"{low} to {high}"),
        Cell(NOTHING if sure is None else f"{sure:.4g}"),
        throughput,
        Cell(binding(capacity["binding"], capacity["binding_tier"], doc["tiers"])),
        Cell(f"{len(probes):,}"),
        Cell(f"{sum(probe['runs'] for probe in probes):,}"),
    )


def _targets(table: str, name: str, capacity: PageCapacity, probes: Sequence[Probe]) -> Table:
    """The targets of one scheduler at both ends of its bracket."""
    at = {probe["rate_rps"]: probe for probe in probes}
    low, high = capacity["bracket"]
    sides = [(end, said) for end, said in ((low, "holds"), (high, "fails")) if end in at]
    if not sides:
        sides = [(probes[0]["rate_rps"], "lowest")]
    rows = []
    for target in every_target(probes):
        key = target["slo"], target["tier"]
        ends_it = key == (capacity["binding"], capacity["binding_tier"])
        cells = [Cell(bound_of(parse_slos(target["slo"])[0], target["bound_s"]))]
        cells += [_metric(target_of(at[end], key), key[0]) for end, _ in sides if end is not None]
        cells.append(Cell("ends the capacity" if ends_it else "", mark=STRONG if ends_it else ""))
        rows.append((target_title(target), tuple(cells)))
    steady = [Cell("")]
    steady += [Cell(at[end]["state"]) for end, _ in sides if end is not None]
    own = capacity["binding"] is not None and capacity["binding_tier"] is None
    ends_it = own and not any(t["slo"] == capacity["binding"] for t in every_target(probes))
    steady.append(Cell("ends the capacity" if ends_it else "", mark=STRONG if ends_it else ""))
    columns = (
        Heading("bound"),
        *(Heading(f"at {rate(end)} requests/s", said) for end, said in sides if end is not None),
        Heading("", is_text=True),
    )
    return grid(
        table,
        f"The targets of {name} about its capacity",
        "Small print: 95 % interval, over all runs at that rate.",
        columns,
        [*rows, ("steady", tuple(steady))],
    )


def every_target(probes: Sequence[Probe]) -> list[ProbeTarget]:
    """Each target of requests once, as at one of the rates."""
    return list({(t["slo"], t["tier"]): t for p in probes for t in p["targets"]}.values())


def target_of(probe: Probe, key: tuple[str, str | None]) -> ProbeTarget | None:
    """One target at a rate; None: it was not seen there."""
    return next((t for t in probe["targets"] if (t["slo"], t["tier"]) == key), None)


def target_title(target: ProbeTarget) -> str:
    """``P99 TBT, tier paying``."""
    slo = parse_slos(target["slo"])[0]
    return ", ".join(filter(None, [statistic(slo), in_words(slo.group(target["tier"]))]))


def scale_of(slo: str) -> tuple[float, str]:
    """What a target's values are multiplied by, and the unit they then have."""
    target = parse_slos(slo)[0]
    if target.is_share:
        return METRICS[target.metric].scale, METRICS[target.metric].shown_unit
    return (1e3, "ms") if target.metric in IN_MS else (1.0, "s")


def _metric(target: ProbeTarget | None, slo: str) -> Cell:
    """A metric with its unit."""
    scale, unit = scale_of(slo)
    if target is None:
        return Cell(NOTHING)
    value = target["metric_s"]
    decimals = decimals_for([None if value["value"] is None else scale * value["value"]])
    cell = estimate_cell(value, decimals, scale)
    is_number = value["value"] is not None
    return Cell(f"{cell.text} {unit}" if is_number else cell.text, cell.under)


def estimate_cell(value: PageEstimate, decimals: int, scale: float) -> Cell:
    """A metric in a table, its interval in small print."""
    interval = ends(value, decimals, scale)
    return Cell(number(value, decimals, scale), (interval,) if interval else ())


def probes_table(doc: CapacityDocument) -> Table:
    """Every rate that was looked at, by rate."""
    targets = every_target([probe for probes in doc["probes"].values() for probe in probes])
    keys = [(target["slo"], target["tier"]) for target in targets]
    decimals = {key: _decimals(doc["probes"], key) for key in keys}
    rows: dict[float, list[Row]] = {}
    for name, probes in doc["probes"].items():
        for probe in probes:
            cells = (
                Cell(f"{probe['runs']:,}"),
                Cell(f"{probe['requests']:,}"),
                verdict_cell(probe),
                Cell(_state(probe)),
                *(
                    estimate_cell(own["metric_s"], decimals[key], scale_of(key[0])[0])
                    if (own := target_of(probe, key))
                    else Cell(NOTHING)
                    for key in keys
                ),
            )
            state = "invalid" if probe["invalid"] else ""
            rows.setdefault(probe["rate_rps"], []).append(Row(name, cells, state))
    return Table(
        "probes",
        "Every rate that was looked at",
        "Verdict: met where the 95 % interval of each target lies within its bound, not met where "
        "that of some lies beyond it; below, those that are not kept or not told. A rate that is "
        "not met, or not told, may still lie below the capacity, which the estimates decide.",
        (
            Heading("runs"),
            Heading("requests", "in sum"),
            Heading("verdict", is_text=True),
            Heading("steady", is_text=True),
            *(Heading(target_title(target), scale_of(target["slo"])[1]) for target in targets),
        ),
        tuple((rate_key(rps), tuple(rows[rps])) for rps in sorted(rows)),
    )


def verdict_cell(probe: Probe) -> Cell:
    """A verdict by shape and word, and what made it so."""
    verdict = Verdict.from_json(probe["verdict"])
    parts = [probe["invalid"]] if probe["invalid"] else verdict.why.split(", ")
    # Small print does not fold.
    why = [", ".join(parts[i : i + 2]) for i in range(0, len(parts), 2)]
    return Cell(f"{GLYPHS[verdict.state]} {verdict.state.value}", tuple(filter(None, why)))


def _state(probe: Probe) -> str:
    return f"{probe['state']}, stopped early" if probe["stopped_early"] else probe["state"]


def _decimals(probes: Mapping[str, Sequence[Probe]], key: tuple[str, str | None]) -> int:
    scale, _ = scale_of(key[0])
    own = [target_of(probe, key) for at in probes.values() for probe in at]
    values = [t["metric_s"]["value"] for t in own if t is not None]
    return decimals_for([None if v is None else scale * v for v in values], least=1, most=4)
