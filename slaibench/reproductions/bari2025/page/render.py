"""From the document of the paper's figures to its page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from slaibench.catalog.published import bari2025
from slaibench.report import facts
from slaibench.report.numbers import Document
from slaibench.report.template import Figure, Picture, fill, stem_of
from slaibench.report.words import plural
from slaibench.reproductions.bari2025 import words
from slaibench.reproductions.bari2025.page.captions import captions
from slaibench.reproductions.bari2025.page.numbers import identity, runs
from slaibench.reproductions.bari2025.page.tables import (
    capacity_grid,
    claim_grids,
    convention_tables,
)
from slaibench.reproductions.bari2025.verdict import AGREES_WITHIN, CLOSE_WITHIN, WIDEST, Verdict

RULES = (
    f"agrees: ours is within {AGREES_WITHIN:.0%} or the rounding of what is printed, or the "
    "published value lies in our 95 % interval",
    f"close: outside it, by at most {CLOSE_WITHIN:.0%}",
    "disagrees: by more; or, for an ordering or a shape, the intervals say the contrary",
    f"cannot tell: no value, no interval, one of more than ±{WIDEST:.0%}, or intervals that "
    "overlap where an order is claimed",
)
"""``study.paper.verdict``'s rules, in words."""


@dataclass(frozen=True, slots=True)
class Headline:
    """The top of the page."""

    title: str


def file_stem(doc: Document) -> str:
    """Name of the page without its ending, e.g. ``paper-rtx6000-ada-mistral-7b-0123abcd``."""
    served = doc["served"]
    system = [] if served["venue"] == "sim" else served["venue"].split(":")
    return stem_of(("paper", *system, served["place"], served["model"], identity(doc)))


def render(doc: Document, pictures: Mapping[str, Sequence[Picture]]) -> str:
    """The page. All that can be read in it comes from the document, so that the two agree.

    Args:
        doc: the numbers.
        pictures: by figure; a figure without any is left out.
    """
    paper = bari2025()
    schedulers = [*doc["schedulers"], *(run["scheduler"] for run in doc["runs"])]
    return fill(
        "paper",
        doc,
        list(dict.fromkeys(schedulers)),
        kind=f"{paper.authors}: {paper.title} ({paper.where})",
        headline=Headline(_title(doc)),
        verdicts=[(name, _told(found)) for name, found in doc["verdicts"].items()],
        labels=doc["schedulers"],
        about=_about(doc),
        rules=RULES,
        marks=words.MARKS,
        claims=claim_grids(doc),
        figures=[
            Figure(name, caption, pictures[name])
            for name, caption in captions(doc).items()
            if pictures.get(name)
        ],
        capacities=capacity_grid(doc),
        tables=convention_tables(doc),
        facts=_facts(doc),
        runs=runs(doc),
        file_name=f"{file_stem(doc)}.html",
    )


def _title(doc: Document) -> str:
    figures = list(doc["figures"])
    what = f"Figure {figures[0]}" if len(figures) == 1 else f"Figures {figures[0]} to {figures[-1]}"
    found = Counter(doc["verdicts"]["paper"])
    total = found.total()
    if not total:
        return f"{what} of the paper, redone"
    agrees = found[Verdict.AGREES.value]
    return (
        f"{what} of the paper, redone: under its own conventions {agrees} of "
        f"{plural(total, 'claim')} hold"
    )


def _told(found: Mapping[str, int]) -> str:
    counts = [f"{verdict}: {count}" for verdict, count in found.items() if count]
    return ", ".join(counts) or "no claim"


def _about(doc: Document) -> str:
    about = str(doc["about"])
    parts = [f"{about[:1].upper()}{about[1:]}."]
    if doc["workload"]:
        parts.append(f"Lengths: {doc['workload']}.")
    if doc["papers_lengths"] is False:
        parts.append(
            "These are not the paper's lengths: what is published was measured with others, so "
            "that neither agreement nor the lack of it says much."
        )
    return " ".join([*parts, facts.CONVENTIONS["paper"], facts.CONVENTIONS["strict"]])


def _facts(doc: Document) -> list[tuple[str, facts.Facts]]:
    options = {run["scheduler"]: run["scheduler_options"] for run in doc["runs"]}
    labels = doc["schedulers"]
    found = [
        ("Asked", facts.asked(doc)),
        ("What served", facts.served(doc)),
        (
            "Schedulers and their options",
            [
                (f"{name} ({labels[name]})" if name in labels else name, facts.text(values))
                for name, values in options.items()
            ],
        ),
    ]
    if doc["profile"] is not None:
        found.append(("Profile", facts.profile(doc, doc["made"]["profile"])))
    versions = [(name, facts.text(value)) for name, value in doc["made"]["versions"].items()]
    return [*found, ("Versions", versions)]
