"""The course of a search on a server: its runs in the order in which they were made."""

from __future__ import annotations

from collections.abc import Sequence

from slaibench.report.document import ends_of
from slaibench.report.figures.axes import log_axis
from slaibench.report.figures.panel import Panel
from slaibench.report.figures.style import COLOURS, INK, legend, panel
from slaibench.report.pages.server.document import Level
from slaibench.report.words import plural, rate
from slaibench.studies.forms import Ends

HELD, FAILED = ("held", COLOURS[2], "o"), ("did not hold", COLOURS[4], "X")
"""Name, colour and mark of what the search took from a run."""
ROOM = 1.5


def course(levels: Sequence[Level], answer_rps: float | None, ci95: Ends | None) -> list[Panel]:
    """Rates by run; a larger mark is of a run about the boundary."""
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415  (loads matplotlib)

    figure, (ax,) = panel()
    rates = [level["rate_rps"] for level in levels]
    numbers = list(range(1, len(levels) + 1))
    log_axis(ax, "y", (min(rates) / ROOM, max(rates) * ROOM))
    ax.plot(numbers, rates, color=INK, linewidth=0.8, alpha=0.5, zorder=1)
    handles = []
    for (label, colour, marker), held in ((HELD, True), (FAILED, False)):
        for is_long, size in ((False, 5.0), (True, 9.0)):
            places = [
                n
                for n, level in zip(numbers, levels, strict=True)
                if (level["held"], level["is_long"]) == (held, is_long)
            ]
            if not places:
                continue
            (drawn,) = ax.plot(
                places,
                [rates[n - 1] for n in places],
                linestyle="none",
                color=colour,
                marker=marker,
                markersize=size,
                zorder=3,
                label=f"{label}, {'long run' if is_long else 'short run'}",
            )
            handles.append(drawn)
    if answer_rps is not None:
        ends = ends_of(ci95)
        if ends:
            low = max(ends[0], min(rates) / ROOM)
            ax.axhspan(low, ends[1], color=INK, alpha=0.1, linewidth=0, zorder=0)
        ax.axhline(answer_rps, color=INK, linewidth=1.0, zorder=1)
    ax.set_xlim(0.5, len(levels) + 0.5)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True))
    ax.set_xlabel("run")
    ax.set_ylabel("offered load (requests/s, log scale)")
    ax.set_title("Rates in the order in which they were offered")
    legend(figure, handles)
    held_rates = [level["rate_rps"] for level in levels if level["held"]]
    most = f"; the largest that held {rate(max(held_rates))} requests/s" if held_rates else ""
    alt = f"{plural(len(levels), 'run')} from {rate(min(rates))} to {rate(max(rates))} requests/s"
    return [Panel("01-course", f"{alt}{most}", figure)]
