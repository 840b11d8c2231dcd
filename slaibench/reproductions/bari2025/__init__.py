"""Bari et al. (arXiv 2508.01002): the paper's figures as cells to run, and its claims compared."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slaibench.rates import Rates, rates_of

if TYPE_CHECKING:
    from slaibench.reproductions.bari2025.result import PaperResult
    from slaibench.studies.executors import OnRay


def reproduce(
    figures: str | Sequence[str] = (),
    *,
    rates: Rates | None = None,
    results: str | Path = "results",
    jobs: int | OnRay | None = None,
    **spec: Any,
) -> PaperResult:
    """The paper's figures and claims; cells on disk in ``results`` are reused.

    Args:
        figures: ``"7a"``, ``"7"`` for all its parts, or several; none: all.
        rates: requests a second of the load figures; None: the paper's.
        **spec: further fields of ``PaperSpec`` (workload, num_seeds, duration_s, ...).

    Raises:
        ValueError: a name or value is wrong; the message says what is accepted.
        RecordingError, BackendError, SchedulerError: a cell cannot be had.
    """
    # Who only verifies the paper's page needs nothing that runs it.
    from slaibench.reproductions.bari2025.run import run  # noqa: PLC0415
    from slaibench.reproductions.bari2025.spec import PaperSpec  # noqa: PLC0415

    names = (figures,) if isinstance(figures, str) else tuple(figures)
    if rates is not None:
        spec["rates"] = rates_of(rates)
    return run(PaperSpec(figures=names, **spec), Path(results), jobs=jobs)
