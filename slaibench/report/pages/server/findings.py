"""The answer of a search on a server in words, and the table of its runs."""

from __future__ import annotations

from slaibench.report.document import ends_of
from slaibench.report.pages.capacity.document import ProbeTarget
from slaibench.report.pages.capacity.tables import (
    estimate_cell,
    every_target,
    scale_of,
    target_of,
    target_title,
    verdict_cell,
)
from slaibench.report.pages.server.document import Level, ServerDocument
from slaibench.report.table import GOOD, Cell, Heading, Table, grid
from slaibench.report.template import Headline
from slaibench.report.words import (
    NOTHING,
    binding,
    plain_number,
    plural,
    rate,
    targets,
    together,
)
from slaibench.studies.forms import UntoldForm
from slaibench.studies.targets import whose
from slaibench.studies.untold import nothing_instead, why_untold


def headline(doc: ServerDocument) -> Headline:
    """The answer, what it does not cover, and what ended the search."""
    return Headline(_title(doc), tuple(_findings(doc)))


def _title(doc: ServerDocument) -> str:
    rate_rps, ends = doc["rate_rps"], ends_of(doc["ci95"])
    if rate_rps is None:
        return "No rate is known to keep the latency targets"
    value = together([rate_rps])[0]
    what = f"{value} requests/s within the latency targets"
    if doc["at_least"]:
        return f"The server carries at least {what}"
    if not ends or ends[0] <= 0:
        return f"The server may carry {what}: no rate is sure to keep them"
    return f"The server carries {what}"


def _findings(doc: ServerDocument) -> list[str]:
    asked = "; ".join([*targets(doc["slo"], doc["tiers"]), "not saturated"])
    sentences = [f"Targets: {asked}."]
    if doc["rate_rps"] is not None:
        value, *ends = together([doc["rate_rps"], *ends_of(doc["ci95"])])
        sure = f"95 % interval {ends[0]} to {ends[1]}" if ends else "no interval"
        above = f"; above that {binding(doc['binding'], None, doc['tiers'])}"
        ended = above if doc["binding"] is not None else ""
        sentences.append(f"{value} requests/s ({sure}){ended}.")
    if doc["note"]:
        sentences.append(f"{doc['note'][:1].upper()}{doc['note'][1:]}.")
    sentences += [_untold(untold) for untold in doc["cannot_tell"]]
    spent = f"{doc['spent_s'] / 60:.1f} of {doc['minutes']:g} min"
    return [
        *sentences,
        f"The search ended: {doc['why']}; {plural(len(doc['levels']), 'run')}, "
        f"{plural(doc['num_requests'], 'request')}, {spent}.",
    ]


def _untold(untold: UntoldForm) -> str:
    head = f"Cannot tell {whose(untold['slo'], untold['tier'])}: " + why_untold(
        untold["independent_requests"], untold["independent_requests_needed"]
    )
    if untold["value_s"] is None or untold["percentile"] is None:
        return f"{head}{nothing_instead(untold['slo'])}."
    value, low, high = map(plain_number, untold["value_s"])
    return (
        f"{head}; its P{100 * untold['percentile']:g} at {rate(untold['rate_rps'])} requests/s was "
        f"{value} s ({low} to {high})."
    )


def levels_table(doc: ServerDocument) -> Table:
    """Every run, in the order in which they were made."""
    every = every_target(doc["levels"])
    columns = (
        Heading("rate", "requests/s"),
        Heading("lasted", "s"),
        Heading("requests"),
        Heading("failed"),
        Heading("search", is_text=True),
        Heading("ended by the guard", is_text=True),
        Heading("verdict", is_text=True),
        *(Heading(target_title(target), scale_of(target["slo"])[1]) for target in every),
    )
    rows = []
    for number, level in enumerate(doc["levels"], start=1):
        cells = (
            Cell(rate(level["rate_rps"])),
            Cell(_lasted(level)),
            Cell(f"{level['requests']:,}"),
            Cell(f"{level['failed']:,}"),
            Cell("● held", mark=GOOD) if level["held"] else Cell("✖ did not hold"),
            Cell(level["stopped"] or NOTHING),
            verdict_cell(level),
            *(_metric(target_of(level, (target["slo"], target["tier"]))) for target in every),
        )
        rows.append((str(number), cells))
    return grid(
        "levels",
        "Every run, in the order in which they were made",
        "Held: nothing spoke against the rate. Verdict: what the run alone says, met where the "
        "95 % interval of each target lies within its bound; most short runs cannot tell. The "
        "guard ends a run when requests queue up or fail.",
        columns,
        rows,
        head=Heading("run"),
    )


def _metric(target: ProbeTarget | None) -> Cell:
    if target is None:
        return Cell(NOTHING)
    scale, unit = scale_of(target["slo"])
    return estimate_cell(target["metric_s"], 3 if unit == "s" else 1, scale)


def _lasted(level: Level) -> str:
    of = "" if level["planned_s"] is None else f" of {level['planned_s']:g}"
    return f"{level['lasted_s']:.1f}{of}"
