"""The board's tables, from its document: totals, combinations, causes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Literal

from slaibench.catalog.board import BoardDocument, ErrorsForm, OwnRunForm, SummaryForm
from slaibench.report.table import Cell, Heading, Row, Table, grid

Way = Literal["ours", "library", "roofline", "beside_library"]
Latency = Literal["tpot", "ttft", "e2e"]
WAYS: Mapping[Way, str] = {
    "ours": "slaibench",
    "beside_library": "slaibench, same",
    "library": "aiconfigurator",
    "roofline": "roofline",
}
LATENCIES: tuple[Latency, ...] = ("tpot", "ttft", "e2e")
SHOWN: tuple[Latency, ...] = ("tpot", "ttft")
"""Of single combinations, which a terminal has no more room for."""
MEANS: Sequence[Literal["tpot_ms", "ttft_ms", "e2e_ms"]] = ("tpot_ms", "ttft_ms", "e2e_ms")
OWN_NOTE = (
    "Each request at its own time, in the mode that the engine decided in. Nothing was fitted to "
    "these runs. Grades are those of slaibench validate, which looks at percentiles too."
)
NOTE = (
    "Median and P90 of the absolute error of a run's mean, in percent. Host times were fitted to "
    "the fitted half; the held-out half has other configurations. Grades: of TPOT, TTFT and E2E, "
    "by the thresholds of slaibench validate. Same: on the rows that aiconfigurator estimates."
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
            and not (way == "beside_library" and errors["n"] == summary["n"])
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


def combination_tables(document: BoardDocument) -> tuple[Table, ...]:
    """A table a half, the held-out one first: of each GPU and engine, a row a model and release."""
    tables = []
    for half in ("held-out", "fitted"):
        rows = [
            summary
            for summary in document["summaries"]
            if summary["release"] != "*" and summary["half"] == half
        ]
        groups = [
            (name, tuple(map(_combination, members)))
            for name, members in groupby(rows, key=lambda row: f"{row['gpu']} {row['engine']}")
        ]
        if groups:
            tables.append(_combinations(half, tuple(groups)))
    return tuple(tables)


def _combinations(half: str, groups: tuple[tuple[str, tuple[Row, ...]], ...]) -> Table:
    return Table(
        half,
        f"By what was served, {half} half",
        "",
        (
            Heading("release", is_text=True),
            Heading("n"),
            *(Heading(name.upper(), "%") for name in SHOWN),
            Heading("aiconf.\nTPOT", "%"),
            Heading("grade", is_text=True),
        ),
        groups,
        by=Heading("GPU, engine", is_text=True, folds=True),
        head=Heading("model", is_text=True),
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


def own_table(document: BoardDocument) -> Table | None:
    """Runs of our own, by what served them; None: there are none."""
    runs = document.get("own")
    if not runs:
        return None
    groups = [(name, tuple(map(_own, members))) for name, members in groupby(runs, key=_served_by)]
    return Table(
        "own",
        "Runs of our own: error of the mean",
        OWN_NOTE,
        (
            Heading("n"),
            *(Heading(name.upper(), "%") for name in LATENCIES),
            Heading("grade", is_text=True),
        ),
        tuple(groups),
        by=Heading("GPU, model, engine, how it decides, profile", is_text=True, folds=True),
        head=Heading("scheduler, load", is_text=True, folds=True),
    )


def _served_by(run: OwnRunForm) -> str:
    way = "asynchronous" if run["asynchronous"] else "synchronous"
    return f"{run['gpu']} {run['model']}, {run['engine']}, {way}, {run['status']} profile"


def _own(run: OwnRunForm) -> Row:
    changes = (run["ours"][key] / run["measured"][key] - 1 for key in MEANS)
    return Row(
        f"{run['scheduler'].partition(':')[0]}, {run['load']}",
        (
            Cell(str(run["n"])),
            *(Cell(f"{100 * change:+.{0 if abs(change) >= 0.1 else 1}f}") for change in changes),
            Cell("".join(run["grades"][name] for name in LATENCIES)),
        ),
    )


def left_out_lines(document: BoardDocument) -> Sequence[str]:
    """What was not replayed, and why, a line a reason."""
    return [f"left out: {count:,} {reason}" for reason, count in document["left_out"].items()]


def _combination(summary: SummaryForm) -> Row:
    library = summary["library"]
    return Row(
        summary["model"],
        (
            Cell(_release(summary["release"])),
            Cell(str(summary["n"])),
            *_pairs(summary["ours"], SHOWN),
            Cell("-" if library is None else _percent(library["tpot"]["median"])),
            Cell("".join(summary["grades"][name] for name in LATENCIES)),
        ),
    )


def _pairs(errors: ErrorsForm, latencies: Sequence[Latency] = LATENCIES) -> list[Cell]:
    return [
        Cell(f"{_percent(errors[name]['median'])} / {_percent(errors[name]['p90'])}")
        for name in latencies
    ]


def _release(release: str) -> str:
    """Without what distinguishes builds of it; ``-``: not published."""
    return "-" if release == "not published" else release.partition("-")[0].partition(".post")[0]


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.{0 if share >= 0.1 else 1}f}"
