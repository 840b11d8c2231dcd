"""Tables of a page of several backends: verdicts, every quantity, what served each."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from slaibench.report import facts
from slaibench.report.facts import Facts
from slaibench.report.numbers import rate_key
from slaibench.report.pages.crosscheck.conclusions import conclusions
from slaibench.report.pages.crosscheck.document import CrosscheckDocument
from slaibench.report.pages.crosscheck.quantities import Quantity, allowed, apart, quantities
from slaibench.report.pages.crosscheck.subject import others
from slaibench.report.study_document import StudyNumbers
from slaibench.report.table import STRONG, Cell, Heading, Row, Table, grid
from slaibench.report.words import NOTHING, hundredths, listed, plural
from slaibench.studies.crosscheck.agreement import AgreementVerdict
from slaibench.studies.crosscheck.forms import DifferenceForm, MatchForm

SHOWN_APART = 4
"""Quantities that a verdict names; the tables of all quantities have the rest."""


def verdict_table(doc: CrosscheckDocument) -> Table:
    """What is said of every row, and what differs in it."""

    def cell(match: MatchForm | None) -> Cell:
        if match is None:
            return Cell(NOTHING)
        texts = [difference.judged for difference in apart(match)]
        more = len(texts) - SHOWN_APART
        shown = (*texts[:SHOWN_APART], *([f"and {more} more"] if more > 0 else []))
        mark = (
            STRONG
            if match["verdict"] in (AgreementVerdict.BEYOND, AgreementVerdict.INVALID)
            else ""
        )
        n = f"n = {plural(match['n'], 'request')}"
        return Cell(match["verdict"], (*shown, n), mark)

    names = others(doc)
    return Table(
        "verdicts",
        f"Held against {doc['between'][0]}",
        "Small print: what differs, by how much of the reference's value, and the tolerance where "
        "there is one; n: requests whose TTFT both measured.",
        tuple(Heading(name, is_text=True) for name in names),
        _groups(doc, lambda matches: tuple(cell(matches.get(name)) for name in names)),
    )


def quantity_tables(doc: CrosscheckDocument) -> list[Table]:
    """A table for each quantity: the reference's value, each other's, and their change."""
    return [_quantity(doc, quantity) for quantity in quantities(doc["matches"])]


def _quantity(doc: CrosscheckDocument, what: Quantity) -> Table:
    names = others(doc)
    compared = [
        match["quantities"][what.name]
        for match in doc["matches"]
        if what.name in match["quantities"]
    ]
    (tolerance,) = {sides["tolerance"] for sides in compared}
    values = [value for sides in compared for value in (sides["reference"], sides["other"])]
    texts = dict(zip(values, what.texts(values), strict=True))

    def cells(matches: dict[str, MatchForm]) -> tuple[Cell, ...]:
        # What the other is compared over may differ from one other to the next: it is of both.
        row: list[Cell] = []
        for name in names:
            sides = matches[name]["quantities"].get(what.name) if name in matches else None
            if sides is None:
                row += [Cell(NOTHING)] * width
                continue
            row += [Cell(texts[sides["reference"]]), Cell(texts[sides["other"]]), _change(sides)]
            if tolerance is not None:
                row.append(_verdict(matches[name], sides["within"]))
        return tuple(row)

    reference = doc["between"][0]
    columns: list[Heading] = []
    for name in names:
        columns += [Heading(reference, what.unit), Heading(name, what.unit)]
        columns.append(Heading("change", f"{name} / {reference}"))
        columns += [Heading("verdict", is_text=True)] if tolerance is not None else []
    width = len(columns) // len(names)
    judged = f"Tolerance {allowed(tolerance)}" if tolerance is not None else "No verdict"
    return Table(
        re.sub(r"[^A-Za-z0-9]+", "-", f"quantity-{what.name}"),
        f"{what.title[0].upper()}{what.title[1:]}",
        f"{judged}. Small print: 95 % interval of the change, from the seeds' own ratios.",
        tuple(columns),
        _groups(doc, cells),
    )


def _change(sides: DifferenceForm) -> Cell:
    if sides["change"] is None:
        return Cell(NOTHING)
    if sides["change"] == 0:
        return Cell("same")
    interval = sides["ci95"]
    under = (f"{hundredths(interval[0])} to {hundredths(interval[1])}",) if interval else ()
    return Cell(hundredths(sides["change"]), under, STRONG if sides["within"] is False else "")


def _verdict(match: MatchForm, within: bool | None) -> Cell:
    if match["verdict"] in (AgreementVerdict.IDENTICAL, AgreementVerdict.INVALID):
        return Cell(match["verdict"])
    if within is None:
        return Cell("not told")
    return Cell("within") if within else Cell("beyond", (), STRONG)


def _groups(
    doc: CrosscheckDocument, cells: Callable[[dict[str, MatchForm]], tuple[Cell, ...]]
) -> tuple[tuple[str, tuple[Row, ...]], ...]:
    """Rows by rate, then scheduler; ``cells`` from the matches there, by other backend."""
    at: dict[float, dict[str, dict[str, MatchForm]]] = {}
    for match in doc["matches"]:
        by_name = at.setdefault(match["rate_rps"], {})
        by_name.setdefault(match["scheduler"], {})[match["other"]] = match
    return tuple(
        (
            rate_key(rate),
            tuple(_row(doc, who, rate, cells(matches)) for who, matches in at[rate].items()),
        )
        for rate in sorted(at)
    )


def _row(doc: CrosscheckDocument, scheduler: str, rate_rps: float, cells: tuple[Cell, ...]) -> Row:
    """A row, with why it is no operating point on some backend."""
    key = rate_key(rate_rps)
    points = {name: doc["studies"][name]["points"][scheduler][key] for name in doc["between"]}
    for state in ("invalid", "saturated"):
        where = [name for name, point in points.items() if point[state]]
        if where:
            return Row(scheduler, cells, state, listed(where) if len(where) < len(points) else "")
    return Row(scheduler, cells)


def conclusion_grid(doc: CrosscheckDocument) -> Table:
    """What the study answers on each backend."""
    return grid(
        "conclusions",
        "The study's answers on each backend",
        "Small print: 95 % interval, and what follows. Capacities are read off the rates measured, "
        "without a further search. Changes are paired by request and seed.",
        (*doc["between"], "compared"),
        tuple(
            (conclusion.title, (*conclusion.cells, Cell(conclusion.agreement)))
            for conclusion in conclusions(doc)
        ),
        text={len(doc["between"])},
    )


def fact_grids(doc: CrosscheckDocument) -> list[Table]:
    """What was planned for the backends and what ran there; what is common to all stands once."""

    def compared(title: str, of: Callable[[str, StudyNumbers], Facts]) -> Table:
        parts = [dict(of(name, doc["studies"][name])) for name in doc["between"]]
        names = dict.fromkeys(name for part in parts for name in part)
        rows = tuple((name, _merged([part.get(name, NOTHING) for part in parts])) for name in names)
        name = title.lower().replace(" ", "-")
        return grid(name, title, "", doc["between"], rows, text=range(len(parts)))

    made = doc["made"]
    tables = [
        compared("Asked", lambda _, study: facts.planned(study["spec"])),
        compared("Every run", lambda _, study: facts.every_run(study)),
        compared("What served", lambda _, study: facts.served(study["served"])),
        compared("Schedulers and their options", lambda _, study: facts.schedulers(study)),
        compared(
            "Profile", lambda name, study: facts.profile(study["profile"], made["profiles"][name])
        ),
        compared("Versions", lambda _, study: facts.study_versions(study, made)),
    ]
    return [table for table in tables if table.rows]


def _merged(texts: Sequence[str]) -> tuple[Cell, ...]:
    """One cell over all columns where they say the same."""
    if len(set(texts)) == 1:
        return (Cell(texts[0], span=len(texts)),)
    return tuple(Cell(text) for text in texts)


def warnings(doc: CrosscheckDocument) -> list[str]:
    """What runs say of themselves, each sentence once with the backends that it is said of."""
    said: dict[str, list[str]] = {}
    for name in doc["between"]:
        for text in doc["studies"][name]["warnings"]:
            said.setdefault(text, []).append(name)
    return [f"{', '.join(names)}: {text}" for text, names in said.items()]
