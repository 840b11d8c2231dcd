"""What the figures of several backends are called and how they are read."""

from __future__ import annotations

from slaibench.report.captions import Caption
from slaibench.report.pages.crosscheck.document import CrosscheckDocument
from slaibench.report.pages.crosscheck.subject import others, reference
from slaibench.report.words import listed, plural


def legend(doc: CrosscheckDocument) -> str:
    """How the figures against load are read; it stands before them, once."""
    first, rest = doc["between"][0], listed(others(doc))
    beside = ", moved apart sideways" if len(others(doc)) > 1 else ""
    return (
        f"Against load there is a panel for each scheduler. Wide and pale: {first}; small and "
        f"dark: {rest}{beside}. Where a small mark lies inside a pale one, the two agree. There "
        "are no intervals in these panels: all backends serve the same requests, so that what "
        f"seeds vary is common to them; those of the changes are in the tables.{_states(doc)}"
    )


def captions(doc: CrosscheckDocument) -> dict[str, Caption]:
    """By figure, in the page's order."""
    first, n = doc["between"][0], f"n = {_n(doc)} a point on {doc['between'][0]}."
    target = "The dashed line is the target, where there is one."
    figures = {
        "differences": Caption(
            "How far apart, in every quantity",
            f"Change from {first}'s value, a mark for each rate, lowest rate on top. Grey: the "
            "tolerance; a row without grey has no verdict. Arrowhead: beyond what is shown.",
        ),
        "ttft-p50": Caption("Median TTFT against load", f"{target} {n}"),
        "ttft-p99": Caption("P99 TTFT against load", f"{target} {n} No mark: n too small."),
    }
    for place, tier in enumerate(reference(doc)["tiers"]):
        figures[f"tbt-{place + 1}"] = Caption(
            f"P99 TBT of tier {tier} against load",
            "Gap between successive tokens of a request; the dashed line is the tier's SLO. No "
            "mark: n too small.",
        )
    figures["kv"] = Caption("KV blocks in use against load", "Mean over time, then over seeds.")
    if reference(doc)["pair"] is not None:
        figures["change"] = Caption(
            "Paired change of TTFT on each backend",
            "Each request is compared with itself under the other scheduler, on the same backend. "
            "Below the dashed line the second scheduler is faster. Bars: 95 % intervals. The "
            "conclusion holds on every backend where all marks and bars of a rate lie on the same "
            "side.",
        )
    return figures


def _n(doc: CrosscheckDocument) -> str:
    points = [point for at in reference(doc)["points"].values() for point in at.values()]
    counts = sorted(point["ttft_s"]["p50"]["n"] for point in points)
    if counts[0] == counts[-1]:
        return plural(counts[0], "request")
    return f"{counts[0]:,} to {counts[-1]:,} requests"


def _states(doc: CrosscheckDocument) -> str:
    points = [
        point
        for study in doc["studies"].values()
        for at in study["points"].values()
        for point in at.values()
    ]
    text = ""
    if any(point["saturated"] for point in points):
        text += " Hollow, dotted: saturated."
    if any(point["undecided"] and not point["saturated"] for point in points):
        text += " Half-filled: runs that cannot tell whether they are steady."
    if any(point["invalid"] for point in points):
        text += " Invalid runs have no mark."
    return text
