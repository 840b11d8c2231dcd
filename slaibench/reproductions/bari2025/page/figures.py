"""The paper's figures, redrawn: a panel under its conventions, and one under strict ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from slaibench.recording import store
from slaibench.report.figures.axes import Mark, marks_of, scaled
from slaibench.report.figures.course import course
from slaibench.report.figures.latency import against_rate
from slaibench.report.figures.panel import Panel
from slaibench.report.figures.style import Look, looks
from slaibench.reproductions.bari2025.figures import (
    FIGURES,
    HIGH_RPS,
    LABELS,
    VLLM,
    Figure,
    Kind,
)
from slaibench.reproductions.bari2025.load import Load
from slaibench.reproductions.bari2025.page.panels import (
    bars_panel,
    batch_panel,
    budget_panel,
    length_panel,
    over_time_panel,
    tier_panel,
)
from slaibench.reproductions.bari2025.published import bari2025
from slaibench.reproductions.bari2025.result import PaperResult
from slaibench.reproductions.bari2025.series import (
    buckets,
    by_tier,
    mean_ttft,
    published_points,
    served,
)
from slaibench.reproductions.bari2025.spec import TBT_SLO_S
from slaibench.spec import Convention
from slaibench.studies.estimate import Estimate
from slaibench.studies.operating_point import OperatingPoint

CONVENTION = {Convention.PAPER: "paper's conventions", Convention.STRICT: "strict conventions"}
TTFT_TARGET = ((0.5, "0.5 s"),)
ROOM = 1.12
"""Of a linear axis, over the largest value that is kept on it."""
Draw = Callable[[Figure, Load, Mapping[str, Look]], list[Panel]]


def panels(result: PaperResult) -> dict[str, list[Panel]]:
    """Panels by figure, as ``FIGURES`` names them.

    Raises:
        RecordingError: a recording that is shown in time cannot be read.
    """
    look = looks(result.schedulers, dict(LABELS))
    drawn: dict[str, list[Panel]] = {}
    for name in result.spec.figures:
        figure = FIGURES[name]
        if figure.mix is None:
            drawn[name] = _batches(result, figure)
            continue
        both = [_LOADS[figure.kind](figure, load, look) for load in result.loads[figure.mix]]
        # Side by side: what the two conventions say of the same thing.
        drawn[name] = [panel for pair in zip(*both, strict=True) for panel in pair]
    return drawn


def _batches(result: PaperResult, figure: Figure) -> list[Panel]:
    batches = result.batches
    if figure.kind is Kind.BUDGETS:
        return budget_panel(batches.budgets, bari2025().token_budgets)
    if figure.kind is Kind.BLOCKS:
        return [bars_panel(batches.blocks)]
    return [batch_panel(batches.batches)]


def _name(figure: Figure, load: Load) -> str:
    return f"fig-{figure.name}-{load.convention.value}"


def _titled(what: str, load: Load) -> str:
    return f"{what}, {CONVENTION[load.convention]}"


def _median(figure: Figure, load: Load, look: Mapping[str, Look]) -> list[Panel]:
    """On a linear axis as long as all but prefill first need: its median leaves the panel."""
    published = [
        (point["scheduler"], point["rate_rps"], point["ttft_p50_s"])
        for point in published_points(figure)
    ]
    kept = [
        mark.shown or 0.0
        for name in figure.schedulers
        if name != VLLM
        for mark in _medians(load, name)
    ]
    top = ROOM * max([*kept, *(value for _, _, value in published)])
    return [_median_panel(figure, load, look, published, top)]


def _median_log(figure: Figure, load: Load, look: Mapping[str, Look]) -> list[Panel]:
    return [_median_panel(figure, load, look, [], None)]


def _medians(load: Load, scheduler: str) -> list[Mark]:
    return marks_of(load.of(scheduler), lambda point: point.ttft_s["p50"])


def _median_panel(
    figure: Figure,
    load: Load,
    look: Mapping[str, Look],
    published: Sequence[tuple[str, float, float]],
    top: float | None,
) -> Panel:
    return against_rate(
        {name: _medians(load, name) for name in figure.schedulers},
        look,
        load.spec.rates,
        _name(figure, load),
        _titled("Median TTFT", load),
        "s",
        TTFT_TARGET,
        published,
        top=top,
    )


def _tail(tier: str) -> Draw:
    def pick(point: OperatingPoint) -> Estimate | None:
        return point.tiers[tier].tbt_p99_s if tier in point.tiers else None

    def panels(figure: Figure, load: Load, look: Mapping[str, Look]) -> list[Panel]:
        series = {
            name: [scaled(mark, 1e3) for mark in marks_of(load.of(name), pick)]
            for name in figure.schedulers
        }
        slo_ms = 1e3 * TBT_SLO_S[tier]
        return [
            against_rate(
                series,
                look,
                load.spec.rates,
                _name(figure, load),
                f"P99 TBT, {tier}, {CONVENTION[load.convention]}",
                "ms",
                [(slo_ms, f"SLO {slo_ms:g} ms")],
            )
        ]

    return panels


def _memory(figure: Figure, load: Load, look: Mapping[str, Look]) -> list[Panel]:
    lines = {}
    for name in figure.schedulers:
        cells = [
            cell
            for cell in load.cells
            if cell.cell.scheduler == name and cell.cell.rate_rps == HIGH_RPS
        ]
        if cells:
            recording = store.read(min(cells, key=lambda cell: cell.cell.seed).folder)
            blocks, end_s = int(recording.run["kv_blocks"]), float(recording.run["end_s"])
            memory = course(recording.steps, blocks, end_s)
            lines[name] = (memory.middle_s, 100 * memory.kv_mean)
    title = _titled("KV blocks in use", load)
    return [over_time_panel(lines, look, _name(figure, load), title)]


def _served(figure: Figure, load: Load, look: Mapping[str, Look]) -> list[Panel]:
    series = {}
    for name in figure.schedulers:
        summaries = load.summaries(name, HIGH_RPS)
        series[name] = [
            ((low + high) / 2, served(same, summaries)) for low, high, same in buckets(summaries)
        ]
    title = _titled("Requests served", load)
    return [length_panel(series, look, _name(figure, load), title, "requests served a minute")]


def _mean_ttft(figure: Figure, load: Load, look: Mapping[str, Look]) -> list[Panel]:
    series = {}
    for name in figure.schedulers:
        summaries = load.summaries(name, HIGH_RPS)
        series[name] = [
            ((low + high) / 2, mean_ttft(same)) for low, high, same in buckets(summaries)
        ]
    title = _titled("Mean TTFT", load)
    return [
        length_panel(series, look, _name(figure, load), title, "mean TTFT (s, log scale)", log=True)
    ]


def _by_tier(figure: Figure, load: Load, look: Mapping[str, Look]) -> list[Panel]:
    (name,) = figure.schedulers
    summaries = load.summaries(name, HIGH_RPS)
    means = [(tier, by_tier(summaries, tier)) for tier in TBT_SLO_S]
    title = _titled("Mean TTFT by tier", load)
    return [tier_panel(means, look[name], _name(figure, load), title)]


_LOADS: dict[Kind, Draw] = {
    Kind.TBT_PAYING: _tail("paying"),
    Kind.TBT_FREE: _tail("free"),
    Kind.TTFT: _median,
    Kind.TTFT_LOG: _median_log,
    Kind.MEMORY: _memory,
    Kind.SERVED: _served,
    Kind.MEAN_TTFT: _mean_ttft,
    Kind.BY_TIER: _by_tier,
}
