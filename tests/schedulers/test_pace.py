"""How fast an engine admits: only time in which somebody waits counts."""

from __future__ import annotations

import pytest

from slaibench.schedulers.pace import Pace


def test_it_is_the_mean_time_between_admissions() -> None:
    pace = Pace()
    for step in range(400):
        pace.admitted(1 + step % 2, 0.75 * step, waiting=99)  # three every 1.5 s
    assert pace.interval_s == pytest.approx(0.5, rel=0.05)


def test_a_step_that_admits_nobody_is_time_that_passes() -> None:
    pace = Pace()
    for step in range(40):
        pace.admitted(int(step % 4 == 0), 1.0 * step, waiting=5)
    assert pace.interval_s == 4.0


def test_while_nobody_waits_no_time_passes() -> None:
    pace = Pace()
    pace.admitted(1, 0.0, waiting=2)
    pace.admitted(1, 3.0, waiting=1)  # the last one
    pace.admitted(1, 1000.0, waiting=2)
    assert pace.interval_s == 3.0
    pace.admitted(1, 1003.0, waiting=1)
    assert pace.interval_s == 3.0
