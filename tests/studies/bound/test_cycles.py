"""Theorem 2's cycle beside what was measured: which tiles it is about, and what is sure."""

from __future__ import annotations

import math

import pytest

from slaibench.studies.bound.cycles import RadPoint, least_cycles, theorem_2
from slaibench.studies.estimate import Estimate


def point(cycle: float, low: float | None, *, tile: int = 128, step_s: float = 0.0) -> RadPoint:
    share = Estimate(0.97, low, None if low is None else 1.0, 3)
    return RadPoint(step_s, tile, cycle, share, share, 36.0)


def test_the_least_cycle_whose_interval_is_high_enough_is_enough() -> None:
    points = [point(500, 0.949), point(2000, 0.951), point(math.inf, 0.99)]
    (least,) = least_cycles(points, 0.05)
    assert least.enough == 2000
    assert "95 % of that with a cycle above 566,4" in theorem_2(least.to_json())
    assert "measured, 2000 is enough" in theorem_2(least.to_json())


@pytest.mark.parametrize("low", [0.94, None])
def test_without_a_sure_one_none_is_named(low: float | None) -> None:
    (least,) = least_cycles([point(2000, low)], 0.05)
    assert least.enough is None
    assert "of no measured one is it sure" in theorem_2(least.to_json())


def test_it_is_not_about_half_tiles_nor_a_cost_of_steps() -> None:
    points = [point(500, 1.0, tile=64), point(500, 1.0, step_s=0.001), point(500, 1.0, tile=256)]
    (least,) = least_cycles(points, 0.05)
    assert least.tile == 256
    (other,) = least_cycles([point(500, 1.0)], 0.05)
    assert least.cycle == pytest.approx(other.cycle * 255 / 127)


def test_a_smaller_eps_asks_for_a_longer_cycle() -> None:
    (wide,), (narrow,) = (least_cycles([point(500, 1.0)], eps) for eps in (0.1, 0.01))
    assert narrow.cycle == pytest.approx(10 * wide.cycle)
    assert math.isfinite(narrow.cycle)
