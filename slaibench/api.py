"""The Python interface: a cell, a sweep, a comparison or a capacity search from a notebook.

import slaibench

swept = slaibench.sweep(["sarathi", "slai"], rates="1:12", gpu="h100")
swept.frame()                       # one row a scheduler and rate
both = slaibench.compare("sarathi", "slai", rates="4:8")
both.capacity_ratio                 # Estimate(value, low, high, n)
one = slaibench.run("slai", rate=6.0)
slaibench.requests_frame(one)       # one row a request
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slaibench.rates import AUTO, Rates, rates_of
from slaibench.recording.record import Recording
from slaibench.spec import StudySpec
from slaibench.spec.study_file import read
from slaibench.studies import capacity as capacity_study
from slaibench.studies import compare as compare_study
from slaibench.studies import sweep as sweep_study
from slaibench.studies.capacity import CapacityResult
from slaibench.studies.compare import CompareResult
from slaibench.studies.executors import OnRay
from slaibench.studies.prepared import prepare
from slaibench.studies.regression import study as regress_study
from slaibench.studies.regression.result import RegressResult
from slaibench.studies.sweep import SweepResult

if TYPE_CHECKING:
    import pandas as pd

RESULTS = Path("results")


def load_study(path: str | Path) -> StudySpec:
    """The specification in a study file (docs/study-files.md).

    ``slaibench.sweep(**slaibench.load_study("study.toml").model_dump(exclude_unset=True))`` runs
    it. How cells run (``[running]``) is for the command line; other fields have their defaults.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no study; the message names the file, the key, the value and the way out.
    """
    return read(Path(path)).spec()


def run(scheduler: str, rate: float, *, seed: int = 0, **spec: Any) -> Recording:
    """Run one cell, without writing it to disk.

    Args:
        scheduler: name, ``name:option=value,...`` or ``path/to/file.py:Class``.
        rate: requests a second.
        seed: of arrivals, lengths and tiers; the same seed gives any scheduler the same requests.
        **spec: further fields of ``slaibench.spec.StudySpec`` (model, backend, device, ...).

    Raises:
        ValueError: a name or value is wrong; the message says what is accepted.
        SchedulerError: the scheduler broke its contract.
        BackendError: the system under test cannot be had.
    """
    study = StudySpec(schedulers=(scheduler,), rates=(rate,), first_seed=seed, **spec)
    with prepare(study) as prepared:
        return prepared.run(prepared.cell(scheduler, rate, seed))


def sweep(
    schedulers: str | Sequence[str] = ("sarathi", "slai"),
    rates: Rates = AUTO,
    *,
    results: str | Path = RESULTS,
    jobs: int | OnRay | None = None,
    **spec: Any,
) -> SweepResult:
    """Latency against load; cells on disk in ``results`` are reused.

    Args and errors as ``slaibench.studies.sweep.plan`` and its ``run``; ``**spec`` as for ``run``
    here. More than one of ``jobs`` runs in worker processes, which need no ``if __name__ ==
    "__main__"`` in a script.
    """
    names = (schedulers,) if isinstance(schedulers, str) else tuple(schedulers)
    study = StudySpec(schedulers=names, rates=rates_of(rates), **spec)
    return sweep_study.run(sweep_study.plan(study, Path(results), jobs=jobs))


def compare(
    a: str | Sequence[str],
    b: str | None = None,
    rates: Rates = AUTO,
    *,
    results: str | Path = RESULTS,
    jobs: int | OnRay | None = None,
    **spec: Any,
) -> CompareResult:
    """Schedulers under the same requests, with the capacity of each.

    Args:
        a: the reference; or a list of all schedulers, the reference first, and no ``b``.
        b: the scheduler that is compared with it.
        rates, results, jobs, spec: as for ``sweep``.

    Raises:
        ValueError: as ``sweep``; there is only one scheduler, or ``b`` stands beside a list.
    """
    if b is not None and not isinstance(a, str):
        raise ValueError(
            f"{b!r} stands after a list of schedulers: put a scheduler into the list, and give "
            "rates as rates=..."
        )
    names = (a,) if isinstance(a, str) else tuple(a)
    names = names if b is None else (*names, b)
    study = StudySpec(schedulers=names, rates=rates_of(rates), **spec)
    return compare_study.run(compare_study.plan(study, Path(results), jobs=jobs))


def capacity(
    scheduler: str,
    *,
    slo: str | None = None,
    results: str | Path = RESULTS,
    jobs: int | OnRay | None = None,
    **spec: Any,
) -> CapacityResult:
    """The largest rate at which a scheduler keeps all SLOs."""
    if slo is not None:
        spec["slo"] = slo
    study = StudySpec(schedulers=(scheduler,), **spec)
    return capacity_study.run(capacity_study.plan(study, Path(results), jobs=jobs))[0]


def regress(
    baseline: str | Path,
    *,
    update: bool = False,
    against: str | None = None,
    margin: float | None = None,
    metrics: Sequence[str] = (),
    results: str | Path | None = None,
    jobs: int | None = None,
    **spec: Any,
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
    plan = regress_study.plan(
        Path(baseline),
        None if results is None else Path(results),
        update=update,
        other=against,
        margin=margin,
        names=metrics,
        jobs=jobs,
        **spec,
    )
    return regress_study.run(plan)


def requests_frame(recording: Recording) -> pd.DataFrame:
    """One row a request, in seconds; ``token_times_s`` holds an array a row."""
    import numpy as np  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415

    table = recording.requests
    columns = {
        field.name: getattr(table, field.name)
        for field in fields(table)
        if not field.name.startswith("token_")
    }
    times = np.split(table.token_times_s, table.token_offsets[1:-1]) if len(table) else []
    return pd.DataFrame(
        {
            **columns,
            "ttft_s": table.ttft_s,
            "last_token_s": table.last_token_s,
            "token_times_s": pd.Series(times, dtype=object),
        }
    )


def steps_frame(recording: Recording) -> pd.DataFrame:
    """One row an engine step."""
    import pandas as pd  # noqa: PLC0415

    return pd.DataFrame(
        {field.name: getattr(recording.steps, field.name) for field in fields(recording.steps)}
    )
