"""The paper's figures, redrawn: a panel under its conventions, and one under strict ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from slaibench.catalog.published import bari2025
from slaibench.recording import store
from slaibench.report.figures.axes import Mark, marks_of, scaled
from slaibench.report.figures.course import course
from slaibench.report.figures.drawing import Drawn, finished
from slaibench.report.figures.latency import against_rate, distribution_panel
from slaibench.report.figures.panel import Panel
from slaibench.report.figures.style import Look, looks, styled
from slaibench.report.paper.panels import (
    bars_panel,
    batch_panel,
    budget_panel,
    length_panel,
    over_time_panel,
)
from slaibench.spec import Convention
from slaibench.study.estimate import Estimate
from slaibench.study.paper.figures import (
    FIGURES,
    HIGH_RPS,
    LABELS,
    SLAI,
    SLAI_PRIORITY,
    Figure,
    Kind,
)
from slaibench.study.paper.load import Load
from slaibench.study.paper.result import PaperResult
from slaibench.study.paper.series import buckets, mean_ttft, published_points, served
from slaibench.study.paper.spec import TBT_SLO_S
from slaibench.study.point import Point, measured_ttft

CONVENTION = {Convention.PAPER: "paper's conventions", Convention.STRICT: "strict conventions"}
TTFT_TARGET = ((0.5, "0.5 s"),)
Draw = Callable[[Figure, Load, Mapping[str, Look]], list[Panel]]


def draw(result: PaperResult) -> dict[str, list[Drawn]]:
    """``panels`` as files.

    Raises:
        RecordingError: as ``panels``.
    """
    with styled():
        return finished(panels(result))


def panels(result: PaperResult) -> dict[str, list[Panel]]:
    """Panels by figure, as ``FIGURES`` names them.

    Raises:
        RecordingError: a recording that is shown in time cannot be read.
    """
    look = looks(result.schedulers, dict(LABELS))
    found: dict[str, list[Panel]] = {}
    for name in result.asked.figures:
        figure = FIGURES[name]
        if figure.mix is None:
            found[name] = _batches(result, figure)
            continue
        each = [_LOADS[figure.kind](figure, load, look) for load in result.loads[figure.mix]]
        # Side by side: what the two conventions say of the same thing.
        found[name] = [panel for pair in zip(*each, strict=True) for panel in pair]
    return found


def _batches(result: PaperResult, figure: Figure) -> list[Panel]:
    found = result.batches
    if figure.kind is Kind.BUDGETS:
        return budget_panel(found.budgets, bari2025().token_budgets)
    if figure.kind is Kind.BLOCKS:
        return [bars_panel(found.blocks)]
    return [batch_panel(found.batches)]


def _name(figure: Figure, load: Load, what: str = "") -> str:
    return "-".join(filter(None, (f"fig-{figure.name}", what, load.convention.value)))


def _titled(what: str, load: Load) -> str:
    return f"{what}, {CONVENTION[load.convention]}"


def _median(figure: Figure, load: Load, look: Mapping[str, Look]) -> list[Panel]:
    published = [
        (point["scheduler"], point["rate_rps"], point["ttft_p50_s"])
        for point in published_points(figure)
    ]
    series = {
        name: marks_of(load.of(name), lambda point: point.ttft_s["p50"])
        for name in figure.schedulers
    }
    return [
        against_rate(
            series,
            look,
            load.spec.rates,
            _name(figure, load, "ttft" if figure.kind is Kind.MIX else ""),
            _titled("Median TTFT", load),
            "s",
            TTFT_TARGET,
            published,
        )
    ]


def _tail(tier: str) -> Draw:
    def pick(point: Point) -> Estimate | None:
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
                _name(figure, load, tier if figure.kind is Kind.MIX else ""),
                f"P99 TBT, {tier}, {CONVENTION[load.convention]}",
                "ms",
                [(slo_ms, f"SLO {slo_ms:g} ms")],
            )
        ]

    return panels


def _mix(figure: Figure, load: Load, look: Mapping[str, Look]) -> list[Panel]:
    parts = (_median, _tail("paying"), _tail("free"))
    return [panel for part in parts for panel in part(figure, load, look)]


def _priority(figure: Figure, load: Load, look: Mapping[str, Look]) -> list[Panel]:
    """Median TTFT of each tier under both orders: a colour an order, a mark a tier."""
    del look
    names = {SLAI: "SPF", SLAI_PRIORITY: "paying first"}
    keys = {
        f"{who}-{tier}": (who, tier, f"{text}: {tier}")
        for who, text in names.items()
        for tier in TBT_SLO_S
    }
    own = looks(list(keys), {key: label for key, (_, _, label) in keys.items()})

    def marks(who: str, tier: str) -> list[Mark]:
        def pick(point: Point) -> Estimate | None:
            return point.tiers[tier].ttft_p50_s if tier in point.tiers else None

        return marks_of(load.of(who), pick)

    series = {key: marks(who, tier) for key, (who, tier, _) in keys.items()}
    title = _titled("Median TTFT by tier", load)
    return [
        against_rate(series, own, load.spec.rates, _name(figure, load), title, "s", TTFT_TARGET)
    ]


def _memory(figure: Figure, load: Load, look: Mapping[str, Look]) -> list[Panel]:
    lines = {}
    for name in figure.schedulers:
        cells = [
            cell
            for cell in load.cells
            if cell.cell.scheduler == name and cell.cell.rate_rps == HIGH_RPS
        ]
        if cells:
            recording = store.read(min(cells, key=lambda each: each.cell.seed).folder)
            blocks, end_s = int(recording.run["kv_blocks"]), float(recording.run["end_s"])
            found = course(recording.steps, blocks, end_s)
            lines[name] = (found.middle_s, 100 * found.kv_mean)
    title = _titled("KV blocks in use", load)
    return [over_time_panel(lines, look, _name(figure, load), title)]


def _distribution(figure: Figure, load: Load, look: Mapping[str, Look]) -> list[Panel]:
    samples = {}
    for name in figure.schedulers:
        digests = load.digests(name, HIGH_RPS)
        if digests:
            samples[name] = np.sort(np.concatenate([measured_ttft(each) for each in digests]))
    known = np.concatenate([sample[np.isfinite(sample)] for sample in samples.values()] or [[]])
    known = known[known > 0]
    span = (float(known.min()) / 1.1, float(known.max()) * 1.3) if len(known) else None
    return [
        distribution_panel(
            samples, look, span, (0.5,), name=_name(figure, load), title=_titled("TTFT", load)
        )
    ]


def _served(figure: Figure, load: Load, look: Mapping[str, Look]) -> list[Panel]:
    series = {}
    for name in figure.schedulers:
        digests = load.digests(name, HIGH_RPS)
        series[name] = [
            ((low + high) / 2, served(same, digests)) for low, high, same in buckets(digests)
        ]
    title = _titled("Requests served", load)
    return [length_panel(series, look, _name(figure, load), title, "requests served a minute")]


def _mean_ttft(figure: Figure, load: Load, look: Mapping[str, Look]) -> list[Panel]:
    series = {}
    for name in figure.schedulers:
        digests = load.digests(name, HIGH_RPS)
        series[name] = [((low + high) / 2, mean_ttft(same)) for low, high, same in buckets(digests)]
    title = _titled("Mean TTFT", load)
    return [
        length_panel(series, look, _name(figure, load), title, "mean TTFT (s, log scale)", log=True)
    ]


_LOADS: dict[Kind, Draw] = {
    Kind.TTFT: _median,
    Kind.TBT_PAYING: _tail("paying"),
    Kind.TBT_FREE: _tail("free"),
    Kind.MIX: _mix,
    Kind.PRIORITY: _priority,
    Kind.MEMORY: _memory,
    Kind.DISTRIBUTION: _distribution,
    Kind.SERVED: _served,
    Kind.MEAN_TTFT: _mean_ttft,
}
