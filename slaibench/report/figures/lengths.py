"""Figure of TTFT and of requests served by prompt length: who is made to wait."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from slaibench.report.figures.axes import Mark, limits, log_axis, scheduler_handles
from slaibench.report.figures.chart import Chart, ChartAxis, ChartSeries
from slaibench.report.figures.interactive import MOST_NAMED, name_of, point_of, rates_chart
from slaibench.report.figures.panel import Panel
from slaibench.report.figures.style import INK, Look, legend, panel
from slaibench.report.study_document import LengthBucket, Lengths
from slaibench.report.words import together
from slaibench.studies.estimate import Estimate

PROMPT = ChartAxis("prompt", "tokens")


def lengths(by_scheduler: Mapping[str, Lengths], looks: Mapping[str, Look]) -> list[Panel]:
    """Median TTFT of each bucket of prompt lengths, and how many a minute are served.

    Args:
        by_scheduler: the document's ``lengths``: by scheduler its buckets and its seconds measured.
    """
    buckets = {name: by_scheduler[name]["buckets"] for name in looks}
    minutes = {name: by_scheduler[name]["measured_s"] / 60 for name in looks}
    return [_ttft(buckets, looks), _served(buckets, minutes, looks)]


def _mark(bucket: LengthBucket) -> Mark:
    median = bucket["ttft_p50_s"]
    value = Estimate(median["value"], median["low"], median["high"], median["n"])
    return Mark(_middle(bucket), value, steady=True)


def _middle(bucket: LengthBucket) -> float:
    return (float(bucket["low_tokens"]) + float(bucket["high_tokens"])) / 2


def _ttft(buckets: Mapping[str, list[LengthBucket]], looks: Mapping[str, Look]) -> Panel:
    figure, (ax,) = panel()
    every: list[Mark] = []
    series: dict[str, list[Mark]] = {}
    for name, look in looks.items():
        marks = [_mark(b) for b in buckets[name] if b["ttft_p50_s"]["value"] is not None]
        series[name] = marks
        every += marks
        sure = [(mark.rate_rps, *ends) for mark in marks if (ends := mark.estimate.ci95)]
        ax.fill_between(
            [middle for middle, _, _ in sure],
            [low for _, low, _ in sure],
            [high for _, _, high in sure],
            color=look.colour,
            alpha=0.15,
            linewidth=0,
        )
        ax.plot(
            [mark.rate_rps for mark in marks],
            [mark.shown or 0.0 for mark in marks],
            color=look.colour,
            marker=look.marker,
        )
    span = limits(every, ())
    log_axis(ax, "y", span)
    ax.set_xlim(left=0)
    ax.set_xlabel("prompt (tokens)")
    ax.set_ylabel("median TTFT (s, log scale)")
    ax.set_title("Median TTFT by prompt length")
    legend(figure, scheduler_handles(looks.values()))
    finding = at_longest(series, looks, "Median TTFT", "s")
    title = "Median TTFT, by prompt length"
    chart = rates_chart(series, looks, title, "s", span, (), log=True, x=PROMPT, finding=finding)
    alt = finding or "Median TTFT by prompt length: n too small in every bucket"
    return Panel("06-ttft-by-prompt", alt, figure, chart)


def at_longest(
    series: Mapping[str, Sequence[Mark]], looks: Mapping[str, Look], what: str, unit: str
) -> str:
    """A quantity of the longest prompts of which all schedulers have one, in words; empty where
    there are none."""
    by_name = {
        who: {m.rate_rps: m.shown for m in ms if m.shown is not None} for who, ms in series.items()
    }
    common = set.intersection(*map(set, by_name.values())) if by_name else set()
    if not common or len(by_name) > MOST_NAMED:
        return ""
    at = max(common)
    texts = together([values[at] or 0.0 for values in by_name.values()])
    parts = [
        f"{name_of(looks[who])} {text} {unit}" for who, text in zip(by_name, texts, strict=True)
    ]
    return f"{what} of prompts of {at:,.0f} tokens: {', '.join(parts)}"


def _served(
    buckets: Mapping[str, list[LengthBucket]],
    minutes: Mapping[str, float],
    looks: Mapping[str, Look],
) -> Panel:
    from matplotlib.lines import Line2D  # noqa: PLC0415

    figure, (ax,) = panel()
    starving = False
    series: list[ChartSeries] = []
    marks: dict[str, list[Mark]] = {}
    for name, look in looks.items():
        if not minutes[name]:
            continue
        x = [_middle(bucket) for bucket in buckets[name]]
        # A minute, since the schedulers' warm-up cuts leave windows of different lengths.
        served = [bucket["num_served"] / minutes[name] for bucket in buckets[name]]
        due = [bucket["num_due"] / minutes[name] for bucket in buckets[name]]
        ax.plot(x, served, color=look.colour, marker=look.marker)
        marks[name] = [
            Mark(middle, Estimate(value, None, None, bucket["num_served"]), steady=True)
            for middle, value, bucket in zip(x, served, buckets[name], strict=True)
        ]
        points = [
            point_of(mark, f"due: {wanted:.3g} a minute")
            for mark, wanted in zip(marks[name], due, strict=True)
        ]
        series.append(ChartSeries(name_of(look), look.colour, look.marker, tuple(points)))
        if served != due:
            starving = True
            ax.plot(x, due, color=look.colour, linestyle=":", linewidth=1.0)
    ax.set_xlim(left=0)
    ax.set_ylim(bottom=0)
    ax.set_xlabel("prompt (tokens)")
    ax.set_ylabel("requests served a minute")
    ax.set_title("Requests served by prompt length")
    handles = scheduler_handles(looks.values())
    if starving:
        handles.append(Line2D([], [], color=INK, linestyle=":", linewidth=1.0, label="due"))
    legend(figure, handles)
    finding = at_longest(marks, looks, "Served", "requests a minute")
    chart = None
    if series:
        most = max((point.y or 0.0 for one in series for point in one.points), default=0.0)
        chart = Chart(
            "rates",
            "Requests served, by prompt length",
            "requests served",
            "a minute",
            False,
            (0.0, 1.06 * most or 1.0),
            tuple(series),
            finding=finding,
            x=PROMPT,
        )
    alt = finding or "Requests served by prompt length: none was measured"
    return Panel("06-served-by-prompt", alt, figure, chart)
