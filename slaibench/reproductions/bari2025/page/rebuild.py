"""The paper's result once more, from the page's document and the recordings it names."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from slaibench.report.numbers import Document
from slaibench.report.rebuild import OnRun, read_again, read_all
from slaibench.reproductions.bari2025.figures import Kind, Mix
from slaibench.reproductions.bari2025.load import Load, LoadSummarizer, load_spec
from slaibench.reproductions.bari2025.result import PaperResult
from slaibench.reproductions.bari2025.run import loads_of, mixes, searches
from slaibench.reproductions.bari2025.spec import PaperSpec
from slaibench.spec import Convention
from slaibench.studies.executors import CellResult, Summarize
from slaibench.studies.lifecycle import about_of
from slaibench.studies.systems.table import settled


def rebuild(doc: Document, folder: Path, on_run: OnRun) -> PaperResult:
    """Read every recording again and bring the figures together as when the page was written.

    Args:
        doc: a page's document.
        folder: where the page lies.
        on_run: told of each recording.

    Raises:
        LostRecordings: some are missing, damaged, or not the runs they are said to be.
        ValueError, KeyError, TypeError, IndexError, AttributeError: the document is not what this
            version writes.
    """
    asked = PaperSpec.model_validate(doc["spec"])
    summaries: dict[str, Summarize] = {kind.value: _nothing for kind in Kind}
    specs = {}
    for mix in mixes(asked):
        for convention in (Convention.PAPER, Convention.STRICT):
            spec = settled(load_spec(asked, mix, convention))
            part = f"{mix.value} % paying, {convention.value}"
            specs[mix, convention] = part, spec
            summaries[part] = LoadSummarizer.for_study(spec)
    entries = doc["runs"]
    reads = [partial(read_again, entry, folder, summaries[entry["part"]]) for entry in entries]
    cells = read_all(entries, reads, on_run)
    found: dict[str, list[CellResult]] = {}
    for entry, cell in zip(entries, cells, strict=True):
        found.setdefault(entry["part"], []).append(cell)

    def load(mix: Mix, convention: Convention) -> Load:
        part, spec = specs[mix, convention]
        cells = tuple(found.get(part, ()))
        return Load(mix, spec, about_of(cells), cells, searched=searches(asked, mix))

    return PaperResult(
        asked=asked,
        batch_cells={kind: tuple(found[kind.value]) for kind in Kind if kind.value in found},
        loads=loads_of(asked, load),
    )


def _nothing(_: Any) -> None:
    """Single batches are read where they are shown."""
