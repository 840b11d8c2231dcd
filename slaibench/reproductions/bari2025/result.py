"""What became of the paper's figures: values, claims, and what conventions change."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from slaibench.recording import store
from slaibench.reproductions.bari2025.batches import (
    NUM_DECODES,
    Batches,
    batch_rows,
    block_rows,
    budget_rows,
)
from slaibench.reproductions.bari2025.claim import Claim
from slaibench.reproductions.bari2025.conventions import ConventionDifference, differences
from slaibench.reproductions.bari2025.figures import FIGURES, LABELS, Kind, Mix
from slaibench.reproductions.bari2025.forms import PaperForm
from slaibench.reproductions.bari2025.numbers import (
    Both,
    budget_numbers,
    given_numbers,
    load_numbers,
)
from slaibench.reproductions.bari2025.published import bari2025
from slaibench.reproductions.bari2025.series import series
from slaibench.reproductions.bari2025.shapes import batch_shapes, load_shapes
from slaibench.reproductions.bari2025.spec import PaperSpec
from slaibench.reproductions.bari2025.verdict import ClaimVerdict
from slaibench.spec import Convention
from slaibench.studies.executors import CellResult
from slaibench.studies.lifecycle import about_of
from slaibench.studies.trust import notes_of

BatchCells = Mapping[Kind, tuple[CellResult, ...]]
"""Cells of single batches, by what they show."""


@dataclass(frozen=True)
class PaperResult:
    """All that came of the figures.

    Args:
        spec: which, and how much.
        batch_cells: behind figure 6.
        loads: by mix: under the paper's conventions, and under strict ones.
    """

    spec: PaperSpec
    batch_cells: BatchCells
    loads: Mapping[Mix, Both]

    @cached_property
    def batches(self) -> Batches:
        """Figure 6."""
        cells = self.batch_cells
        return Batches(
            budgets=budget_rows(cells.get(Kind.BUDGETS, ())),
            blocks=block_rows(cells.get(Kind.BLOCKS, ())),
            batches=batch_rows(cells.get(Kind.BATCHES, ())),
        )

    @cached_property
    def claims(self) -> tuple[Claim, ...]:
        """Every claim of the figures, figure by figure."""
        paper, batches = bari2025(), self.batches
        claims = budget_numbers(paper, batches.budgets)
        num_laid_out = len(NUM_DECODES) if Kind.BATCHES in self.batch_cells else 0
        claims += batch_shapes(batches.budgets, batches.blocks, batches.batches, num_laid_out)
        if first := next(iter(self.loads.values()), None):
            claims += given_numbers(paper, first)
        for name in self.spec.figures:
            figure = FIGURES[name]
            if figure.mix is None:
                continue
            loads = self.loads[figure.mix]
            if figure.capacities:
                claims += load_numbers(paper, figure, loads)
            claims += load_shapes(name, self.spec.figures, loads)
        return tuple(claims)

    @cached_property
    def differences(self) -> dict[Mix, tuple[ConventionDifference, ...]]:
        """What conventions alone change, by mix."""
        return {mix: differences(paper, strict) for mix, (paper, strict) in self.loads.items()}

    @property
    def cells(self) -> tuple[CellResult, ...]:
        """Every cell behind the figures, each once."""
        every = [cell for cells in self.batch_cells.values() for cell in cells]
        every += [cell for both in self.loads.values() for load in both for cell in load.cells]
        return tuple({cell.folder: cell for cell in every}.values())

    @cached_property
    def about(self) -> str:
        """One line: the system under test, and how far it can be trusted."""
        return about_of(self.cells)

    @cached_property
    def workload_note(self) -> str:
        """One line on where the lengths under load come from; empty without load."""
        loaded = self._first_loaded
        if loaded is None:
            return ""
        return str(store.read_run(loaded.folder).get("workload", {}).get("note", ""))

    @property
    def papers_lengths(self) -> bool | None:
        """Whether these are the paper's own; None without load."""
        loaded = self._first_loaded
        if loaded is None:
            return None
        return loaded.cell.workload_fingerprint == bari2025().workload_fingerprint

    @property
    def _first_loaded(self) -> CellResult | None:
        return next((c for both in self.loads.values() for load in both for c in load.cells), None)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know of how far the numbers can be trusted."""
        return worst(
            warning
            for both in self.loads.values()
            for load in both
            for warning in notes_of(load.cells)
        )

    def counts(self, convention: Convention) -> Counter[ClaimVerdict]:
        """Verdicts under one convention, but of numbers whose agreement says nothing (fitted to, or
        given to the runs); claims about single batches count under both."""
        strict = convention is Convention.STRICT
        telling = [c for c in self.claims if not c.published or c.published.telling]
        findings = [c.strict if strict and c.strict else c.paper for c in telling]
        return Counter(finding.verdict for finding in findings)

    def to_json(self) -> PaperForm:
        return {
            "spec": self.spec.model_dump(mode="json"),
            "about": self.about,
            "workload": self.workload_note,
            "papers_lengths": self.papers_lengths,
            "warnings": list(self.warnings),
            "schedulers": {name: LABELS[name] for name in self.schedulers},
            "verdicts": {
                convention.value: {
                    verdict.value: self.counts(convention)[verdict] for verdict in ClaimVerdict
                }
                for convention in (Convention.PAPER, Convention.STRICT)
            },
            "claims": [claim.to_json() for claim in self.claims],
            "figures": {
                name: series(FIGURES[name], self.batches, self.loads) for name in self.spec.figures
            },
            "conventions": {
                mix.value: [difference.to_json() for difference in differences]
                for mix, differences in self.differences.items()
            },
        }

    @property
    def schedulers(self) -> tuple[str, ...]:
        """Those compared under load, in the order of their labels."""
        loaded = {name for both in self.loads.values() for name in both[0].spec.schedulers}
        return tuple(name for name in LABELS if name in loaded)


def sort_cells(cells: Sequence[CellResult]) -> tuple[CellResult, ...]:
    """Cells in an order of their own, so that results do not depend on that of a search."""
    return tuple(sorted(cells, key=lambda c: (c.cell.rate_rps, c.cell.seed, c.cell.scheduler)))


def worst(warnings: Iterable[str]) -> tuple[str, ...]:
    """Warnings that differ in one number only, as the one with the largest."""
    largest: dict[str, tuple[float, str]] = {}
    for text in warnings:
        number = re.search(r"\d[\d.]*", text)
        key = text if number is None else text[: number.start()] + text[number.end() :]
        size = 0.0 if number is None else float(number.group().rstrip("."))
        largest[key] = max(largest.get(key, (size, text)), (size, text))
    return tuple(text for _, text in largest.values())
