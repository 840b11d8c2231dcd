"""Results in a notebook: what their pages say, as one cell's output.

Importing this registers how each result is shown (``studies.shown``); ``slaibench.api`` does.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import singledispatch
from pathlib import Path
from typing import TYPE_CHECKING

from slaibench.machine.suggestion import did_you_mean
from slaibench.report.index import write_index
from slaibench.report.pages import AnyPage
from slaibench.report.pages import bound as bound_page
from slaibench.report.pages import closed_loop as closed_page
from slaibench.report.pages import crosscheck as crosscheck_page
from slaibench.report.pages import server as server_page
from slaibench.report.pages import study as study_page
from slaibench.report.pages.capacity import page as capacity_page
from slaibench.report.pages.crosscheck.subject import make_crosscheck
from slaibench.report.regress import words
from slaibench.report.subject import Subject, make_subject
from slaibench.report.table import Cell, Heading, Row, Table, grid
from slaibench.report.template import fill
from slaibench.report.words import NOTHING, plain_change
from slaibench.studies import shown
from slaibench.studies.bound.result import BoundResult
from slaibench.studies.capacity_result import CapacityResult
from slaibench.studies.closed_result import ClosedResult
from slaibench.studies.compare import CompareResult
from slaibench.studies.crosscheck.study import CrosscheckResult
from slaibench.studies.paced_result import PacedResult
from slaibench.studies.regression.result import RegressResult
from slaibench.studies.sweep import SweepResult
from slaibench.studies.validation.study import ValidationResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from slaibench.report.figures.panel import Panel

PNG_DPI = 144
CSS_DPI = 96


@singledispatch
def page_of(result: object) -> tuple[AnyPage, object]:
    """The kind of page that a result has, and what that page is about.

    Raises:
        ValueError: it has none.
    """
    raise ValueError(
        f"there is no page of a {type(result).__name__}; sweeps, comparisons, closed loops, "
        "capacities, bounds and validations between backends have one"
    )


@page_of.register
def _(result: SweepResult) -> tuple[AnyPage, object]:
    return study_page.PAGE, make_subject(result)


@page_of.register
def _(result: CompareResult) -> tuple[AnyPage, object]:
    return study_page.PAGE, make_subject(
        result.sweep,
        searched=result.capacities,
        compared=result.schedulers,
    )


@page_of.register
def _(result: CapacityResult) -> tuple[AnyPage, object]:
    return capacity_page.PAGE, capacity_page.searched((result,))


@page_of.register
def _(result: PacedResult) -> tuple[AnyPage, object]:
    return server_page.PAGE, result


@page_of.register
def _(result: ClosedResult) -> tuple[AnyPage, object]:
    return closed_page.PAGE, result


@page_of.register
def _(result: BoundResult) -> tuple[AnyPage, object]:
    return bound_page.PAGE, result


@page_of.register
def _(result: CrosscheckResult) -> tuple[AnyPage, object]:
    return crosscheck_page.PAGE, make_crosscheck(result)


def _written(result: object, folder: Path) -> Path:
    kind, subject = page_of(result)
    html = kind.write(subject, folder).html
    write_index(folder)
    return html


def _paged(result: object) -> str:
    page, subject = page_of(result)
    doc = page.document(subject, Path())
    content = page.content(doc)
    headline = content["headline"]
    answers: Sequence[tuple[str, str]] = getattr(headline, "answers", ())
    findings: Sequence[str] = getattr(headline, "findings", ())
    sentences = [f"{name}: {text}" for name, text in answers] + list(findings)
    names = content["schedulers"]
    assert isinstance(names, Sequence)
    return _html(str(getattr(headline, "title", "")), sentences, list(_tables(content)), names)


@shown.html.register
def _regressed(result: RegressResult) -> str:
    text = Heading("", is_text=True)
    columns = (
        Heading("rate", "requests/s"),
        *(Heading(title, is_text=True) for title in ("metric", "verdict")),
        *map(Heading, ("before", "after", "change", "90 % interval")),
        Heading("", is_text=True),
    )
    rows = [
        Row(
            row.scheduler,
            (
                Cell(f"{row.rate_rps:g}"),
                Cell(row.words),
                Cell(row.verdict.value),
                Cell(words.value(row, row.before)),
                Cell(words.value(row, row.after)),
                Cell(words.change(row)),
                Cell(words.interval(row)),
                Cell(words.detail(row)),
            ),
        )
        for row in result.rows
    ]
    table = grid("regress", "Every metric", "", columns, rows, head=text)
    return _html(words.headline(result), list(words.about(result)), [table])


@shown.html.register
def _validated(result: ValidationResult) -> str:
    columns = (
        *(Heading(title, is_text=True) for title in ("latency", "statistic")),
        Heading("error"),
        Heading("grade", is_text=True),
    )
    rows = [
        Row(
            run.run.name,
            (
                Cell(latency),
                Cell(statistic),
                Cell(NOTHING if error.change is None else plain_change(error.change)),
                Cell(run.judgements[latency].grade if latency in run.judgements else NOTHING),
            ),
        )
        for run in result.runs
        for latency, errors in run.errors.items()
        for statistic, error in errors.statistics.items()
    ]
    table = grid("validation", "Errors of the simulator", "", columns, rows)
    return _html(result.in_words, list(result.left_out), [table])


def _tables(content: Mapping[str, object]) -> Iterator[Table]:
    """Every table that a page's template takes, in order; the arrival audit is left to the page."""
    for name, part in content.items():
        parts = part if isinstance(part, Sequence) else (part,)
        if name != "audit":
            yield from (table for table in parts if isinstance(table, Table))


def _html(
    title: str, sentences: Sequence[str], tables: Sequence[Table], schedulers: Sequence[str] = ()
) -> str:
    return fill(
        "notebook",
        "slaibench.report",
        {},
        schedulers,
        title=title,
        sentences=sentences,
        tables=tables,
    )


def _drawn(result: object, name: str) -> Figure:
    # Drawing loads matplotlib: a second that whoever draws nothing shall not wait for.
    from slaibench.report.figures.style import styled  # noqa: PLC0415

    page, subject = page_of(result)
    with styled():
        by_figure = page.panels(subject, page.document(subject, Path()))
        if isinstance(subject, Subject) and name and name not in _named(by_figure):
            # Of a search: those of a sweep of the rates that it measured.
            swept = study_page.PAGE
            by_figure |= swept.panels(subject, swept.document(subject, Path()))
    figure = _chosen(by_figure, name).figure
    _let_notebooks_show(type(figure))
    return figure


def _chosen(by_figure: Mapping[str, Sequence[Panel]], name: str) -> Panel:
    """The drawing of a name; of a figure with several, the first."""
    every = _named(by_figure)
    if not every:
        raise ValueError("there is nothing to draw: no point was measured")
    if name and name not in every:
        near = did_you_mean(name, every)
        raise ValueError(f"there is no figure {name!r}: {near}Figures: {', '.join(every)}")
    return every[name] if name else next(iter(every.values()))


def _named(by_figure: Mapping[str, Sequence[Panel]]) -> dict[str, Panel]:
    """Drawings by their names, and by those of the figures that they are the first of."""
    first = {figure: panels[0] for figure, panels in by_figure.items() if panels}
    return {**first, **{panel.name: panel for panels in by_figure.values() for panel in panels}}


def _let_notebooks_show(kind: type[Figure]) -> None:
    """Make IPython show figures that are a cell's value, as it does once pyplot is imported."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None:
        return
    formatter = shell.display_formatter.formatters["image/png"]
    if kind not in formatter:
        formatter.for_type(kind, _png)


def _png(figure: Figure) -> tuple[bytes, dict[str, int]]:
    """A figure's bytes, and the size in which a notebook shows it."""
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=PNG_DPI)
    width, height = figure.get_size_inches()
    return out.getvalue(), {"width": round(CSS_DPI * width), "height": round(CSS_DPI * height)}


_PAGED = (SweepResult, CompareResult, CapacityResult, PacedResult, BoundResult, CrosscheckResult)
for _kind in (*_PAGED, ClosedResult):
    shown.page.register(_kind, _written)
    shown.html.register(_kind, _paged)
    shown.figure.register(_kind, _drawn)
