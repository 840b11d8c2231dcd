"""How full a server was, by readings once a second."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from slaibench.measure.server_use import ServerUse, increase, server_use, together
from slaibench.recording.record import ServerTable

NAN = float("nan")


def table(**columns: list[float]) -> ServerTable:
    """Readings at -1, 0.5, 1.5, 2.5 s unless they say otherwise; the rest is not known."""
    times = columns.pop("answered_s", [-1.0, 0.5, 1.5, 2.5])
    given = {"asked_s": times, "answered_s": times, **columns}
    unknown = [NAN] * len(times)
    return ServerTable(
        **{field.name: np.array(given.get(field.name, unknown)) for field in fields(ServerTable)}
    )


def test_peaks_are_those_of_the_run_and_counts_begin_before_it() -> None:
    use = server_use(
        table(
            waiting=[9.0, 1.0, 4.0, 8.0],
            kv_use=[0.9, 0.2, 0.4, 0.8],
            preemptions=[10.0, 10.0, 12.0, 13.0],
        ),
        2.0,
        1,
    )
    assert (use.waiting_peak, use.kv_peak, use.readings) == (4, 0.4, 2)
    assert use.kv_mean == pytest.approx(0.3)
    assert use.preemptions == 3  # the reading after the end has what happened up to it
    assert use.running_peak is None
    assert use.prefix_hit_share is None


def test_a_counter_that_began_anew_grew_by_what_it_is() -> None:
    assert increase(np.array([100.0, 103.0, 2.0, NAN, 5.0])) == 3 + 2 + 3
    assert increase(np.array([NAN, 7.0])) is None
    assert increase(np.array([])) is None


def test_runs_come_together_by_peaks_sums_and_readings() -> None:
    few = ServerUse(1.0, 5.0, 0.1, 0.2, 1.0, 10.0, 100.0, 1, 10)
    many = ServerUse(None, 9.0, 0.4, 0.3, 2.0, 50.0, 100.0, 2, 20)
    both = together([few, many])
    assert both is not None
    assert (both.waiting_peak, both.running_peak, both.kv_peak) == (1, 9, 0.3)
    assert both.kv_mean == pytest.approx(0.3)
    assert (both.preemptions, both.prefix_hit_share) == (3, 0.3)
    assert (both.engines, both.readings) == (2, 30)
    assert together([]) is None
