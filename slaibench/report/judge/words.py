"""A judgement's numbers and verdicts in words, the same on a terminal and in Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from slaibench.measure.regression import POWER, ChangeVerdict
from slaibench.report.command import command_line, joined, repeated, seeds
from slaibench.report.regress.words import TENFOLD, value
from slaibench.report.words import listed, plain_change, plural
from slaibench.spec import Device
from slaibench.studies import modes
from slaibench.studies.judge.artefact import ArtefactRow
from slaibench.studies.judge.confirmation import (
    DEVICE_SPREAD,
    MOST_PAIRS,
    Check,
    Confirmation,
)
from slaibench.studies.judge.design import SLO, default_metrics
from slaibench.studies.judge.result import JudgeResult
from slaibench.studies.regression.baseline import DEFAULT_MARGIN
from slaibench.studies.regression.metrics import words as metric_words
from slaibench.studies.regression.result import Row

VERDICTS = {ChangeVerdict.SAME: "same"}
"""Where a judgement says it otherwise: its intervals show that a change is within the margin."""
ARTEFACT = 0.05
"""A mode's share of a change from which on it is worth a warning."""


def verdict(row: Row) -> str:
    return VERDICTS.get(row.verdict, row.verdict.value)


def sides(row: Row) -> tuple[str, str]:
    """The reference's value, and the candidate's."""
    return value(row, row.before), value(row, row.after)


def interval(row: Row) -> str:
    """``-0.3 to +1.2``, in percent; empty without one."""
    if row.low is None or row.high is None:
        return ""
    return f"{_percent(row.low)} to {_percent(row.high)}"


def _percent(end: float) -> str:
    return f"{100 * end:+.1f}" if end <= TENFOLD else f"x{1 + end:.3g}"


def reason(row: Row) -> str:
    """Why a verdict is none, or rests on more than its interval; may be empty."""
    return "" if row.verdict is ChangeVerdict.SAME else row.reason


def detectable(row: Row) -> str:
    """The change that would have been found, either way; empty where no test was made."""
    if row.mde is None:
        return ""
    size = math.expm1(abs(math.log1p(row.mde)))
    return f"{size:.1%}" if size <= TENFOLD else "> tenfold"


def headline(result: JudgeResult) -> str:
    """The verdict on the whole, and where it is given."""
    versus = f"{result.candidate} against {result.reference}"
    if result.identical:
        runs = plural(len({cell.cell.key for cell in result.cells}), "run")
        return f"{versus}: identical; in {runs} every token came at the same time"
    parts = []
    for kind in (ChangeVerdict.BETTER, ChangeVerdict.WORSE):
        moved = result.of(kind)
        if moved:
            parts.append(f"{kind.value} in {_places(moved)}")
    for kind in (ChangeVerdict.SAME, ChangeVerdict.IDENTICAL, ChangeVerdict.UNKNOWN):
        if rows := result.of(kind):
            parts.append(f"{VERDICTS.get(kind, kind.value)} in {len(rows)}")
    return f"{versus}: {'; '.join(parts)}"


def _places(rows: Sequence[Row]) -> str:
    """``TTFT P50 and E2E P50 at 5.4 and 6.5 requests/s, TBT P99 at 6.5 requests/s``."""
    rates: dict[str, list[str]] = {}
    for row in rows:
        rates.setdefault(row.words, []).append(f"{row.rate_rps:g}")
    metrics: dict[str, list[str]] = {}
    for name, at in rates.items():
        metrics.setdefault(listed(at), []).append(name)
    return ", ".join(f"{listed(names)} at {at} requests/s" for at, names in metrics.items())


def mode(result: JudgeResult) -> str:
    """How both sides' batches were decided."""
    return f"both scheduled {modes.mode(result.asynchronous)}"


def artefact(result: JudgeResult) -> Iterator[str]:
    """What of the difference is the mode's, where only one side can be run ahead."""
    if result.synchronous is None or not result.as_given:
        return
    other = result.reference if result.synchronous == result.candidate else result.candidate
    most = max(result.as_given, key=lambda row: abs(math.log1p(row.mode)))
    yield (
        f"as given, {other} decides batches ahead and {result.synchronous} cannot: "
        f"{most.words} at {most.rate_rps:g} requests/s changes by {plain_change(most.change)}, of "
        f"which {plain_change(most.mode)} is the mode (a synchronous class) and "
        f"{plain_change(most.scheduler)} the scheduler"
    )
    yield (
        "the verdicts are of both run synchronously; extend vLLM's AsyncScheduler instead of "
        "Scheduler to be run as stock is"
    )


def artefact_cells(row: ArtefactRow) -> tuple[str, ...]:
    """As given, of the mode, of the scheduler."""
    return tuple(map(plain_change, (row.change, row.mode, row.scheduler)))


def rule(result: JudgeResult) -> str:
    """The design, with what its words mean."""
    design = result.design
    margin = f"{100 * design.margin:.3g}%"
    return (
        f"{plural(design.num_pairs, 'pair')} of runs at each load, with the same requests; all "
        f"{design.comparisons} intervals hold together with {1 - design.error:.0%} probability; "
        f"same: within {margin} either way; MDE: the change that would have got a "
        f"verdict with {POWER:.0%} probability"
    )


def confirmation(result: JudgeResult) -> Iterator[str]:
    """What it takes to confirm it on a device, with the command; nothing where it was one."""
    plan = result.confirmation
    if not result.simulated:
        return
    if plan is None:
        if not result.identical:
            yield f"on a GPU it would take more than {MOST_PAIRS} pairs of runs to confirm this"
        return
    gpu = result.cells[0].cell.gpu
    parts = " and ".join(map(_check, plan.checks))
    yield (
        f"to confirm on a real {gpu}: {plural(plan.num_pairs, 'pair')} of runs, about "
        f"{plan.minutes:.0f} minutes with both starts of the engine ({parts}; pairs there are "
        f"assumed to spread by {DEVICE_SPREAD:.0%} or more):"
    )
    yield confirming_command(result, plan)


def _check(check: Check) -> str:
    at = f"at {check.rate_rps:g} requests/s"
    if check.change is None:
        return f"no change of {metric_words(check.metric)} {at}"
    return f"{plain_change(check.change)} in {metric_words(check.metric)} {at}"


def confirming_command(result: JudgeResult, plan: Confirmation) -> str:
    """The line that runs exactly these pairs, in turns, on a real clock."""
    fields = _fields(result) | {
        "backend": "vllm" if result.spec.backend == "sim" else result.spec.backend,
        **{"device": Device.CUDA.value, "clock": None, "gpu": None, "profile": None},
        **{"kv_blocks": None, "max_context_tokens": None},
    }
    words = [
        *_who(result),
        *("--rates", joined(plan.rates)),
        *seeds(plan.num_pairs),
        *repeated("--metric", plan.metrics),
    ]
    return command_line(words, fields)


def again(result: JudgeResult) -> str:
    """The line that makes the same numbers."""
    spec = result.spec
    fields = _fields(result) | {"clock": None}
    if result.as_given:
        fields["async_scheduling"] = None
    sim = ["--backend", "sim"] if spec.backend == "sim" else []
    words = [*_who(result), *sim, "--rates", joined(spec.rates), *seeds(spec.num_seeds)]
    design = result.design
    if design.margin != DEFAULT_MARGIN:
        words += ["--margin", f"{design.margin:g}"]
    if design.metrics != default_metrics():
        words += repeated("--metric", design.metrics)
    return command_line(words, fields)


def _fields(result: JudgeResult) -> dict[str, object]:
    """What was run, without what the command takes by itself."""
    own = {"rates_chosen": None, "early_stop": None}
    slo = None if result.spec.slo == SLO else result.spec.slo
    return {**result.spec.to_json(), **own, "slo": slo}


def _who(result: JudgeResult) -> tuple[str, ...]:
    return "judge", result.candidate, result.reference


def about(result: JudgeResult) -> Iterator[str]:
    """What was run, by which rule, and what to beware of."""
    spec = result.spec
    yield f"{result.about}; {mode(result)}"
    yield f"workload: {result.workload_note}; arrivals: {spec.arrivals_or_default}"
    if spec.rates_chosen is not None:
        yield f"loads chosen: {spec.rates_chosen}"
    yield rule(result)
    yield from (f"a run is no measurement: {reason}" for reason in result.invalid)
    yield from (f"note: {note}" for note in result.notes)
    yield from (f"warning: {warning}" for warning in result.warnings)
