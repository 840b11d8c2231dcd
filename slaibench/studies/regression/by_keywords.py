"""A regression check as a function of the Python interface."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

from slaibench.rates import rates_of
from slaibench.spec.keywords import BaselineFields, spelled_out
from slaibench.studies.regression.result import RegressResult
from slaibench.studies.regression.study import plan as plan_of
from slaibench.studies.regression.study import run


@spelled_out(BaselineFields)
def regress(
    baseline: str | Path,
    *,
    update: bool = False,
    against: str | None = None,
    margin: float | None = None,
    metrics: Sequence[str] = (),
    results: str | Path | None = None,
    jobs: int | None = None,
    **spec: Unpack[BaselineFields],
) -> RegressResult:
    """Run a baseline's specification again, and say what got worse (docs/regress.md).

    Args:
        baseline: its folder.
        update: write it anew from what comes out; without one there, the first.
        against: another Python, a git ref or another server's URL, which is run in turns with this
            code; None: the stored numbers count.
        margin: largest relative change that does not matter; None: the baseline's, or 0.05.
        metrics: names; none: the baseline's, or the default ones.
        results: folder of the recordings; None: they are not kept.
        **spec: fields of ``slaibench.spec.StudySpec`` that are not to be the baseline's.

    Raises:
        ValueError: there is no such baseline, or a value is wrong.
        RecordingError, BackendError, SchedulerError: a cell cannot be had.
    """
    if "rates" in spec:
        spec["rates"] = rates_of(spec["rates"])
    plan = plan_of(
        Path(baseline),
        None if results is None else Path(results),
        update=update,
        other=against,
        margin=margin,
        names=metrics,
        jobs=jobs,
        **spec,
    )
    return run(plan)
