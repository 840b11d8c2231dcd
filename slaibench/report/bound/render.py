"""From the document of a study of capacity bounds to its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from slaibench.report import facts
from slaibench.report.bound.captions import captions
from slaibench.report.bound.findings import headline
from slaibench.report.bound.numbers import identity
from slaibench.report.bound.tables import answer_grids, point_grids
from slaibench.report.numbers import Document
from slaibench.report.template import Figure, Picture, fill, stem_of


def file_stem(doc: Document) -> str:
    """Name of the page without its ending, e.g. ``bound-rtx6000-ada-mistral-7b-0123abcd``."""
    system = [] if doc["venue"] == "sim" else doc["venue"].split(":")
    what = dict.fromkeys((*system, doc["place"], doc["model"]))
    return stem_of(("bound", *what, identity(doc)))


def render(doc: Document, pictures: Mapping[str, Sequence[Picture]]) -> str:
    """The page. All that can be read in it comes from the document, so that the two agree.

    Args:
        doc: the numbers.
        pictures: by figure; a figure without any is left out.
    """
    return fill(
        "bound",
        doc,
        list(dict.fromkeys(run["scheduler"] for run in doc["runs"])),
        kind=f"Capacity bound: {doc['model']} on {doc['place']}, backend {doc['venue']}",
        headline=headline(doc),
        about=_about(doc),
        answers=answer_grids(doc),
        figures=[
            Figure(name, caption, pictures[name])
            for name, caption in captions(doc).items()
            if pictures.get(name)
        ],
        points=point_grids(doc),
        tables=(),
        facts=_facts(doc),
        runs=doc["runs"],
        file_name=f"{file_stem(doc)}.html",
    )


def _about(doc: Document) -> str:
    about = str(doc["about"])
    return f"{about[:1].upper()}{about[1:]}. Workload: {doc['workload']}."


def _facts(doc: Document) -> list[tuple[str, facts.Facts]]:
    rest = {name: value for name, value in doc["ask"].items() if name != "study"}
    found = [
        ("Asked", facts.asked({"spec": {**doc["ask"]["study"], **rest}})),
        (
            "Mean work of a request",
            [(n.replace("_", " "), f"{v:,.6g}") for n, v in doc["work"].items()],
        ),
        (
            "Prices at the bound, seconds",
            [(n.replace("_", " "), f"{v:.3g}") for n, v in doc["bound"]["prices_s"].items()],
        ),
    ]
    if doc["profile"] is not None:
        found.append(("Profile", facts.profile(doc, doc["made"]["profile"])))
    recorded = {"cell": {"slaibench_version": doc["recorded_by"]}}
    return [*found, ("Versions", facts.versions(recorded, doc["made"]))]
