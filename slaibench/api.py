"""The Python interface: studies from a notebook or a script, as values.

import slaibench

swept = slaibench.sweep(["sarathi", "slai"], rates="1:12", gpu="h100")
swept                               # in a notebook: the answer and the page's tables
swept.plot("capacity")              # a matplotlib figure
swept.frame()                       # one row a scheduler and rate
both = slaibench.compare("sarathi", "slai", rates="4:8")
both.capacity_ratio                 # Estimate(value, low, high, n)
one = slaibench.run("slai", rate=6.0)
slaibench.requests_frame(one)       # one row a request
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Unpack, overload

from slaibench.rates import AUTO, Rates, rates_of
from slaibench.recording.frames import requests_frame as requests_frame  # noqa: PLC0414  (of the interface)
from slaibench.recording.frames import steps_frame as steps_frame  # noqa: PLC0414  (of the interface)
from slaibench.recording.record import Recording
from slaibench.report import display  # noqa: F401  (registers how results are shown)
from slaibench.report.progress import shown
from slaibench.spec import StudySpec
from slaibench.spec.keywords import (
    CapacityFields,
    CellFields,
    EndpointFields,
    ServerFields,
    SpecFields,
    spelled_out,
)
from slaibench.spec.study_file import load_study as load_study  # noqa: PLC0414  (of the interface)
from slaibench.studies import capacity as capacity_study
from slaibench.studies import compare as compare_study
from slaibench.studies import paced
from slaibench.studies import sweep as sweep_study
from slaibench.studies.bound import study as bound_study
from slaibench.studies.bound.result import BoundResult
from slaibench.studies.bound.spec import BUDGETS, MAP_LOADS, MAP_OUTPUTS, BoundSpec
from slaibench.studies.bound.spec import SCHEDULERS as BOUND_SCHEDULERS
from slaibench.studies.capacity import CapacityResult
from slaibench.studies.closed_by_keywords import closed_loop as closed_loop  # noqa: PLC0414  (of the interface)
from slaibench.studies.closed_result import ClosedResult as ClosedResult  # noqa: PLC0414
from slaibench.studies.compare import CompareResult
from slaibench.studies.crosscheck import study as crosscheck_study
from slaibench.studies.crosscheck.study import CrosscheckResult
from slaibench.studies.executors import OnRay
from slaibench.studies.from_disk import load as load  # noqa: PLC0414  (of the interface)
from slaibench.studies.judge.by_keywords import judge as judge  # noqa: PLC0414  (of the interface)
from slaibench.studies.judge.result import JudgeResult as JudgeResult  # noqa: PLC0414
from slaibench.studies.paced_result import PacedResult
from slaibench.studies.prepared import prepare
from slaibench.studies.regression.by_keywords import regress as regress  # noqa: PLC0414  (of the interface)
from slaibench.studies.regression.result import RegressResult as RegressResult  # noqa: PLC0414
from slaibench.studies.sweep import SweepResult

RESULTS = Path("results")


@spelled_out(CellFields)
def run(scheduler: str, rate: float, *, seed: int = 0, **spec: Unpack[CellFields]) -> Recording:
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
    fields = {"schedulers": (scheduler,), "rates": (rate,), "first_seed": seed, **spec}
    study = StudySpec.model_validate(fields)
    with prepare(study) as prepared:
        return prepared.run(prepared.cell(scheduler, rate, seed))


@spelled_out(SpecFields)
def sweep(
    schedulers: str | Sequence[str] = ("sarathi", "slai"),
    rates: Rates = AUTO,
    *,
    results: str | Path = RESULTS,
    jobs: int | OnRay | None = None,
    progress: bool | None = None,
    **spec: Unpack[SpecFields],
) -> SweepResult:
    """Latency against load; cells on disk in ``results`` are reused.

    Args and errors as ``slaibench.studies.sweep.plan`` and its ``run``; ``**spec`` as for ``run``
    here. More than one of ``jobs`` runs in worker processes, which need no ``if __name__ ==
    "__main__"`` in a script. ``progress``: show how far it is, on stderr or below a notebook's
    cell; None: in a notebook.
    """
    study = _study(schedulers, rates, spec)
    plan = sweep_study.plan(study, Path(results), jobs=jobs)
    with shown("sweep", plan, progress) as on_cell:
        return sweep_study.run(plan, on_cell)


@spelled_out(EndpointFields)
def replay(
    url: str,
    rates: Rates = 1,
    *,
    label: str = "endpoint",
    num_seeds: int = 1,
    results: str | Path = RESULTS,
    progress: bool | None = None,
    **spec: Unpack[EndpointFields],
) -> SweepResult:
    """Load on a server that is there already: any OpenAI-compatible URL.

    Args:
        label: what the server's own scheduler is called.

    Raises:
        ValueError, RecordingError, BackendError: as ``sweep``.
    """
    fields = {**spec, "backend": "endpoint", "url": url, "num_seeds": num_seeds}
    study = _study((label,), rates, fields)
    plan = sweep_study.plan(study, Path(results))
    with shown("replay", plan, progress) as on_cell:
        return sweep_study.run(plan, on_cell)


@spelled_out(SpecFields)
def compare(
    a: str | Sequence[str],
    b: str | None = None,
    rates: Rates = AUTO,
    *,
    results: str | Path = RESULTS,
    jobs: int | OnRay | None = None,
    progress: bool | None = None,
    **spec: Unpack[SpecFields],
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
    study = _study(names, rates, spec)
    plan = compare_study.plan(study, Path(results), jobs=jobs)
    with shown("compare", plan, progress) as on_cell:
        return compare_study.run(plan, on_cell)


@overload
def capacity(
    scheduler: str,
    *,
    results: str | Path = RESULTS,
    jobs: int | OnRay | None = None,
    progress: bool | None = None,
    **spec: Unpack[SpecFields],
) -> CapacityResult: ...


@overload
def capacity(
    *,
    results: str | Path = RESULTS,
    progress: bool | None = None,
    **spec: Unpack[ServerFields],
) -> PacedResult: ...


@spelled_out(CapacityFields)
def capacity(
    scheduler: str | None = None,
    *,
    results: str | Path = RESULTS,
    jobs: int | OnRay | None = None,
    progress: bool | None = None,
    **spec: Unpack[CapacityFields],
) -> CapacityResult | PacedResult:
    """The largest rate at which all SLOs are kept: by a scheduler, or by a server at a ``url``.

    Args:
        scheduler: whose; none with a ``url``, where the server's own decides.
        minutes, max_rate_rps: of a server: the time that the search may take (5), and the load
            that it never exceeds (100). It leaves a server alone that fails; Ctrl-C (a notebook's
            stop) ends it with what was measured until then.

    Raises:
        ValueError, RecordingError, BackendError, SchedulerError: as ``sweep``; or there is neither
            a scheduler nor a ``url``, or both.
    """
    if spec.get("url") is not None:
        if scheduler is not None or jobs not in (None, 1) or "num_seeds" in spec:
            raise ValueError(
                "a server at a url has a scheduler of its own, and minutes decide how much is run: "
                "leave scheduler, jobs and num_seeds out"
            )
        fields = {**spec, "backend": "endpoint", "num_seeds": 1}
        server_plan = paced.plan(_study(("endpoint",), AUTO, fields), Path(results))
        with shown("capacity", server_plan, progress) as on_cell:
            return paced.run(server_plan, on_cell)
    if scheduler is None:
        raise ValueError("name a scheduler, as capacity('slai'), or a server: url='http://...'")
    study = _study((scheduler,), AUTO, spec)
    plan = capacity_study.plan(study, Path(results), jobs=jobs)
    with shown("capacity", plan, progress) as on_cell:
        return capacity_study.run(plan, on_cell)[0]


@spelled_out(SpecFields)
def bound(
    schedulers: str | Sequence[str] = BOUND_SCHEDULERS,
    *,
    outputs: Sequence[int] = MAP_OUTPUTS,
    loads: Sequence[float] = MAP_LOADS,
    budgets: Sequence[int] = BUDGETS,
    rad: bool = True,
    results: str | Path = RESULTS,
    jobs: int | OnRay | None = None,
    progress: bool | None = None,
    **spec: Unpack[SpecFields],
) -> BoundResult:
    """The rate that no scheduler exceeds, and how close each comes to it.

    Args:
        outputs, loads: of the stability maps; no ``outputs``: no maps.
        budgets: token budgets of Sarathi-Serve that are compared.
        rad: whether RAD is run under the paper's batch-time model.

    Raises:
        ValueError, RecordingError, BackendError, SchedulerError: as ``sweep``.
    """
    of_rad = BoundSpec.cycles, BoundSpec.tiles
    cycles, tiles = of_rad if rad else ((), ())
    made = BoundSpec(
        _study(schedulers, AUTO, spec),
        outputs=tuple(outputs),
        loads=tuple(loads),
        budgets=tuple(budgets),
        cycles=cycles,
        tiles=tiles,
    )
    plan = bound_study.plan(made, Path(results), jobs=jobs)
    with shown("bound", None, progress) as on_cell:
        return bound_study.run(plan, on_cell)


@spelled_out(SpecFields)
def validate(
    between: Sequence[str] = ("sim", "vllm"),
    schedulers: str | Sequence[str] = ("sarathi", "slai"),
    rates: Rates = 1,
    *,
    results: str | Path = RESULTS,
    jobs: int | None = None,
    progress: bool | None = None,
    **spec: Unpack[SpecFields],
) -> CrosscheckResult:
    """The same requests on several backends: how far they agree with the first.

    Args:
        between: as ``--between``: ``sim``, ``vllm:cpu``, ...

    Raises:
        ValueError, RecordingError, BackendError, SchedulerError: as ``sweep``.
    """
    study = _study(schedulers, rates, spec)
    plan = crosscheck_study.plan(study, list(between), Path(results), jobs=jobs)
    with shown("validate", None, progress) as on_cell:
        return crosscheck_study.run(plan, on_cell)


def _study(
    schedulers: str | Sequence[str], rates: Rates, fields: Mapping[str, object]
) -> StudySpec:
    names = (schedulers,) if isinstance(schedulers, str) else tuple(schedulers)
    return StudySpec.model_validate({"schedulers": names, "rates": rates_of(rates), **fields})
