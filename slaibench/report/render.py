"""From a report's document to its page; the drawings are put in as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from slaibench.report import facts
from slaibench.report.captions import captions
from slaibench.report.headline import headline
from slaibench.report.numbers import Document, identity
from slaibench.report.tables import audit_table, tables
from slaibench.report.template import Figure, Picture, fill, stem_of
from slaibench.report.words import sentences


def file_stem(doc: Document) -> str:
    """Name of the page without its ending, e.g. ``sweep-h100-mistral-7b-0123abcd``."""
    kind = "sweep" if doc["pair"] is None else "compare"
    served = doc["served"]
    system = [] if served["venue"] == "sim" else served["venue"].split(":")
    what = dict.fromkeys((*system, served["place"], doc["cell"]["model"]))
    return stem_of((kind, *what, identity(doc)))


def render(doc: Document, pictures: Mapping[str, Sequence[Picture]]) -> str:
    """The page. All that can be read in it comes from the document, so that the two agree.

    Args:
        doc: the numbers.
        pictures: by figure; a figure without any is left out.
    """
    return fill(
        "study",
        doc,
        list(doc["schedulers"]),
        kind=_kind(doc),
        headline=headline(doc),
        about=_about(doc),
        figures=[
            Figure(name, caption, pictures.get(name, ()))
            for name, caption in captions(doc).items()
            if pictures.get(name) or name == "arrivals"  # whose table is there in any case
        ],
        audit=audit_table(doc),
        tables=tables(doc),
        facts=_facts(doc),
        runs=doc["runs"],
        file_name=f"{file_stem(doc)}.html",
    )


def _kind(doc: Document) -> str:
    served = doc["served"]
    what = "Comparison" if doc["pair"] else "Sweep"
    return f"{what}: {doc['cell']['model']} on {served['place']}, backend {served['venue']}"


def _about(doc: Document) -> list[str]:
    parts = [facts.CONVENTIONS[doc["spec"]["convention"]]]
    if doc["workload_note"]:
        parts.insert(0, f"Workload {doc['cell']['workload']}: {doc['workload_note']}.")
    return [*sentences(doc["about"]), " ".join(parts)]


def _facts(doc: Document) -> list[tuple[str, facts.Facts]]:
    """Tables of names and values: what was asked, what ran, by which profile, with what."""
    found = [
        ("Asked", facts.asked(doc)),
        ("Every run", facts.every_run(doc)),
        ("What served", facts.served(doc)),
        ("Schedulers and their options", facts.schedulers(doc)),
    ]
    if doc["profile"] is not None:
        found.append(("Profile", facts.profile(doc, doc["made"]["profile"])))
    return [*found, ("Versions", facts.versions(doc, doc["made"]))]
