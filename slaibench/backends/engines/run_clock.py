"""Python's clocks, for somebody's scheduling code in virtual time: they show the run's own.

Such code reads the time as it would in a server: a rule by age subtracts a request's arrival,
which is the run's, from ``time.time()``. The machine's would be an age of decades.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

CLOCKS = ("time", "monotonic", "perf_counter")
NS = 1_000_000_000


@contextmanager
def shown(now_s: Callable[[], float]) -> Iterator[None]:
    """While the block runs, ``time.time()`` and its like are a run's clock.

    Who imported a clock by its own name (``from time import monotonic``) before keeps the
    machine's.

    Args:
        now_s: reads it, in seconds.
    """
    clocks: dict[str, Callable[[], float]] = {
        **dict.fromkeys(CLOCKS, now_s),
        **{f"{name}_ns": lambda: round(now_s() * NS) for name in CLOCKS},
    }
    machine = {name: getattr(time, name) for name in clocks}
    try:
        vars(time).update(clocks)
        yield
    finally:
        vars(time).update(machine)
