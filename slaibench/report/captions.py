"""What each figure is called and how it is read, from the report's document."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from slaibench.measure.arrival_tests import FAMILY_ERROR
from slaibench.measure.audit import UNTESTED
from slaibench.measure.steady import Steadiness
from slaibench.recording.sessions import HALF_OPEN
from slaibench.report.headline import asked
from slaibench.report.numbers import rate_key
from slaibench.report.study_document import StudyNumbers, changes_in
from slaibench.report.words import listed, plural, rate, short_names, together

GROWING = Steadiness.GROWING.value


@dataclass(frozen=True, slots=True)
class Caption:
    """A figure's title, and a few sentences below it: what is seen, n, kind of interval."""

    title: str
    text: str


def captions(doc: StudyNumbers) -> dict[str, Caption]:
    """By figure, in the report's order; a page shows those that it has drawings of."""
    return {name: Caption(title, text(doc)) for name, (title, text) in _FIGURES.items()}


def _ttft(doc: StudyNumbers) -> str:
    return (
        "Time from the moment a request is due to its first token; lower is better, and the dashed "
        f"line is the target where there is one. {_intervals(doc, 'Bands and bars')}; n = "
        f"{_range(_counts(doc), 'request')} a point.{_states(doc)}{_beyond(doc)}"
    )


def _tbt(doc: StudyNumbers) -> str:
    counts = [
        tier["tbt_p99_s"]["n"]
        for points in doc["points"].values()
        for point in points.values()
        for tier in point["tiers"].values()
    ]
    return (
        "Gap between successive tokens of a request, all gaps of a tier together; a tier is served "
        "as promised while its line stays below the dashed one. "
        f"{_intervals(doc, 'Bands and bars')}; "
        f"n = {_range(counts, 'request')} a point. No mark: n too small.{_states(doc)}"
    )


def _capacity(doc: StudyNumbers) -> str:
    capacities = doc["capacities"].values()
    read_off = [capacity["scheduler"] for capacity in capacities if not capacity["searched"]]
    source = ""
    if read_off:
        who = "" if len(read_off) == len(capacities) else f" of {_names(doc, read_off)}"
        source = f" The capacity{who} is read off the sweep's own rates, without a further search."
    cliff = (
        " Where the boundary is a cliff, a target's metric jumps between two rates measured, and "
        "the bar ends at the lower one."
        if any(capacity["shape"] == "cliff" for capacity in capacities)
        else ""
    )
    seeds = max(capacity["replicates"] for capacity in capacities)
    sure = (
        "Whiskers: 95 % interval, the rates at which the runs do not exclude that a target is just "
        f"met; n = {plural(seeds, 'seed')}."
    )
    ratio = (
        " The ratio's interval is made from both capacities' own: it is what decides, not whether "
        "whiskers overlap."
        if len(capacities) > 1
        else ""
    )
    held = f"The largest rate at which every target holds ({asked(doc)})."
    return f"{held} {sure}{cliff}{ratio}{_saturated_throughputs(doc)}{source}"


def _saturated_throughputs(doc: StudyNumbers) -> str:
    names = short_names(list(doc["schedulers"]))
    texts = [
        f"{names[name]} {value} ({low} to {high})"
        for name, capacity in doc["capacities"].items()
        if (rps := capacity["saturated_rps"]) is not None
        for value, low, high in [together([rps["value"], *rps["ci95"]])]
    ]
    if not texts:
        return ""
    return f" Saturated throughput, requests/s, which no capacity exceeds: {listed(texts)}."


def _change(doc: StudyNumbers) -> str:
    by_rate = [at for changes in changes_in(doc).values() for at in changes.values()]
    counts = [e["n"] for at in by_rate for e in at.values() if e["value"] is not None]
    faster = "the second one" if len(changes_in(doc)) == 1 else "a scheduler"
    than = "" if len(changes_in(doc)) == 1 else " than the reference"
    return (
        "Each request is compared with itself: same seed, same arrival, same lengths under both "
        f"schedulers. Below the dashed line {faster} is faster{than}; the scale is logarithmic, so "
        "that half and double are equally far. Bars: 95 % intervals from what each request adds to "
        "the difference, seeds together, allowing for the correlation of neighbours; n = "
        f"{_range(counts, 'pair')}. Rates at which the percentile lies among requests still "
        "waiting, or n is too small for it, have no mark."
    )


def _distribution(doc: StudyNumbers) -> str:
    at = rate_key(doc["focus_rate_rps"])
    counts = [points[at]["ttft_s"]["p50"]["n"] for points in doc["points"].values() if at in points]
    return (
        f"All measured requests at {_focus(doc)}, seeds pooled. Distribution: the further up and "
        "left, the better. Tail: the same from above, where the slowest requests show. n = "
        f"{_range(counts, 'request')} a scheduler; no interval (Figure 1 has those of the median "
        "and the P99)."
    )


def _lengths(doc: StudyNumbers) -> str:
    seeds = _most_seeds(doc)
    sure = (
        f"bands are {_over_seeds(doc)} of each one's own" if seeds > 1 else "one seed: no interval"
    )
    counts = [b["num_due"] for lengths in doc["lengths"].values() for b in lengths["buckets"]]
    return (
        f"Requests at {_focus(doc)} in buckets of 512 prompt tokens: a line that rises shows who "
        "waits for whose sake, and a served line below its dotted one (due) who is not served at "
        f"all. Median TTFT: {sure}; a bucket with fewer than 20 requests a seed has no median. "
        f"n = {_range(counts, 'request')} a bucket, all seeds."
    )


def _engine(doc: StudyNumbers) -> str:
    return (
        f"One run of each scheduler at {_focus(doc)}, first seed (n = 1 run, no interval). Above: "
        "share of KV blocks in use, mean (line) and peak (shade) of each two-hundredth of the run. "
        "Below: what a mean batch holds; critical decodes are those that could not wait."
    )


def _server(doc: StudyNumbers) -> str:
    points = [point for by_rate in doc["points"].values() for point in by_rate.values()]
    engines = max((point["server"]["engines"] for point in points if "server" in point), default=1)
    several = (
        f" Of {engines} engines: requests and preemptions in sum, the KV cache of the fullest."
        if engines > 1
        else ""
    )
    return (
        "What the server said of itself once a second, of all requests that it had, whoever sent "
        "them: requests that wait to be admitted and that are in batches, share of its KV cache in "
        "use, and preemptions since the run began. A queue that keeps growing is a server behind "
        f"its load; one that comes with a full cache is short of memory.{several} A line a rate: "
        "first seed, n = 1 run, no interval."
    )


def _deadlines(doc: StudyNumbers) -> str:
    sure = "One seed: no intervals"
    if _most_seeds(doc) > 1:
        sure = f"Bands and bars: {_over_seeds(doc)}, cut at 100 %"
    moved = " Schedulers' marks are moved apart sideways." if len(doc["schedulers"]) > 1 else ""
    return (
        "Share on time by tier, higher is better. Tokens within their gap: at most the TBT SLO "
        "after their predecessor. By fluidity: token i at most i TBT SLOs after the first, as a "
        "reader needs it; a request counts when all its tokens do. "
        f"{sure}; the table below has n.{_states(doc)}{moved}"
    )


def _arrivals(doc: StudyNumbers) -> str:
    audit = doc["audit"]
    runs = plural(audit["num_runs"], "run")
    tested = (
        f"{audit['num_agreeing']:,} of {audit['num_tested']:,} tested agree with the process "
        "declared (shape, longest gap, rate, dispersion and lag-1 correlation of gaps; together "
        f"they disagree with at most {100 * FAMILY_ERROR:g} % of runs that are as declared)"
        if audit["num_tested"]
        else "none could be tested against a distribution"
    )
    shown = (
        f"Points on the dashed line came as declared. Shown: up to three seeds at {_focus(doc)}; "
        "arrivals are the same under every scheduler."
    )
    half_open = UNTESTED[HALF_OPEN]
    if any(row["process_note"] == half_open for row in audit["focus"]):
        shown = f"{half_open[:1].upper()}{half_open[1:]}, at other times under each scheduler."
    return (
        f"Was the load what was declared? Of {runs} in this report, {audit['num_valid']:,} were "
        f"sent on time, and {tested}. {shown}"
    )


def _in_system(doc: StudyNumbers) -> str:
    first = doc["first_saturated_rps"]
    reached = "the first rate at which a scheduler is saturated"
    if first is None:
        beside = "; no rate of this sweep is saturated"
    elif first == doc["focus_rate_rps"]:
        beside = f", {reached}"
    else:
        beside = f", and at {rate(first)} requests/s, {reached}"
    return (
        "Requests that have arrived and not left, and those of them without a first token, while "
        f"requests arrive, at {_focus(doc)}{beside}. Level lines are a steady state. A run is "
        "saturated (dashed) when the second line keeps rising, or the age of the oldest request "
        "in it, whatever its latencies: who serves short prompts first keeps the first line level. "
        "Dotted: where measuring begins. First seed, n = 1 run, no interval."
    )


_FIGURES: dict[str, tuple[str, Callable[[StudyNumbers], str]]] = {
    "ttft": ("Time to first token against load", _ttft),
    "tbt": ("P99 time between tokens against load", _tbt),
    "capacity": ("Capacity", _capacity),
    "change": ("Paired change of TTFT", _change),
    "distribution": ("Distribution of TTFT", _distribution),
    "lengths": ("Who waits: TTFT by prompt length", _lengths),
    "engine": ("Memory and batches over time", _engine),
    "server": ("The server over time, by its own metrics", _server),
    "deadlines": ("Deadlines met", _deadlines),
    "arrivals": ("Arrival audit", _arrivals),
    "in-system": ("Saturation and warm-up", _in_system),
}


def _intervals(doc: StudyNumbers, what: str) -> str:
    """How the intervals of percentiles come about."""
    if doc["spec"]["convention"] == "paper":
        if _most_seeds(doc) == 1:
            return "One seed: no intervals"
        return f"{what}: {_over_seeds(doc)}, on logarithms"
    return (
        f"{what}: 95 % intervals from how many requests of all seeds together exceed a value, "
        "allowing for the correlation of neighbours; where runs are too short for one, or "
        "saturated, there is none"
    )


def _over_seeds(doc: StudyNumbers) -> str:
    """The kind of interval that means over seeds have."""
    seeds = sorted({p["seeds"] for points in doc["points"].values() for p in points.values()})
    over = f"{seeds[-1]}" if seeds[0] == seeds[-1] else f"{seeds[0]} to {seeds[-1]}"
    return f"95 % t intervals over {over} seeds"


def _states(doc: StudyNumbers) -> str:
    points = [point for by_rate in doc["points"].values() for point in by_rate.values()]
    text = ""
    if any(point["saturated"] for point in points):
        cut = sum(point["stopped_early"] for point in points)
        runs = f" ({plural(cut, 'run')} stopped early)" if cut else ""
        text += (
            f" Hollow, dotted: saturated{runs}; such values depend on how long the run was and are "
            "no operating point."
        )
    if any(point["undecided"] for point in points):
        text += " Half-filled: it cannot be told whether they are steady; the last table says why."
    if any(point["runs"][GROWING] and not point["saturated"] for point in points):
        text += " Where fewer than half of a point's runs are saturated, the last table says so."
    if any(point["invalid"] for point in points):
        text += " Rates without a mark may have invalid runs: the tables say why."
    return text


def _beyond(doc: StudyNumbers) -> str:
    points = [point for by_rate in doc["points"].values() for point in by_rate.values()]
    if any(point["ttft_s"][level]["beyond"] for point in points for level in ("p50", "p99")):
        return " Arrow: the percentile lies among requests still waiting when their run ended."
    return ""


def _focus(doc: StudyNumbers) -> str:
    return f"{rate(doc['focus_rate_rps'])} requests/s"


def _most_seeds(doc: StudyNumbers) -> int:
    return max(int(p["seeds"]) for points in doc["points"].values() for p in points.values())


def _counts(doc: StudyNumbers) -> list[int]:
    return [p["ttft_s"]["p50"]["n"] for points in doc["points"].values() for p in points.values()]


def _range(counts: Iterable[int], noun: str) -> str:
    ordered = sorted(counts)
    if not ordered:
        return plural(0, noun)
    if ordered[0] == ordered[-1]:
        return plural(ordered[0], noun)
    return f"{ordered[0]:,} to {ordered[-1]:,} {noun}s"


def _names(doc: StudyNumbers, which: list[str]) -> str:
    names = short_names(list(doc["schedulers"]))
    return listed([names[name] for name in which])
