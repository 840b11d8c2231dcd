"""Results in sentences on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter

from rich.text import Text

from slaibench.cli.tables import mark
from slaibench.measure.capacity import Capacity
from slaibench.measure.server_use import ServerUse, together
from slaibench.report.words import (
    each_alone,
    plain_change,
    plain_interval,
    plain_number,
    plain_share,
    plural,
)
from slaibench.spec import Convention, StudySpec
from slaibench.studies.capacity import STEADY, CapacityResult
from slaibench.studies.compare import CompareResult, PairComparison
from slaibench.studies.executors import CellResult
from slaibench.studies.sweep import SweepResult
from slaibench.studies.targets import SATURATED, State, whose


def target_lines(result: SweepResult) -> list[Text]:
    """A sweep by its targets: each scheduler's verdicts by rate, then what it carries."""
    lines = [Text(f"targets: {result.spec.slo}")]
    capacities = {capacity.scheduler: capacity for capacity in result.capacities}
    for name, judged in result.by_targets.items():
        lines.append(Text(name, style="bold"))
        rates: dict[tuple[State, str], list[str]] = {}
        for rate, verdict in judged.verdicts.items():
            rates.setdefault((verdict.state, verdict.why), []).append(f"{rate:g}")
        for (state, why), at in rates.items():
            reason = f": {why}" if why else ""
            lines.append(Text(f"  {state.value} at {', '.join(at)} requests/s{reason}"))
        if name in capacities:
            lines += capacity_lines(capacities[name])
    return lines


def capacity_lines(result: CapacityResult) -> list[Text]:
    """The rate, its interval and what ends it in a sentence; then what must be known besides."""
    capacity, slo = result.capacity, result.spec.slo
    text, remarks = Text(), [Text(f"  {remark}") for remark in result.remarks]
    text.append(result.scheduler, style="bold")
    if capacity.rate_rps is None:
        text.append(f": no rate is known to keep {slo}")
        if not result.refused:
            lowest = plain_number(float(result.measured.rates_rps[0]))
            text.append(f"; at {lowest} requests/s, the lowest measured, {_failing(result)}")
        return [text, *remarks]
    if capacity.shape is not None:
        text.append(" carries ")
    else:
        sure = capacity.sure_rps == capacity.rate_rps
        text.append(" carries at least " if sure else " may carry ")
    text.append(f"{plain_number(capacity.rate_rps)} requests/s", style="bold green")
    text.append(limits(capacity, slo, _failing(result)))
    return [text, *remarks]


def limits(capacity: Capacity, slo: str, failing: str) -> str:
    """What is said behind a capacity's rate: its interval, the targets, and what ends it.

    Args:
        slo: targets that it keeps; empty: none of latency could be told.
    """
    interval = ""
    if capacity.ci95 is not None:
        low, high = map(plain_number, capacity.ci95)
        interval = f" (95 % interval {low} to {high})"
    above = "" if capacity.binding is None else f"; above that {failing}"
    kept = f" within {slo}" if slo else " without a growing queue (no latency target could be told)"
    return f"{interval}{kept}{above}"


def _failing(result: CapacityResult) -> str:
    """What ends the capacity, as a clause."""
    capacity = result.capacity
    if result.untold is not None:
        return "the runs cannot tell"
    if capacity.binding is None or capacity.binding == STEADY:
        return SATURATED
    return f"{whose(capacity.binding, capacity.binding_tier)} fails"


def headline(result: CompareResult) -> Text:
    """The comparison in a sentence or two; of more than two schedulers, a line for each against
    the first."""
    alone = len(result.pairs) == 1
    lines = [_against(pair, alone=alone) for pair in result.pairs]
    if beware := each_alone(len(lines)):
        lines.append(Text(beware))
    return Text("\n").join(lines)


def _against(result: PairComparison, *, alone: bool) -> Text:
    text = Text()
    ratio = result.capacity_ratio
    shapes = {side.capacity.shape for side in (result.capacity_a, result.capacity_b)}
    if ratio.value is None:
        which = "" if alone else f"{result.b} against {result.a}: "
        text.append(f"{which}Ratio of capacities: not known. ")
    else:
        text.append(f"{result.b} carries {ratio.value:.2f} times the load of {result.a}", "bold")
        if None in shapes:
            text.append(" or thereabouts: a capacity is only a lower bound")
        elif ratio.ci95 is None:
            text.append(" (no interval: it may be chance)")
        else:
            text.append(f" (95 % interval {ratio.ci95[0]:.2f} to {ratio.ci95[1]:.2f})")
            if ratio.ci95[0] <= 1 <= ratio.ci95[1]:
                text.append("; no difference is shown")
        text.append(". ")
    valid = [r for r in result.rates if not (r.a.invalid or r.b.invalid)]
    comparable = [r for r in valid if r.ttft_p50_change.value is not None]
    steady = [r for r in comparable if not (mark(r.a) or mark(r.b))]
    if steady or comparable:
        top = steady[-1] if steady else comparable[0]
        change = top.ttft_p50_change
        text.append(
            f"Median TTFT at {top.rate_rps:g} requests/s: {plain_change(change.value)}", "bold"
        )
        sure = plain_interval(change, plain_change, " to ")
        text.append(f" (95 % interval {sure}, paired)." if sure else " (no interval).")
    return text


def server_lines(cells: Sequence[CellResult]) -> list[str]:
    """What servers said of themselves at their fullest, a line; none where nothing was read."""
    read = [(use, run.cell) for run in cells if (use := run.summary.server) is not None]
    whole = together([use for use, _ in read])
    if whole is None:
        return []

    def at(peak: Callable[[ServerUse], float | None]) -> str:
        """The lowest load that has the peak."""
        value = peak(whole)
        lowest = min((cell for use, cell in read if peak(use) == value), key=attrgetter("level"))
        return f" {lowest.load}" if len({cell.level for _, cell in read}) > 1 else ""

    parts = []
    if whole.waiting_peak is not None:
        waiting = plural(round(whole.waiting_peak), "request")
        parts.append(f"up to {waiting} waiting{at(lambda use: use.waiting_peak)}")
    if whole.kv_peak is not None:
        full = plain_share(whole.kv_peak)
        parts.append(f"up to {full} of its KV cache in use{at(lambda use: use.kv_peak)}")
    if whole.preemptions is not None:
        parts.append(plural(round(whole.preemptions), "preemption"))
    if whole.prefix_hit_share:
        parts.append(f"{plain_share(whole.prefix_hit_share)} of prompt tokens from its cache")
    who = "" if whole.engines == 1 else f" ({whole.engines} engines in sum, the fullest cache)"
    return [f"server's own metrics{who}: {', '.join(parts)}"] if parts else []


def about_lines(
    about: str, workload_note: str, spec: StudySpec, warnings: Sequence[str] = ()
) -> list[str]:
    """The system under test, the lengths, and what to beware of: goes with every result."""
    sent = f"arrivals: {spec.arrivals_or_default}"
    if spec.concurrency is not None:
        sent = "closed loops: all clients begin at once"
    lines = [about, f"workload: {workload_note}; {sent}"]
    if spec.rates_chosen is not None:
        lines.append(f"rates chosen: {spec.rates_chosen}")
    if spec.convention is Convention.PAPER:
        lines.append("paper conventions: see docs/metrics.md for how they move the numbers")
    return [*lines, *(f"warning: {warning}" for warning in warnings)]
