"""The board's tables, from its document: totals, combinations, causes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Literal

from slaibench.catalog.board import BoardDocument, ErrorsForm, SummaryForm
from slaibench.report.table import Cell, Heading, Row, Table, grid

Way = Literal["ours", "library", "roofline"]
Latency = Literal["tpot", "ttft", "e2e"]
WAYS: Mapping[Way, str] = {
    "ours": "slaibench",
    "library": "aiconfigurator",
    "roofline": "roofline",
}
LATENCIES: tuple[Latency, ...] = ("tpot", "ttft", "e2e")
NOTE = (
    "Median and P90 of the absolute error of a run's mean, in percent. Host times were fitted to "
    "the fitted half; the held-out half has other configurations."
)


def totals_table(document: BoardDocument) -> Table:
    """Both halves, by three ways."""
    groups = []
    for summary in document["totals"]:
        name = f"{summary['gpu']}, {summary['half']}"
        rows = tuple(
            Row(title, (Cell(str(errors["n"])), *_pairs(errors)))
            for way, title in WAYS.items()
            if (errors := summary[way]) is not None
        )
        groups.append((name, rows))
    return Table(
        "totals",
        "Error of published runs, by how they were predicted",
        NOTE,
        (Heading("n"), *(Heading(name.upper(), "%") for name in LATENCIES)),
        tuple(groups),
        by=Heading("GPUs, half", is_text=True, folds=True),
        head=Heading("", is_text=True),
    )


def combinations_table(document: BoardDocument) -> Table:
    """Held-out rows first; of each GPU, a row a model, engine and release."""
    whole = [summary for summary in document["summaries"] if summary["release"] != "*"]
    groups = []
    for gpu, members in groupby(whole, key=lambda summary: str(summary["gpu"])):
        groups.append((gpu, tuple(_combination(summary) for summary in members)))
    columns = (
        *(Heading(title, is_text=True, folds=True) for title in ("engine", "half")),
        Heading("n"),
        *(Heading(name.upper(), "%") for name in LATENCIES),
        *(Heading(f"{title}\nTPOT", "%") for title in ("aiconf.", "roofline")),
        Heading("grade", is_text=True),
    )
    return Table(
        "combinations",
        "By what was served",
        NOTE,
        columns,
        tuple(groups),
        by=Heading("GPU", is_text=True),
        head=Heading("model", is_text=True, folds=True),
    )


def causes_table(document: BoardDocument) -> Table:
    """Of the held-out half: rows with a property, and all others."""
    rows = [
        (
            cause["cause"],
            [
                Cell(str(cause["n"])),
                Cell(_percent(cause["tpot"])),
                Cell(_percent(cause["tpot_without"])),
                Cell(_percent(cause["ttft"])),
                Cell(_percent(cause["ttft_without"])),
            ],
        )
        for cause in document["causes"]
    ]
    return grid(
        "causes",
        "Median error with a cause and without, held-out half",
        "Causes are properties of a row's configuration, never of its error.",
        (
            "n",
            *(
                Heading(f"{name}\n{side}", "%")
                for name in ("TPOT", "TTFT")
                for side in ("with", "without")
            ),
        ),
        rows,
        head=Heading("cause", is_text=True, folds=True),
    )


def left_out_lines(document: BoardDocument) -> Sequence[str]:
    """What was not replayed, and why, a line a reason."""
    return [f"left out: {count:,} {reason}" for reason, count in document["left_out"].items()]


def _combination(summary: SummaryForm) -> Row:
    release = summary["release"]
    engine = summary["engine"] if release == "not published" else f"{summary['engine']} {release}"
    others = [
        Cell("-" if errors is None else _percent(errors["tpot"]["median"]))
        for errors in (summary["library"], summary["roofline"])
    ]
    return Row(
        summary["model"],
        (
            Cell(engine),
            Cell(summary["half"]),
            Cell(str(summary["n"])),
            *_pairs(summary["ours"]),
            *others,
            Cell(summary["grade"]["grade"]),
        ),
    )


def _pairs(errors: ErrorsForm) -> list[Cell]:
    return [
        Cell(f"{_percent(errors[name]['median'])} / {_percent(errors[name]['p90'])}")
        for name in LATENCIES
    ]


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.{0 if share >= 0.1 else 1}f}"
