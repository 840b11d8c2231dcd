"""The option that logs a command's result to MLflow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slaibench.cli.shell import err, print_hint, print_line
from slaibench.cli.workers import KEPT
from slaibench.schedulers.streams import stdout_for_results

if TYPE_CHECKING:
    from slaibench.spec import StudySpec
    from slaibench.studies.executors import CellResult
    from slaibench.studies.interchange.mlflow_run import Document, Tracker

Experiment = Annotated[
    str | None,
    typer.Option(
        help="Log the result to this experiment of MLflow, at MLFLOW_TRACKING_URI. Needs "
        "slaibench[mlflow].",
        rich_help_panel=KEPT,
    ),
]


def tracker_of(experiment: str | None) -> Tracker | None:
    """Where the result is to be logged, looked at before any work; None: nowhere.

    Raises:
        ValueError: MLflow is not here, or its store does not take it.
    """
    if experiment is None:
        return None
    from slaibench.studies.interchange.mlflow_run import tracker  # noqa: PLC0415

    return tracker(experiment)


def track(
    to: Tracker | None,
    command: str,
    spec: StudySpec,
    document: Document,
    cells: Sequence[CellResult],
    words: str,
    page: Path | None = None,
) -> None:
    """Log a result where that is wanted, and say where it is; on stderr, beside any document.

    The result was printed and its recordings are kept: that it cannot be logged is a warning.
    """
    if to is None:
        return
    from slaibench.studies.interchange.mlflow_run import TrackingError  # noqa: PLC0415

    try:
        with stdout_for_results():
            where = to.log(command, spec, document, cells, words, page)
    except TrackingError as error:
        print_line(f"warning: the result was not logged: {error}", err)
        return
    print_hint(f"mlflow: {where}", err)
