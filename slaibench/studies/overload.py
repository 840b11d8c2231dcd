"""A scheduler's saturated throughput: one run with more load than any scheduler serves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

from slaibench.measure.saturated import SaturatedThroughput
from slaibench.measure.steady import Steadiness
from slaibench.spec import CellSpec, Convention
from slaibench.studies.bound.limits import BoundMaker
from slaibench.studies.executors import CellResult
from slaibench.studies.prepared import PreparedStudy
from slaibench.studies.run_summary import RunSummary
from slaibench.workloads.arrivals import ArrivalKind, ArrivalProcess

LOAD = 1.1
"""Of the capacity bound, which no scheduler exceeds: enough to fill any, and near enough to the
boundary that who is starved there is starved here."""
NUM_REQUESTS = 2000
SURELY_CARRIED = 0.95
"""Of the saturated throughput: below, a number in system that grows is not overload."""


def overload_cells(
    prepared: PreparedStudy, schedulers: Sequence[str] | None = None
) -> list[CellSpec]:
    """One run a scheduler that measures its saturated throughput.

    With Poisson arrivals, whatever the study's, and not all requests at once: a burst lets an order
    by length serve them sorted, which is another mix. None where times come from no profile or
    decodes yield several tokens (then there is no bound to exceed), in real time, where no run is
    to end early (a study of the runs themselves), or under the paper's conventions, which have no
    such rule.

    Args:
        schedulers: some of the study's; None: all.
    """
    identity = prepared.system.identity()
    if (
        prepared.spec.backend != "sim"
        or prepared.spec.convention is Convention.PAPER
        or prepared.spec.early_stop is False
        or not prepared.process.takes_rate
        or prepared.spec.speculative_tokens is not None
        or not identity["kv_blocks"]
        or identity["profile_fingerprint"] is None
    ):
        return []
    maker = BoundMaker(prepared)
    bound = maker.bound(maker.work(prepared.source))
    prices = {"bound_rps": bound.rate_rps, **asdict(bound.prices)}
    rate_rps = float(f"{LOAD * bound.rate_rps:.4g}")
    return [
        prepared.cell(scheduler, rate_rps, prepared.spec.first_seed, NUM_REQUESTS).model_copy(
            update={
                "overload": prices,
                "arrivals": str(ArrivalProcess(ArrivalKind.POISSON)),
                "horizon_s": None,
                "early_stop": False,
            }
        )
        for scheduler in (prepared.spec.schedulers if schedulers is None else schedulers)
    ]


def throughput_of(cells: Sequence[CellResult], scheduler: str) -> SaturatedThroughput | None:
    """The saturated throughput among these cells; None: it was not measured."""
    for result in cells:
        if result.cell.overload is not None and result.cell.scheduler == scheduler:
            throughput: SaturatedThroughput | None = result.summary.throughput
            return throughput
    return None


def under_load(cells: Sequence[CellResult]) -> list[CellResult]:
    """The cells that are points of a study: all but those that measure saturated throughputs.

    A run that looks steady at a rate beyond its scheduler's saturated throughput was lucky: its
    requests were fewer or shorter than the workload's. It cannot tell. One whose number in system
    still fills, at a rate well below it, while nobody waits longer, is steady for all that counts.
    """
    out = []
    for result in cells:
        if result.cell.overload is not None:
            continue
        throughput = throughput_of(cells, result.cell.scheduler)
        summary: RunSummary = result.summary
        if (
            throughput is not None
            and summary.state is Steadiness.STEADY
            and result.cell.rate_rps >= throughput.low
        ):
            reason = (
                f"{result.cell.rate_rps:g} requests/s are no less than its saturated throughput of "
                f"{throughput.rate_rps:.4g} [{throughput.low:.4g}, {throughput.high:.4g}]"
            )
            verdict = replace(summary.steadiness, state=Steadiness.CANNOT_TELL, reason=reason)
            out.append(replace(result, summary=replace(summary, steadiness=verdict)))
        elif (
            throughput is not None
            and summary.steadiness.filling
            and summary.stopped_early is None
            and result.cell.rate_rps <= SURELY_CARRIED * throughput.low
        ):
            reason = (
                f"nobody waits longer, and {result.cell.rate_rps:g} requests/s are well below its "
                f"saturated throughput of {throughput.rate_rps:.4g}: what grows is still filling"
            )
            verdict = replace(summary.steadiness, state=Steadiness.STEADY, reason=reason)
            out.append(replace(result, summary=replace(summary, steadiness=verdict)))
        else:
            out.append(result)
    return out
