"""Figure of the arrival audit: gaps as they came against the declared process."""

from __future__ import annotations

import numpy as np

from slaibench.recording.record import FloatArray
from slaibench.recording.sessions import HALF_OPEN
from slaibench.report.figures.panel import Panel
from slaibench.report.figures.style import INK, MARKERS, legend, panel
from slaibench.report.subject import Subject
from slaibench.workloads.arrivals import TRUNCATION_MEANS, ArrivalKind, ArrivalProcess

GREYS = ("#1A1A1A", "#6E6E6E", "#A3A3A3")
MOST_SEEDS = 3
ROUNDING = 1e-9
"""How far a gap at the cut may be from three means, after having been scaled to a rate."""
MOST_POINTS = 60


def arrivals(subject: Subject) -> list[Panel]:
    """Quantiles of the gaps against the declared ones, and how often gaps of a length came.

    The same for every scheduler (common random numbers), so the first one's runs are shown. No
    panel where gaps have no distribution (all due at once, or at constant distances), or none that
    every scheduler shares (half-open sessions).
    """
    name = next(iter(subject.schedulers))
    cells = subject.cells_at(name, subject.focus_rate_rps)[:MOST_SEEDS]
    if not cells:
        return []
    process = ArrivalProcess.parse(cells[0].cell.arrivals)
    if process.kind in (ArrivalKind.BURST, ArrivalKind.CONSTANT):
        return []
    if cells[0].summary.audit.process == HALF_OPEN:
        return []
    gaps = {
        cell.cell.seed: _unit_gaps(cell.summary.due_s, process, cell.cell.rate_rps)
        for cell in cells
    }
    gaps = {seed: values for seed, values in gaps.items() if len(values) > 1}
    if not gaps:
        return []
    panels = [_histogram(gaps, process)]
    if process.kind is not ArrivalKind.TRACE:
        panels.insert(0, _quantiles(gaps, process))
    return panels


def _unit_gaps(due_s: FloatArray, process: ArrivalProcess, rate_rps: float) -> FloatArray:
    """Gaps in units of the declared mean gap; of a trace, of their own mean."""
    gaps = np.diff(due_s)
    if process.kind is ArrivalKind.TRACE:
        mean = float(gaps.mean()) if len(gaps) else 0.0
        return np.asarray(gaps / mean) if mean > 0 else np.empty(0)
    return np.asarray(gaps * rate_rps)


def declared_quantiles(process: ArrivalProcess, levels: FloatArray) -> FloatArray:
    """Quantiles of the declared process's gaps, in units of its declared mean gap."""
    from scipy import stats  # noqa: PLC0415

    if process.kind is ArrivalKind.GAMMA:
        cv = process.cv or 1.0
        return np.asarray(stats.gamma(cv**-2, scale=cv**2).ppf(levels))
    exponential = np.asarray(stats.expon.ppf(levels))
    if process.kind is ArrivalKind.POISSON_TRUNCATED:
        return np.minimum(exponential, TRUNCATION_MEANS)
    return exponential


def _quantiles(gaps: dict[int, FloatArray], process: ArrivalProcess) -> Panel:
    from matplotlib.lines import Line2D  # noqa: PLC0415

    figure, (ax,) = panel()
    most = 0.0
    handles = []
    for place, (seed, values) in enumerate(gaps.items()):
        ordered = np.sort(values)
        n = len(ordered)
        kept = np.unique(
            np.r_[
                np.linspace(0, n - 1, MOST_POINTS), n - np.geomspace(n, 1, MOST_POINTS // 2)
            ].astype(int)
        )
        expected = declared_quantiles(process, (kept + 0.5) / n)
        look = {"color": GREYS[place], "marker": MARKERS[place], "linestyle": "none"}
        ax.plot(expected, ordered[kept], markersize=3, **look)  # type: ignore[arg-type]
        handles.append(Line2D([], [], label=f"seed {seed}", **look))  # type: ignore[arg-type]
        most = max(most, float(expected.max()), float(ordered.max()))
    ax.plot([0, most], [0, most], color=INK, linestyle=(0, (5, 3)), linewidth=1.0, zorder=1)
    handles.append(
        Line2D([], [], color=INK, linestyle=(0, (5, 3)), linewidth=1.0, label="as declared")
    )
    ax.set_xlim(0, most * 1.03)
    ax.set_ylim(0, most * 1.03)
    ax.set_xlabel("declared quantile of a gap (mean gaps)")
    ax.set_ylabel("measured (mean gaps)")
    ax.set_title("Gaps between arrivals: quantiles")
    legend(figure, handles)
    pooled = np.concatenate(list(gaps.values()))
    declared = declared_quantiles(process, np.array([0.5, 0.99]))
    median, high = np.quantile(pooled, [0.5, 0.99])
    alt = (
        f"Gaps between arrivals: median {median:.3g} mean gaps, declared {declared[0]:.3g}; P99 "
        f"{high:.3g}, declared {declared[1]:.3g}"
    )
    return Panel("09-arrivals-quantiles", alt, figure)


def _histogram(gaps: dict[int, FloatArray], process: ArrivalProcess) -> Panel:
    from matplotlib.lines import Line2D  # noqa: PLC0415
    from matplotlib.patches import Patch  # noqa: PLC0415

    figure, (ax,) = panel()
    pooled = np.concatenate(list(gaps.values()))
    longest = max(float(np.quantile(pooled, 0.999)), 1e-9) * (1 + ROUNDING)
    edges = np.linspace(0, longest, 31)
    counts, _ = np.histogram(pooled, edges)
    share = counts / len(pooled)
    ax.stairs(100 * share, edges, fill=True, color="#BDBDBD")
    handles = [Patch(color="#BDBDBD", label="measured, all seeds shown")]
    if process.kind is not ArrivalKind.TRACE:
        expected = declared_shares(process, edges)
        ax.stairs(100 * expected, edges, color=INK, linestyle=(0, (5, 3)), linewidth=1.2)
        handles.append(
            Line2D([], [], color=INK, linestyle=(0, (5, 3)), linewidth=1.2, label="as declared")  # type: ignore[arg-type]
        )
    ax.set_xlim(0, float(edges[-1]))
    ax.set_xlabel("gap between arrivals (mean gaps)")
    ax.set_ylabel("share of gaps (%)")
    ax.set_title("Gaps between arrivals: how often")
    legend(figure, handles)
    alt = f"{100 * float((pooled < 1).mean()):.0f} % of gaps are shorter than the mean gap"
    if process.kind is not ArrivalKind.TRACE:
        shorter = float(declared_shares(process, np.array([0.0, 1.0]))[0])
        alt += f", declared {100 * shorter:.0f} %"
    return Panel("09-arrivals-gaps", alt, figure)


def declared_shares(process: ArrivalProcess, edges: FloatArray) -> FloatArray:
    """Share of gaps that the declared process has in each bin, the last one closed."""
    from scipy import stats  # noqa: PLC0415

    if process.kind is ArrivalKind.GAMMA:
        cv = process.cv or 1.0
        below = np.asarray(stats.gamma(cv**-2, scale=cv**2).cdf(edges))
    else:
        below = np.asarray(stats.expon.cdf(edges))
        if process.kind is ArrivalKind.POISSON_TRUNCATED:
            # Gaps at the cut are in the bin that begins there, or in the last one if it ends there.
            below[edges > TRUNCATION_MEANS * (1 + ROUNDING)] = 1.0
            below[-1] = 1.0 if edges[-1] > TRUNCATION_MEANS * (1 - ROUNDING) else below[-1]
    return np.diff(below)
