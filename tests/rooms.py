"""How much of the suite's time each room of ``tests/`` may take, and how much it took.

Machines differ two to three times, so a room has a share, not seconds. Nothing fails: whoever adds
a test that starts an engine sees at the end of the run what it costs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
SHARES = {
    "schedulers": 22.6,
    "studies": 20,
    "backends": 14.7,
    "cli": 13,
    "benchmarks": 7,
    "report": 7,
    "docs": 5.6,
    "reproductions": 3.1,
    "measure": 1.8,
    "client": 1.6,
    "tests": 1.3,
    "workloads": 0.5,
    "machine": 0.5,
    "operators": 0.4,
    "costmodel": 0.3,
    "recording": 0.2,
    "ci": 0.2,
    "catalog": 0.1,
    "endpoint": 0.1,
}
"""Per cent of the seconds of all tests together, setup and teardown included. Pages of ``docs``
are read beside other tests, so their seconds count for more than it seems."""
MARGIN = 1.5
"""A room is over its share beyond so many times of it: less is chance, or a busy machine."""
CHANCE = 1.0
"""Per cent by which small rooms vary."""


def room(test_id: str) -> str:
    """The room of a test, by its id: a folder of ``tests/``, or ``tests`` for its own files."""
    first = test_id.removeprefix("tests/").partition("::")[0].partition("/")
    return first[0] if first[1] else "tests"


def seconds(reports: Iterable[pytest.TestReport]) -> Counter[str]:
    """What each room took."""
    taken: Counter[str] = Counter()
    for report in reports:
        taken[room(report.nodeid)] += report.duration
    return taken


def lines(taken: Mapping[str, float], shares: Mapping[str, float]) -> Iterator[str]:
    """A line a room, the longest first; none where only some rooms ran."""
    total = sum(taken.values())
    if not shares.keys() <= taken.keys():
        return
    yield "room             seconds   share  may take"
    for name in sorted(taken, key=lambda name: -taken[name]):
        share, limit = 100 * taken[name] / total, shares.get(name, 0)
        remark = "  over its share: tests/rooms.py" if share > MARGIN * limit + CHANCE else ""
        yield f"{name:<16}{taken[name]:8.0f}{share:7.1f}%{limit:9.1f}%{remark}"
