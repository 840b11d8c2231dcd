"""From the document of several backends to its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from slaibench.report.facts import CONVENTIONS
from slaibench.report.numbers import Document
from slaibench.report.template import Figure, Picture, fill, stem_of
from slaibench.report.validation.captions import captions, legend
from slaibench.report.validation.findings import headline
from slaibench.report.validation.numbers import identity, reference, runs
from slaibench.report.validation.tables import (
    conclusion_grid,
    fact_grids,
    quantity_tables,
    verdict_table,
    warnings,
)
from slaibench.report.words import listed, sentences


def file_stem(doc: Document) -> str:
    """Name of the page without its ending, e.g. ``validate-sim-vllm-h100-mistral-7b-0123abcd``."""
    first = reference(doc)
    what = dict.fromkeys((*doc["between"], first["served"]["place"], first["cell"]["model"]))
    return stem_of(("validate", *what, identity(doc)))


def render(doc: Document, pictures: Mapping[str, Sequence[Picture]]) -> str:
    """The page. All that can be read in it comes from the document, so that the two agree.

    Args:
        doc: the numbers.
        pictures: by figure; a figure without any is left out.
    """
    first = reference(doc)
    return fill(
        "validation",
        doc,
        list(first["schedulers"]),
        kind=f"Validation: {first['cell']['model']} on {first['served']['place']}, backends "
        f"{listed(doc['between'])}",
        headline=headline(doc),
        served=[
            (name, " ".join(sentences(doc["studies"][name]["about"]))) for name in doc["between"]
        ],
        about=_about(first),
        warnings=warnings(doc),
        verdicts=verdict_table(doc),
        conclusions=conclusion_grid(doc),
        legend=legend(doc),
        figures=[
            Figure(name, caption, pictures[name])
            for name, caption in captions(doc).items()
            if pictures.get(name)
        ],
        tables=quantity_tables(doc),
        facts=fact_grids(doc),
        runs=runs(doc),
        file_name=f"{file_stem(doc)}.html",
    )


def _about(first: Document) -> str:
    workload = f"Workload {first['cell']['workload']}"
    note = f"{workload}: {first['workload_note']}." if first["workload_note"] else f"{workload}."
    return f"{note} {CONVENTIONS[first['spec']['convention']]} No run was stopped early."
