"""Figures over time: what the engine held and ran, and how many requests were in the system."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from slaibench.measure.steady import left_s, served_s
from slaibench.measure.trend import num_in_system
from slaibench.recording import store
from slaibench.recording.record import FloatArray, Recording, RequestTable, StepTable
from slaibench.report.figures.axes import scheduler_handles
from slaibench.report.figures.chart import Chart, ChartAxis, ChartSeries, LineShape
from slaibench.report.figures.interactive import MOST_NAMED, line_series, lines_chart, name_of
from slaibench.report.figures.panel import Panel, file_name
from slaibench.report.figures.style import INK, Look, legend, lighter, panel
from slaibench.report.subject import Subject
from slaibench.report.words import rate as rate_text
from slaibench.studies.executors import CellResult

NUM_BINS = 200
TIME = ChartAxis("time", "s")


@dataclass(frozen=True, slots=True)
class Course:
    """Steps of a run brought to equal bins of time, shape (bins,); NaN in a bin without a step.

    Args:
        middle_s: the bins' middles.
        kv_mean, kv_peak: share of KV blocks in use: mean over time, and largest.
        prefill, decodes, critical: tokens of a batch, mean over the bin's batches; ``critical``
            is part of ``decodes``.
    """

    middle_s: FloatArray
    kv_mean: FloatArray
    kv_peak: FloatArray
    prefill: FloatArray
    decodes: FloatArray
    critical: FloatArray


def course(steps: StepTable, kv_blocks: int, end_s: float) -> Course:
    """Means over equal bins of time; a step belongs to the bin of its start."""
    edges = np.linspace(0, max(end_s, 1e-9), NUM_BINS + 1)
    place = np.clip(np.searchsorted(edges, steps.start_s, side="right") - 1, 0, NUM_BINS - 1)
    lengths = steps.end_s - steps.start_s
    peak = np.full(NUM_BINS, np.nan)
    np.fmax.at(peak, place, steps.kv_blocks_used / kv_blocks)

    def mean(values: FloatArray, weights: FloatArray) -> FloatArray:
        total = np.bincount(place, weights, NUM_BINS)
        summed = np.bincount(place, weights * values, NUM_BINS)
        missing = np.full(NUM_BINS, np.nan)
        return np.asarray(np.divide(summed, total, out=missing, where=total > 0))

    equal = np.ones(len(steps))
    return Course(
        middle_s=(edges[1:] + edges[:-1]) / 2,
        kv_mean=mean(steps.kv_blocks_used / kv_blocks, lengths),
        kv_peak=peak,
        prefill=mean(steps.prefill_tokens.astype(np.float64), equal),
        decodes=mean(steps.decodes.astype(np.float64), equal),
        critical=mean(steps.critical_decodes.astype(np.float64), equal),
    )


def engine(
    subject: Subject, looks: Mapping[str, Look], recordings: Mapping[str, Recording]
) -> list[Panel]:
    """KV use and batch make-up over time, a panel for each scheduler.

    Args:
        recordings: by scheduler; one without steps gives no panel.
    """
    panels = []
    for name, recording in recordings.items():
        kv_blocks = recording.run.get("kv_blocks")
        if not len(recording.steps) or not kv_blocks:
            continue
        over_time = course(recording.steps, kv_blocks, float(recording.run["end_s"]))
        panels.append(_engine_panel(over_time, looks[name], _cut_s(subject, name), name))
    return panels


def _engine_panel(course: Course, look: Look, cut_s: float, name: str) -> Panel:
    from matplotlib.patches import Patch  # noqa: PLC0415

    figure, (above, below) = panel(4.1, rows=2, ratios=(1, 1.25))
    above.fill_between(course.middle_s, 0, 100 * course.kv_peak, color=look.colour, alpha=0.2, lw=0)
    above.plot(course.middle_s, 100 * course.kv_mean, color=look.colour, linewidth=1.2)
    above.set_ylim(0, 103)
    above.set_ylabel("KV in use (%)")
    above.set_title(look.label)
    quiet = [np.nan_to_num(part) for part in (course.critical, course.decodes, course.prefill)]
    critical, waiting, prefill = quiet[0], quiet[1] - quiet[0], quiet[2]
    tints = ((look.colour, 1.0), (look.colour, 0.55), (look.colour, 0.18))
    below.stackplot(
        course.middle_s,
        critical,
        waiting,
        prefill,
        colors=[(colour, alpha) for colour, alpha in tints],
        linewidth=0,
    )
    below.set_ylim(bottom=0)
    below.set_ylabel("tokens in a batch")
    below.set_xlabel("time (s)")
    for ax in (above, below):
        ax.axvspan(0, cut_s, color="#000000", alpha=0.06, linewidth=0)
        ax.set_xlim(0, float(course.middle_s[-1] + course.middle_s[0]))
    names = ("critical decodes", "other decodes", "prefill tokens")
    handles = [Patch(color=tint, label=label) for tint, label in zip(tints, names, strict=True)]
    if cut_s > 0:
        handles.append(Patch(color=("#000000", 0.06), label="warm-up, cut"))
    legend(figure, handles)
    chart = _engine_chart(course, look, quiet, cut_s)
    return Panel(file_name("07-engine", look.label), chart.finding, figure, chart)


def _engine_chart(course: Course, look: Look, tokens: Sequence[FloatArray], cut_s: float) -> Chart:
    """KV use above, and below it what a mean batch holds.

    Args:
        tokens: critical decodes, all decodes, prefill.
    """
    x = course.middle_s
    axis = replace(TIME, domain=(0.0, float(x[-1] + x[0])))
    cut = [(0.0, cut_s, "")] if cut_s > 0 else []
    own = name_of(look)
    mean, most = float(100 * np.nanmean(course.kv_mean)), float(100 * np.nanmax(course.kv_peak))
    critical, decodes, prefill = tokens
    parts = (
        ("critical decodes", 1.0, critical),
        ("other decodes", 0.6, decodes - critical),
        ("prefill tokens", 0.25, prefill),
    )
    batch = lines_chart(
        "Tokens in a batch",
        "tokens in a batch",
        "",
        axis,
        [line_series(_tinted(look, tint), x, values, what) for what, tint, values in parts],
        shape=LineShape.STACKED,
        spans=cut,
    )
    return lines_chart(
        f"{own}: KV blocks in use, and what a batch holds",
        "KV in use",
        "%",
        axis,
        [
            line_series(_tinted(look, 0.45), x, 100 * course.kv_peak, "KV in use, peak"),
            line_series(look, x, 100 * course.kv_mean, "KV in use, mean"),
        ],
        domain=(0.0, 103.0),
        finding=f"KV blocks in use under {own}: {mean:.0f} % on average, at most {most:.0f} %",
        spans=cut,
        below=[batch],
    )


def _tinted(look: Look, share: float) -> Look:
    return replace(look, colour=look.colour if share == 1 else lighter(look.colour, share))


def in_system(
    subject: Subject, looks: Mapping[str, Look], at_focus: Mapping[str, Recording]
) -> list[Panel]:
    """Requests in the system and those without a first token over time, which decide whether a run
    is saturated: at the focus rate and at the first saturated one.

    Args:
        at_focus: recordings at the focus rate, by scheduler.

    Raises:
        RecordingError: a recording of the first saturated rate cannot be read.
    """
    shown = [("focus", subject.focus_rate_rps, at_focus)]
    first = subject.first_saturated_rps
    if first is not None and first != subject.focus_rate_rps:
        chosen = first_cells(subject, first)
        recordings = {name: store.read(cell.folder) for name, cell in chosen.items()}
        shown.append(("saturated", first, recordings))
    return [
        _number_panel(subject, looks, recordings, rate, f"10-{which}-{kind}", words, gone_s)
        for kind, rate, recordings in shown
        for which, words, gone_s in _COUNTED
    ]


def first_cells(subject: Subject, rate_rps: float) -> dict[str, CellResult]:
    """Of each scheduler measured at a rate, the cell of its first seed."""
    by_name = {name: subject.cells_at(name, rate_rps) for name in subject.schedulers}
    return {name: cells[0] for name, cells in by_name.items() if cells}


_COUNTED: tuple[tuple[str, str, Callable[[RequestTable], FloatArray]], ...] = (
    ("in-system", "requests in system", left_s),
    ("waiting", "requests without a first token", served_s),
)
"""What may grow: its name, words for it, and when a request stops to count."""


def _number_panel(
    subject: Subject,
    looks: Mapping[str, Look],
    recordings: Mapping[str, Recording],
    rate_rps: float,
    panel_name: str,
    words: str,
    gone_s: Callable[[RequestTable], FloatArray],
) -> Panel:
    from matplotlib.lines import Line2D  # noqa: PLC0415

    figure, (ax,) = panel()
    most = 0.0
    series: dict[str, ChartSeries] = {}
    for name, recording in recordings.items():
        requests, stop = recording.requests, float(recording.run["end_s"])
        # After the last arrival the system only drains, which says nothing of the load.
        last = min(stop, float(requests.due_s[-1])) if len(requests) else stop
        last = last or stop  # all due at once: draining is all there is
        times = np.linspace(0, last, 2 * NUM_BINS)
        number = num_in_system(requests.due_s, gone_s(requests), times)
        point = subject.point(name, rate_rps)
        faded = point is not None and point.saturated
        look = looks[name]
        series[name] = line_series(look, times, number.astype(np.float64))
        ax.plot(
            times,
            number,
            color=look.colour,
            linewidth=1.2,
            linestyle=(0, (4, 1.5)) if faded else "-",
        )
        some = slice(len(times) // 8, None, len(times) // 4)
        ax.plot(
            times[some],
            number[some],
            linestyle="none",
            marker=look.marker,
            color=look.colour,
            markerfacecolor="white" if faded else look.colour,
        )
        cell = first_cells(subject, rate_rps)[name]
        cut = float(cell.summary.metrics.window_s[0])
        if cut > 0:
            ax.axvline(cut, color=look.colour, linestyle=":", linewidth=1.1)
        most = max(most, last)
    ax.set_xlim(0, most)
    ax.set_ylim(bottom=0)
    ax.set_xlabel("time (s)")
    ax.set_ylabel(words)
    ax.set_title(f"{rate_text(rate_rps)} requests/s")
    handles = scheduler_handles([looks[name] for name in recordings])
    handles.append(Line2D([], [], color=INK, linestyle=":", linewidth=1.1, label="end of warm-up"))
    legend(figure, handles)
    at = f"{rate_text(rate_rps)} requests/s"
    counts = [f"{line.name} {most_of(line):.0f}" for line in series.values()]
    finding = f"Most {words} at {at}: {', '.join(counts)}" if len(counts) <= MOST_NAMED else ""
    axis = replace(TIME, domain=(0.0, most))
    title = f"{words[0].upper()}{words[1:]}, {at}"
    chart = lines_chart(title, words, "", axis, series.values(), finding=finding)
    return Panel(panel_name, finding or title, figure, chart)


def most_of(line: ChartSeries) -> float:
    """The largest value of a line."""
    return max((value for value in line.y if value is not None), default=0.0)


def _cut_s(subject: Subject, name: str) -> float:
    cell = first_cells(subject, subject.focus_rate_rps)[name]
    return float(cell.summary.metrics.window_s[0])
