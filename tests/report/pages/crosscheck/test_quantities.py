"""Quantities are written alike, and differences with the right sign and size."""

from __future__ import annotations

import pytest

from slaibench.report.pages.crosscheck.quantities import allowed, quantity
from slaibench.report.words import hundredths

NBSP = "\u00a0"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-0.0108, f"−1.08{NBSP}%"),
        (0.00001, f"+<{NBSP}0.01{NBSP}%"),
        (-0.00001, f"−<{NBSP}0.01{NBSP}%"),
        (0.0999, f"+9.99{NBSP}%"),
        (0.25, f"+25{NBSP}%"),
        (3.0, "×4.00"),
    ],
)
def test_a_difference_is_never_written_as_none(value: float, text: str) -> None:
    assert hundredths(value) == text


def test_values_that_stand_below_each_other_have_the_same_decimals() -> None:
    assert quantity("ttft_p50_s").texts([0.0384, 30.5, None]) == ["0.0384", "30.5000", "–"]
    assert quantity("tbt_p99_s@free").texts([0.1]) == ["100.0"]
    assert quantity("kv_mean").texts([0.12345]) == ["12.35"]
    assert quantity("steps").texts([42180.0]) == ["42,180"]


def test_an_unknown_quantity_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown metric"):
        quantity("warmth")


def test_a_tolerance_is_written_to_both_sides() -> None:
    assert allowed(0.03) == f"±{NBSP}3{NBSP}%"
