"""What each figure is called and how it is read, from the report's document."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from slaibench.measure.arrival_tests import FAMILY_ERROR
from slaibench.report.headline import asked
from slaibench.report.numbers import Document, rate_key
from slaibench.report.words import listed, plural, rate, short_names


@dataclass(frozen=True, slots=True)
class Caption:
    """A figure's title, and a few sentences below it: what is seen, n, kind of interval."""

    title: str
    text: str


def captions(doc: Document) -> dict[str, Caption]:
    """By figure, in the report's order; a page shows those that it has drawings of."""
    return {name: Caption(title, text(doc)) for name, (title, text) in _FIGURES.items()}


def _ttft(doc: Document) -> str:
    return (
        "Time from the moment a request is due to its first token; lower is better, and the dashed "
        f"line is the target where there is one. {_intervals(doc, 'Bands and bars')}; n = "
        f"{_range(_counts(doc, 'ttft_s', 'p50'), 'request')} a point.{_states(doc)}{_beyond(doc)}"
    )


def _tbt(doc: Document) -> str:
    seeds = _most_seeds(doc)
    sure = _intervals(doc, "Bands and bars") if seeds > 1 else "One seed: no intervals"
    counts = [
        tier["tbt_p99_s"]["n"]
        for points in doc["points"].values()
        for point in points.values()
        for tier in point["tiers"].values()
    ]
    return (
        "Gap between successive tokens of a request, all gaps of a tier together; a tier is served "
        f"as promised while its line stays below the dashed one. {sure}; "
        f"n = {_range(counts, 'request')} a point. No mark: n too small.{_states(doc)}"
    )


def _capacity(doc: Document) -> str:
    found = doc["capacities"].values()
    read_off = [each["scheduler"] for each in found if not each["searched"]]
    source = ""
    if read_off:
        who = "" if len(read_off) == len(found) else f" of {_names(doc, read_off)}"
        source = f" The capacity{who} is read off the sweep's own rates, without a further search."
    cliff = (
        " Where the boundary is a cliff, the whisker is the bracket that it lies in."
        if any(each["shape"] == "cliff" for each in found)
        else ""
    )
    seeds = max(each["replicates"] for each in found)
    sure = (
        f"Whiskers: 95 % interval by resampling seeds, n = {seeds} seeds."
        if seeds > 1
        else "One seed (n = 1): no interval."
    )
    ratio = (
        " The ratio's interval is of the ratio itself, over common seeds: it is what decides, not "
        "whether bars overlap."
        if len(found) > 1
        else ""
    )
    held = f"The largest rate at which every target holds ({asked(doc)})."
    return f"{held} {sure}{cliff}{ratio}{source}"


def _change(doc: Document) -> str:
    seeds = _most_seeds(doc)
    kind = (
        f"95 % t intervals over {seeds} seeds, on logarithms"
        if seeds > 2
        else "95 % intervals of a paired block bootstrap"
    )
    known = [e for at in doc["changes"].values() for e in at.values() if e["value"] is not None]
    counts = [each["n"] for each in known]
    return (
        "Each request is compared with itself: same seed, same arrival, same lengths under both "
        "schedulers. Below the dashed line the second one is faster; the scale is logarithmic, so "
        f"that half and double are equally far. Bars: {kind}; n = {_range(counts, 'pair')}. Rates "
        "at which the percentile lies among requests still waiting have no mark."
    )


def _distribution(doc: Document) -> str:
    at = rate_key(doc["focus_rate_rps"])
    counts = [points[at]["ttft_s"]["p50"]["n"] for points in doc["points"].values() if at in points]
    return (
        f"All measured requests at {_focus(doc)}, seeds pooled. Distribution: the further up and "
        "left, the better. Tail: the same from above, where the slowest requests show. n = "
        f"{_range(counts, 'request')} a scheduler; no interval (Figure 1 has those of the median "
        "and the P99)."
    )


def _lengths(doc: Document) -> str:
    seeds = _most_seeds(doc)
    sure = (
        f"bands are 95 % t intervals over {seeds} seeds" if seeds > 1 else "one seed: no interval"
    )
    counts = [b["num_due"] for each in doc["lengths"].values() for b in each["buckets"]]
    return (
        f"Requests at {_focus(doc)} in buckets of 512 prompt tokens: a line that rises shows who "
        "waits for whose sake, and a served line below its dotted one (due) who is not served at "
        f"all. Median TTFT: {sure}; a bucket with fewer than 20 requests a seed has no median. "
        f"n = {_range(counts, 'request')} a bucket, all seeds."
    )


def _engine(doc: Document) -> str:
    return (
        f"One run of each scheduler at {_focus(doc)}, first seed (n = 1 run, no interval). Above: "
        "share of KV blocks in use, mean (line) and peak (shade) of each two-hundredth of the run. "
        "Below: what a mean batch holds; critical decodes are those that could not wait."
    )


def _deadlines(doc: Document) -> str:
    seeds = _most_seeds(doc)
    sure = _intervals(doc, "Bands and bars", "") if seeds > 1 else "One seed: no intervals"
    moved = " Schedulers' marks are moved apart sideways." if len(doc["schedulers"]) > 1 else ""
    return (
        "Share on time by tier, higher is better. Tokens within their gap: at most the TBT SLO "
        "after their predecessor. By fluidity: token i at most i TBT SLOs after the first, as a "
        "reader needs it; a request counts when all its tokens do. "
        f"{sure}, cut at 100 %; the table below has n.{_states(doc)}{moved}"
    )


def _arrivals(doc: Document) -> str:
    audit = doc["audit"]
    runs = plural(audit["num_runs"], "run")
    tested = (
        f"{audit['num_agreeing']:,} of {audit['num_tested']:,} tested agree with the process "
        "declared (shape, longest gap, rate, dispersion and lag-1 correlation of gaps; together "
        f"they disagree with at most {100 * FAMILY_ERROR:g} % of runs that are as declared)"
        if audit["num_tested"]
        else "none could be tested against a distribution"
    )
    return (
        f"Was the load what was declared? Of {runs} in this report, {audit['num_valid']:,} were "
        f"sent on time, and {tested}. Points on the dashed line came as declared. Shown: up to "
        f"three seeds at {_focus(doc)}; arrivals are the same under every scheduler."
    )


def _in_system(doc: Document) -> str:
    first = doc["first_saturated_rps"]
    reached = "the first rate at which a scheduler is saturated"
    if first is None:
        beside = "; no rate of this sweep is saturated"
    elif first == doc["focus_rate_rps"]:
        beside = f", {reached}"
    else:
        beside = f", and at {rate(first)} requests/s, {reached}"
    return (
        "Requests that have arrived and not left, while requests arrive, at "
        f"{_focus(doc)}{beside}. A level line is a steady state; one that keeps rising (dashed: "
        "judged saturated) is none, whatever its latencies. Dotted: where measuring begins. First "
        "seed, n = 1 run, no interval."
    )


_FIGURES: dict[str, tuple[str, Callable[[Document], str]]] = {
    "ttft": ("Time to first token against load", _ttft),
    "tbt": ("P99 time between tokens against load", _tbt),
    "capacity": ("Capacity", _capacity),
    "change": ("Paired change of TTFT", _change),
    "distribution": ("Distribution of TTFT", _distribution),
    "lengths": ("Who waits: TTFT by prompt length", _lengths),
    "engine": ("Memory and batches over time", _engine),
    "deadlines": ("Deadlines met", _deadlines),
    "arrivals": ("Arrival audit", _arrivals),
    "in-system": ("Saturation and warm-up", _in_system),
}


def _intervals(doc: Document, what: str, scale: str = ", on logarithms") -> str:
    seeds = sorted({p["seeds"] for points in doc["points"].values() for p in points.values()})
    over = f"{seeds[-1]}" if seeds[0] == seeds[-1] else f"{seeds[0]} to {seeds[-1]}"
    if doc["spec"]["convention"] == "paper":
        return f"{what}: 95 % t intervals over {over} seeds{scale}"
    return (
        f"{what}: 95 % intervals from the requests of {plural(int(seeds[-1]), 'seed')} together, "
        "for their correlation; where runs are too short for one, there is none"
    )


def _states(doc: Document) -> str:
    points = [point for each in doc["points"].values() for point in each.values()]
    text = ""
    if any(point["saturated"] for point in points):
        cut = sum(point["stopped_early"] for point in points)
        runs = f" ({plural(cut, 'run')} stopped early)" if cut else ""
        text += (
            f" Hollow, dotted: saturated{runs}; such values depend on how long the run was and are "
            "no operating point."
        )
    if any(point["undecided"] and not point["saturated"] for point in points):
        text += " Half-filled: runs too short to tell whether they are steady."
    if any(point["invalid"] for point in points):
        text += " Rates without a mark may have invalid runs: the tables say why."
    return text


def _beyond(doc: Document) -> str:
    points = [point for each in doc["points"].values() for point in each.values()]
    if any(point["ttft_s"][level]["beyond"] for point in points for level in ("p50", "p99")):
        return " Arrow: the percentile lies among requests still waiting when their run ended."
    return ""


def _focus(doc: Document) -> str:
    return f"{rate(doc['focus_rate_rps'])} requests/s"


def _most_seeds(doc: Document) -> int:
    return max(int(p["seeds"]) for points in doc["points"].values() for p in points.values())


def _counts(doc: Document, group: str, name: str) -> list[int]:
    return [p[group][name]["n"] for points in doc["points"].values() for p in points.values()]


def _range(counts: Iterable[int], noun: str) -> str:
    known = sorted(counts)
    if not known:
        return plural(0, noun)
    if known[0] == known[-1]:
        return plural(known[0], noun)
    return f"{known[0]:,} to {known[-1]:,} {noun}s"


def _names(doc: Document, which: list[str]) -> str:
    names = short_names(list(doc["schedulers"]))
    return listed([names[name] for name in which])
