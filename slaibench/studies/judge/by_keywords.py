"""A judgement as a function of the Python interface."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

from slaibench.rates import AUTO, Rates, rates_of
from slaibench.spec.keywords import SpecFields, spelled_out
from slaibench.studies.executors import OnRay
from slaibench.studies.judge.result import JudgeResult
from slaibench.studies.judge.study import plan, run


@spelled_out(SpecFields)
def judge(
    candidate: str,
    reference: str | None = None,
    rates: Rates = AUTO,
    *,
    metrics: Sequence[str] = (),
    margin: float | None = None,
    results: str | Path = "results",
    jobs: int | OnRay | None = None,
    **spec: Unpack[SpecFields],
) -> JudgeResult:
    """A scheduler against another: a verdict a metric and load, one error rate (docs/metrics.md).

    Args:
        candidate: who is judged.
        reference: against whom; None: the engine's own scheduler as it is shipped (in the simulator
            vLLM's rule).
        rates: of the load; none: 50, 75 and 90 % of what the reference carries.
        metrics: names; none: the default ones.
        margin: largest relative change that does not matter; None: 0.05.
        results: folder of the recordings.
        **spec: further fields of ``slaibench.spec.StudySpec``. Where they say nothing else it is
            vLLM on an emulated device, eight seeds, 600 requests a run.

    Raises:
        ValueError, RecordingError, BackendError, SchedulerError: as ``sweep``.
    """
    fields = {**spec, "rates": rates_of(rates)}
    made = plan(
        candidate,
        reference,
        fields,
        Path(results),
        metrics=metrics,
        margin=margin,
        jobs=jobs,
    )
    return run(made)
