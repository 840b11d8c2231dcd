"""A sweep's numbers by tier and tenant on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from slaibench.measure.catalogue import METRICS, shares
from slaibench.measure.group import in_words
from slaibench.report.table import Cell, Heading, Row, Table
from slaibench.report.words import plain_interval, plain_seconds, plain_share
from slaibench.studies.operating_point import OperatingPoint
from slaibench.studies.tier_point import Estimates

TTFT = "ttft_p50_s"


def group_tables(points: Iterable[OperatingPoint]) -> Iterator[Table]:
    """A table of each scheduler, where there is one (``group_table``)."""
    by_name: dict[str, list[OperatingPoint]] = {}
    for point in points:
        by_name.setdefault(point.scheduler, []).append(point)
    yield from filter(None, (group_table(name, own) for name, own in by_name.items()))


def group_table(scheduler: str, points: Sequence[OperatingPoint]) -> Table | None:
    """Who waited how long, and the shares of requests that there are, a row a group and rate.

    Args:
        points: of one scheduler.

    Returns:
        None where requests say neither tenants nor targets of their own, but for their tiers'.
    """
    kept = [name for name in shares() if any(name in point.estimates for point in points)]
    if not any(point.is_grouped for point in points):
        return None
    columns = (
        Heading("n", folds=True),
        Heading("TTFT\nP50", folds=True),
        Heading("95 % interval", folds=True),
        *(
            heading
            for name in kept
            for heading in (Heading(METRICS[name].label), Heading("95 % interval", folds=True))
        ),
    )
    groups = tuple((f"{point.rate_rps:g}", tuple(_rows(point, kept))) for point in points)
    head = Heading("whose", is_text=True, folds=True)
    title = f"{scheduler}, by tier and tenant"
    return Table("", title, "", columns, groups, by=Heading("req/s"), head=head)


def _rows(point: OperatingPoint, kept: Sequence[str]) -> Iterator[Row]:
    every: dict[str, Estimates] = {"all": point.estimates}
    every |= {in_words(group): own for group, own in point.groups.items()}
    for name, own in every.items():
        texts = [f"{own[TTFT].n:,}", plain_seconds(own[TTFT]), plain_interval(own[TTFT])]
        for metric in kept:
            if metric in own:
                texts += [plain_share(own[metric].value), plain_interval(own[metric], plain_share)]
            else:
                texts += ["-", ""]
        yield Row(name, tuple(map(Cell, texts)), "saturated" if point.saturated else "")
