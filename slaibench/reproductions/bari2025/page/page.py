"""The page of the paper's figures: what its parts are, and how they are found again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from slaibench.recording import store
from slaibench.report import facts
from slaibench.report.captions import Caption
from slaibench.report.command import command_line, joined, repeated, seeds
from slaibench.report.document import Notes, run_facts
from slaibench.report.page import Card, Page, profile_notes, system_parts
from slaibench.report.recordings import OnRun, cells_of, entry, identity, read_again, read_all
from slaibench.report.template import Headline, stem_of
from slaibench.report.words import plural
from slaibench.reproductions.bari2025.claim import MARKS
from slaibench.reproductions.bari2025.figures import Kind, Mix
from slaibench.reproductions.bari2025.load import Load, LoadSummarizer, load_spec
from slaibench.reproductions.bari2025.page.captions import captions
from slaibench.reproductions.bari2025.page.document import PaperDocument, PaperNumbers
from slaibench.reproductions.bari2025.page.tables import (
    capacity_grid,
    claim_grids,
    convention_tables,
)
from slaibench.reproductions.bari2025.published import bari2025
from slaibench.reproductions.bari2025.result import PaperResult
from slaibench.reproductions.bari2025.run import loads_of, mixes, searches
from slaibench.reproductions.bari2025.spec import GPU, MODEL, PaperSpec
from slaibench.reproductions.bari2025.verdict import (
    AGREES_WITHIN,
    CLOSE_WITHIN,
    WIDEST,
    ClaimVerdict,
)
from slaibench.spec import Convention, StudySpec
from slaibench.studies.executors import CellResult, Summarize
from slaibench.studies.lifecycle import about_of
from slaibench.studies.systems.table import settled

if TYPE_CHECKING:
    from slaibench.report.figures.panel import Panel

RULES = (
    f"agrees: ours is within {AGREES_WITHIN:.0%} or the rounding of what is printed, or the "
    "published value lies in our 95 % interval",
    f"close: outside it, by at most {CLOSE_WITHIN:.0%}",
    "disagrees: by more; or, for an ordering or a shape, the intervals say the contrary",
    f"cannot tell: no value, no interval, one of more than ±{WIDEST:.0%}, or intervals that "
    "overlap where an order is claimed",
)
"""The rules of ``verdict``, in words."""
SPEC_FIELDS = ("backend", "device", "clock", "workload", "duration_s", "first_seed")
"""Of a ``PaperSpec``, what every study takes."""


class PaperPage(Page[PaperResult, PaperDocument]):
    """Every figure redrawn, and every claim compared with what is found here."""

    format = "slaibench-paper"
    version = 2
    template = "paper"
    required = PaperDocument.__required_keys__
    package = "slaibench.reproductions.bari2025"
    planned = frozenset({"spec"})

    def numbers(self, subject: PaperResult, folder: Path) -> PaperNumbers:
        first = next(iter(subject.cells))
        run = store.read_run(first.folder)
        parts = {kind.value: cells for kind, cells in subject.batch_cells.items()}
        for load in (load for both in subject.loads.values() for load in both):
            parts[_part(load.mix, load.convention)] = load.cells
        return {
            **subject.to_json(),
            "served": {
                "venue": first.cell.system,
                "place": first.cell.place,
                "model": first.cell.model,
                **run_facts(run),
            },
            "profile": run.get("profile"),
            "runs": [
                {
                    "part": part,
                    **entry(cell, folder),
                    "scheduler_options": cell.cell.spec()["scheduler_options"],
                }
                for part, cells in parts.items()
                for cell in cells
            ],
        }

    def notes(self, subject: PaperResult) -> Notes:
        del subject
        return {"profile": profile_notes(StudySpec(gpu=GPU, model=MODEL))}

    def panels(self, subject: PaperResult, doc: PaperDocument) -> dict[str, list[Panel]]:
        del doc
        from slaibench.reproductions.bari2025.page.figures import panels  # noqa: PLC0415

        return panels(subject)

    def captions(self, doc: PaperDocument) -> dict[str, Caption]:
        return captions(doc)

    def stem(self, doc: PaperDocument) -> str:
        """As ``paper-rtx6000-ada-mistral-7b-0123abcd``."""
        served = doc["served"]
        where = (*system_parts(served["venue"]), served["place"], served["model"])
        runs = sorted(cells_of(doc["runs"]))
        return stem_of(("paper", *where, identity([doc["spec"], runs])))

    def card(self, doc: PaperDocument) -> Card:
        served = doc["served"]
        ran = tuple(doc["schedulers"]) or tuple(dict.fromkeys(r["scheduler"] for r in doc["runs"]))
        where = (served["model"], served["place"], (served["venue"],))
        return Card("Paper", _title(doc), ran, *where)

    def content(self, doc: PaperDocument) -> Mapping[str, object]:
        paper = bari2025()
        schedulers = [*doc["schedulers"], *(run["scheduler"] for run in doc["runs"])]
        return {
            "schedulers": list(dict.fromkeys(schedulers)),
            "kind": f"{paper.authors}: {paper.title} ({paper.where})",
            "headline": Headline(_title(doc)),
            "verdicts": [(name, _counts(counts)) for name, counts in doc["verdicts"].items()],
            "labels": doc["schedulers"],
            "about": _about(doc),
            "rules": RULES,
            "marks": MARKS,
            "claims": claim_grids(doc),
            "capacities": capacity_grid(doc),
            "tables": convention_tables(doc),
            "facts": _facts(doc),
        }

    def rebuild(self, doc: PaperDocument, folder: Path, on_run: OnRun) -> PaperResult:
        paper = PaperSpec.model_validate(doc["spec"])
        summaries: dict[str, Summarize] = {kind.value: _nothing for kind in Kind}
        specs = {}
        for mix in mixes(paper):
            for convention in (Convention.PAPER, Convention.STRICT):
                spec = settled(load_spec(paper, mix, convention))
                specs[mix, convention] = spec
                summaries[_part(mix, convention)] = LoadSummarizer.for_study(spec)
        runs = doc["runs"]
        reads = [partial(read_again, run, folder, summaries[run["part"]]) for run in runs]
        by_part: dict[str, list[CellResult]] = {}
        for run, cell in zip(runs, read_all(runs, reads, on_run), strict=True):
            by_part.setdefault(run["part"], []).append(cell)

        def load(mix: Mix, convention: Convention) -> Load:
            cells = tuple(by_part.get(_part(mix, convention), ()))
            spec = specs[mix, convention]
            return Load(mix, spec, about_of(cells), cells, searched=searches(paper, mix))

        return PaperResult(
            spec=paper,
            batch_cells={k: tuple(by_part[k.value]) for k in Kind if k.value in by_part},
            loads=loads_of(paper, load),
        )

    def command(self, doc: PaperDocument, results: Path) -> str:
        paper = PaperSpec.model_validate(doc["spec"])
        spec = paper.model_dump(mode="json")
        words = ["paper", "--rates", joined(paper.rates), *seeds(paper.num_seeds)]
        if paper.figures != PaperSpec().figures:
            words += repeated("--figure", paper.figures)
        return command_line(words, {name: spec[name] for name in SPEC_FIELDS}, results)


PAGE = PaperPage()


def _part(mix: Mix, convention: Convention) -> str:
    """What the runs of a load are called in a document."""
    return f"{mix.value} % paying, {convention.value}"


def _nothing(_: object) -> None:
    """Single batches are read where they are shown."""


def _title(doc: PaperDocument) -> str:
    figures = list(doc["figures"])
    what = f"Figure {figures[0]}" if len(figures) == 1 else f"Figures {figures[0]} to {figures[-1]}"
    counts = Counter(doc["verdicts"]["paper"])
    total = counts.total()
    if not total:
        return f"{what} of the paper, redone"
    return (
        f"{what} of the paper, redone: under its own conventions "
        f"{counts[ClaimVerdict.AGREES.value]} of {plural(total, 'claim')} hold"
    )


def _counts(counts: Mapping[str, int]) -> str:
    parts = [f"{verdict}: {count}" for verdict, count in counts.items() if count]
    return ", ".join(parts) or "no claim"


def _about(doc: PaperDocument) -> str:
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


def _facts(doc: PaperDocument) -> list[tuple[str, facts.Facts]]:
    options = {run["scheduler"]: run["scheduler_options"] for run in doc["runs"]}
    labels = doc["schedulers"]
    parts = [
        ("Asked", facts.planned(doc["spec"])),
        ("What served", facts.served(doc["served"])),
        (
            "Schedulers and their options",
            [
                (f"{name} ({labels[name]})" if name in labels else name, facts.text(values))
                for name, values in options.items()
            ],
        ),
    ]
    if profile := facts.profile(doc["profile"], doc["made"]["profile"]):
        parts.append(("Profile", profile))
    return [*parts, ("Versions", facts.versions(doc["made"]))]
