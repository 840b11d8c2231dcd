"""The page's tables, from the report's document: every point with its n and its interval."""

from __future__ import annotations

from collections.abc import Iterator

from slaibench.measure.catalogue import METRICS, in_points, shares
from slaibench.measure.group import in_words, of_tenant
from slaibench.measure.metric import Metric
from slaibench.report.columns import (
    Column,
    bare_share,
    by_targets,
    count,
    estimates,
    in_group,
    in_tier,
    metric,
    number_behind,
    of_server,
    share,
    statistic,
)
from slaibench.report.numbers import BY_STATISTIC
from slaibench.report.study_document import (
    PagePoint,
    PointNumbers,
    StudyNumbers,
    estimate_in,
)
from slaibench.report.table import Cell, Row, Table, state_of
from slaibench.report.words import fixed, plural


def tables(doc: StudyNumbers) -> list[Table]:
    """All points: TTFT, TBT, deadlines, load and memory, saturation."""
    return [*measured_tables(doc), _saturation(doc)]


def measured_tables(doc: PointNumbers) -> list[Table]:
    """All points but for what is said of their loads: TTFT, TBT, deadlines, load and memory."""
    return [_ttft(doc), _tbt(doc), _by_group(doc), _deadlines(doc), _load(doc)]


def _ttft(doc: PointNumbers) -> Table:
    columns = [
        number_behind("n", statistic("ttft_s", "p50")),
        *(
            estimates(title, "s", statistic("ttft_s", key))
            for title, key in (("P50", "p50"), ("P90", "p90"), ("P99", "p99"), ("mean", "mean"))
        ),
    ]
    for other in in_points():
        if other.latency is not None and other.latency not in BY_STATISTIC:
            columns += [
                number_behind("n", metric(other.name)),
                estimates(other.label, _unit(other), metric(other.name), other.scale),
            ]
    judged = by_targets(point for _, _, point in _points(doc))
    note = (
        "Time to first token, from the due time; then end-to-end time and mean time per output "
        "token. Small print: 95 % interval. In a mean, requests still waiting at the end count "
        "with their wait so far: under saturation it is a lower bound."
    )
    if judged:
        note += (
            " Targets: met where the 95 % interval of each lies within its bound, not met where "
            "that of some lies beyond it; below, those that are not kept or not told."
        )
    return _table(doc, "table-ttft", "TTFT, end-to-end time, TPOT", note, [*judged, *columns])


def _unit(metric: Metric) -> str:
    return metric.shown_unit or metric.unit


def _tbt(doc: PointNumbers) -> Table:
    columns = [
        number_behind("n", statistic("tbt_s", "p99")),
        estimates("TBT P50", "ms", statistic("tbt_s", "p50"), 1e3),
        estimates("TBT P99", "ms", statistic("tbt_s", "p99"), 1e3),
    ]
    for name in doc["tiers"]:
        tail = in_tier(name, lambda tier: tier["tbt_p99_s"])
        columns += [
            number_behind(f"{name}: n", tail),
            estimates(f"{name}: TBT P99", "ms", tail, 1e3),
        ]
    note = "Gaps of all tiers together, then tier by tier. Small print: 95 % interval."
    return _table(doc, "table-tbt", "TBT", note, columns)


def _by_group(doc: PointNumbers) -> Table:
    """Median TTFT, and the shares of requests that there are, by tier and by tenant."""
    points = [point for _, _, point in _points(doc)]
    tenants = sorted({name for point in points for name in point.get("tenants", {})})
    named = {name: name for name in doc["tiers"]}
    named |= {of_tenant(name): in_words(of_tenant(name)) for name in tenants}
    kept = [other for other in shares() if _is_there(doc, METRICS[other])]
    columns = []
    for group, name in named.items():
        median = in_group(group, "ttft_p50_s")
        columns += [
            number_behind(f"{name}: n", median),
            estimates(f"{name}: TTFT P50", "s", median),
            *(share(f"{name}: {METRICS[other].label}", in_group(group, other)) for other in kept),
        ]
    what = "Median TTFT and requests on target" if kept else "Median TTFT"
    whose = "tier and tenant" if tenants else "tier"
    note = "On target: requests within all of their own targets. " if kept else ""
    note += "Small print: 95 % interval."
    return _table(doc, "table-tier-ttft", f"{what} by {whose}", note, columns)


def _deadlines(doc: PointNumbers) -> Table:
    columns = []
    for name in doc["tiers"]:
        columns += [
            share(f"{name}: tokens within gap", in_tier(name, lambda tier: tier["tokens_on_time"])),
            share(f"{name}: tokens by fluidity", in_tier(name, lambda tier: tier["tokens_fluid"])),
            share(
                f"{name}: requests by fluidity",
                in_tier(name, lambda tier: tier["requests_on_time"]),
            ),
            count(
                f"{name}: longest late run",
                in_tier(name, lambda tier: tier["worst_late_run"]),
                "tokens",
            ),
        ]
    note = (
        "Shares on time, the n they are of, and the most tokens in a row that came late within "
        "one request."
    )
    return _table(doc, "table-deadlines", "Deadlines met", note, columns)


def _load(doc: PointNumbers) -> Table:
    def outcome(name: str) -> Column:
        return count(name.replace("_", " "), lambda point: point["outcomes"].get(name), "requests")

    server = of_server(point for _, _, point in _points(doc))
    columns = [
        count("seeds", lambda point: point["seeds"], ""),
        *(outcome(name) for name in ("due", "finished", "failed", "timed_out", "unfinished")),
        *(
            estimates(
                other.short or other.label, _unit(other), metric(other.name), other.scale, bare=True
            )
            for other in in_points()
            if other.latency is None and _is_there(doc, other)
        ),
        bare_share("KV mean", lambda point: point["kv_mean"]),
        bare_share("KV peak", lambda point: point["kv_peak"]),
        count("preempted", lambda point: point["preemptions"], "times"),
        *server,
        count("several at once", lambda point: point["multi_token_reads"], "reads"),
    ]
    note = (
        "Requests by outcome over all seeds (the four add up to due). Goodput: requests with every "
        "token by its deadline (fluidity). Several at once: reads that brought more than one token "
        "of a request, which count as one gap and zeros."
    )
    if server:
        note += (
            " KV, preempted, waiting, running, prefix hits: the server's own metrics, read once a "
            "second, of all requests that it had."
        )
    return _table(doc, "table-load", "Load, outcomes and memory", note, columns)


def _saturation(doc: PointNumbers) -> Table:
    def state(point: PagePoint) -> Cell:
        if point["invalid"]:
            return Cell("invalid", (f"{point['invalid']} of {plural(point['seeds'], 'run')}",))
        total = plural(point["seeds"], "run")
        shares = [f"{num} of {total} {name}" for name, num in point["runs"].items() if num]
        under = tuple(shares) if len(shares) > 1 else ()
        if point["stopped_early"]:
            under += (f"{point['stopped_early']} of {total} stopped early",)
        word = "saturated" if point["saturated"] else "steady"
        return Cell("cannot tell" if point["undecided"] else word, under)

    columns = [
        Column.of("state", "", state, is_text=True),
        Column.of("warm-up cut", "s", lambda point: Cell(fixed(point["warmup_s"], 1))),
        Column.of(
            "arrivals", "", lambda point: Cell("ok" if point["audit_ok"] else "bad"), is_text=True
        ),
        Column.of("verdict", "", lambda point: Cell(_reason(point)), is_text=True),
    ]
    note = (
        "The state is that of more than half of the runs, the verdict of the first of these; the "
        "warm-up cut is a mean over seeds."
    )
    return _table(doc, "table-saturation", "Saturation, warm-up, arrivals", note, columns)


def _reason(point: PagePoint) -> str:
    return f"invalid: {point['invalid_reason']}" if point["invalid"] else str(point["reason"])


def _is_there(doc: PointNumbers, metric: Metric) -> bool:
    """Whether a metric has a column: an optional one where any point has it."""
    points = (point for _, _, point in _points(doc))
    return not metric.is_optional or any(estimate_in(it, metric.name) for it in points)


def _table(doc: PointNumbers, name: str, title: str, note: str, columns: list[Column]) -> Table:
    places = list(_points(doc))
    made = [column.cells([point for _, _, point in places]) for column in columns]
    groups: dict[str, list[Row]] = {}
    for index, (rate, scheduler, point) in enumerate(places):
        state = state_of(is_invalid=bool(point["invalid"]), is_saturated=point["saturated"])
        cells = tuple(cells[index] for cells in made)
        groups.setdefault(rate, []).append(Row(scheduler, cells, state))
    return Table(
        name,
        title,
        note,
        tuple(column.heading for column in columns),
        tuple((rate, tuple(rows)) for rate, rows in groups.items()),
    )


def _points(doc: PointNumbers) -> Iterator[tuple[str, str, PagePoint]]:
    """(rate, scheduler, point), rate by rate, so that schedulers stand below each other."""
    rates = {rate for points in doc["points"].values() for rate in points}
    for rate in sorted(rates, key=float):
        for name, points in doc["points"].items():
            if rate in points:
                yield rate, name, points[rate]
