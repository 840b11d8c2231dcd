"""What closed loops show in words, and the tables that only they have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from slaibench.report.pages.closed_loop.document import CHANGED, ClosedDocument
from slaibench.report.study_document import PageEstimate, estimate_in, value_and_ends
from slaibench.report.table import Cell, Heading, Row, Table
from slaibench.report.tables import measured_tables
from slaibench.report.template import Headline
from slaibench.report.words import (
    NOTHING,
    TOO_SMALL,
    change,
    fixed,
    listed,
    seconds,
    share,
    short_names,
    significant,
)
from slaibench.studies.closed_result import CANNOT_TELL, LoopForm

CLIENTS = Heading("clients")
RULE = (
    "Left out of every number: what was sent while the clients began (twice the third quartile of "
    "how long their first requests took) and each one's last request."
)


def headline(doc: ClosedDocument) -> Headline:
    """What the most clients get from each scheduler; changes; what this cannot tell."""
    return Headline(
        _title(doc), (*_changes(doc), f"{CANNOT_TELL[:1].upper()}{CANNOT_TELL[1:]}.", RULE)
    )


def _title(doc: ClosedDocument) -> str:
    clients = str(max(int(key) for points in doc["points"].values() for key in points))
    names = short_names(doc["schedulers"])
    rates = {}
    for name in doc["schedulers"]:
        point = doc["points"][name].get(clients)
        rate = None if point is None else estimate_in(point, "output_tokens_per_s")
        if point is not None and not point["invalid"] and rate is not None:
            rates[name] = rate["value"]
    parts = [
        f"{names[name]} {significant(value)}" for name, value in rates.items() if value is not None
    ]
    if not parts:
        return f"No valid run with {clients} clients"
    return f"Output tokens a second with {clients} clients: {listed(parts)}"


def _changes(doc: ClosedDocument) -> Iterator[str]:
    """A sentence for each scheduler: how it differs from the reference with the most clients."""
    names = short_names(doc["schedulers"])
    if doc["reference"] is None:
        return
    for name in doc["schedulers"][1:]:
        at = max(map(int, doc["changes"]["ttft_p50"][name]), default=0)
        parts = [
            f"{words} {_changed(by_name[name][str(at)])}"
            for what, words in CHANGED.items()
            if str(at) in (by_name := doc["changes"][what])[name]
        ]
        if parts:
            yield (
                f"From {names[doc['reference']]} to {names[name]} with {at} clients: "
                f"{'; '.join(parts)}; latencies paired by request and seed, throughput by seed."
            )


def _changed(value: PageEstimate) -> str:
    if value["value"] is None:
        return "cannot be told"
    ends = value_and_ends(value)
    if ends is None:
        return f"{change(value['value'])} (no interval)"
    return f"{change(value['value'])} (95 % interval {change(ends[1])} to {change(ends[2])})"


def page_tables(doc: ClosedDocument) -> list[Table]:
    """What clients get, changes, the tables of any study's points, and the audit of the loops."""
    compared = [_change_table(doc)] if doc["reference"] is not None else []
    measured = [replace(table, by=CLIENTS) for table in measured_tables(doc)]
    return [_served_table(doc), *compared, *measured, _audit_table(doc)]


def _served_table(doc: ClosedDocument) -> Table:
    columns = (
        Heading("output", "tokens/s"),
        Heading("a client", "tokens/s"),
        Heading("finished", "requests/s"),
        Heading("measured", "requests"),
    )

    def cells(name: str, clients: str) -> tuple[Cell, ...]:
        point = doc["points"][name][clients]
        return (
            _estimate(estimate_in(point, "output_tokens_per_s")),
            _estimate(doc["per_client"][name][clients]),
            _estimate(estimate_in(point, "throughput_rps")),
            Cell(f"{point['ttft_s']['p50']['n']:,}"),
        )

    return _table(
        doc,
        "table-served",
        "What clients get",
        "A client's output tokens a second include its wait for the first one. Small print: 95 % "
        "interval over seeds.",
        columns,
        cells,
    )


def _change_table(doc: ClosedDocument) -> Table:
    def cells(name: str, clients: str) -> tuple[Cell, ...]:
        changes = [doc["changes"][what].get(name, {}).get(clients) for what in CHANGED]
        return tuple(Cell("" if value is None else _changed(value)) for value in changes)

    columns = tuple(Heading(words, is_text=True) for words in CHANGED.values())
    note = f"Against {doc['reference']}, with the same requests."
    return _table(doc, "table-changes", "Changes", note, columns, cells)


def _audit_table(doc: ClosedDocument) -> Table:
    columns = (
        Heading("all busy", "of the time"),
        Heading("in flight", "mean"),
        Heading("next sent P50", "ms after an end"),
        Heading("P99", "ms"),
        Heading("max", "ms"),
        Heading("ramp", "s"),
        Heading("left out", "at start, end"),
        Heading("Little's law", "off by"),
        Heading("verdict", is_text=True),
    )

    def cells(name: str, clients: str) -> tuple[Cell, ...]:
        loop, point = doc["loops"][name][clients], doc["points"][name][clients]
        turns = (loop["turn_p50_s"], loop["turn_p99_s"], loop["turn_max_s"])
        return (
            Cell(NOTHING if loop["share_full"] is None else share(loop["share_full"])),
            Cell(_mean(loop)),
            *(Cell(NOTHING if turn is None else fixed(1e3 * turn, 2)) for turn in turns),
            Cell(fixed(loop["ramp_s"], 1)),
            Cell(f"{loop['num_ramp']:,}, {loop['num_end']:,}"),
            Cell(NOTHING if loop["little"] is None else change(loop["little"])),
            Cell(point["invalid_reason"] or "clients kept up"),
        )

    return _table(
        doc,
        "audit",
        "Was it a closed loop?",
        "The worst of the seeds. Until the last request was sent: share of time with all clients "
        "busy, and requests in flight; from a request's end to the next sending. Little's law: "
        "requests sent a second, times their mean stay, over the clients. A load that is lighter "
        "by more than 5 % makes a run invalid.",
        columns,
        cells,
    )


def _mean(loop: LoopForm) -> str:
    return NOTHING if loop["mean_in_flight"] is None else significant(loop["mean_in_flight"], 4)


def _estimate(value: PageEstimate | None) -> Cell:
    if value is None or value["value"] is None:
        return Cell(TOO_SMALL if value is not None and value["n"] else NOTHING)
    ends = value_and_ends(value)
    under = () if ends is None else (f"{significant(ends[1])} to {significant(ends[2])}",)
    return Cell(significant(value["value"]), under)


def _table(
    doc: ClosedDocument,
    name: str,
    title: str,
    note: str,
    columns: tuple[Heading, ...],
    cells: Callable[[str, str], tuple[Cell, ...]],
) -> Table:
    """A row a scheduler, by the number of clients."""
    every = sorted({int(key) for points in doc["points"].values() for key in points})
    groups = []
    for clients in map(str, every):
        rows = [
            Row(who, cells(who, clients), "invalid" if points[clients]["invalid"] else "")
            for who, points in doc["points"].items()
            if clients in points
        ]
        groups.append((clients, tuple(rows)))
    return Table(name, title, note, columns, tuple(groups), by=CLIENTS)


def latency_words(doc: ClosedDocument) -> str:
    """How long a first token takes, from the fewest to the most clients, for the figure."""
    parts = []
    for name, points in doc["points"].items():
        medians = [points[key]["ttft_s"]["p50"]["value"] for key in sorted(points, key=int)]
        told = [seconds(value) for value in medians if value is not None]
        if told:
            parts.append(f"{short_names(doc['schedulers'])[name]} {told[0]} to {told[-1]}")
    return f"Median TTFT from the fewest to the most clients: {'; '.join(parts)}." if parts else ""
