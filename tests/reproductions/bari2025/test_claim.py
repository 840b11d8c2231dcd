"""Numbers in words, with their marks."""

from __future__ import annotations

import math

import pytest

from slaibench.reproductions.bari2025.claim import Finding, deviation_text, ours, printed
from slaibench.reproductions.bari2025.published import CHANGE, RATIO, PublishedValue, bari2025
from slaibench.reproductions.bari2025.verdict import ClaimVerdict
from slaibench.studies.estimate import Estimate


def value(number: float, unit: str) -> PublishedValue:
    return PublishedValue("x", number, unit, 0.001, "a test")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("capacity-sarathi-5", "1.15 requests/s (fitted)"),
        ("capacity-slai-5", "1.45 requests/s"),
        ("capacity-change-5", "+26 %"),
        ("ttft-change-5", "-53 % (inferred)"),
        ("ttft-sarathi-5", "1.5 s (fitted, inferred)"),
        ("ttft-change-50", "-51 % (derived, inferred)"),
        ("capacity-change-95", "+8.7 % (derived)"),
        ("ttft-slai-50", "0.73 s (inferred)"),
        ("prompt-p50", "1,730 tokens (given)"),
        ("rate-over-nominal", "1.052 (given)"),
    ],
)
def test_published_numbers_as_they_are_printed(name: str, text: str) -> None:
    assert printed(bari2025().value(name)) == text


def test_an_ordering_has_no_number() -> None:
    assert printed(None) == ""


@pytest.mark.parametrize(
    ("published", "estimate", "text"),
    [
        (
            value(1.15, "requests/s"),
            Estimate(1.141, 1.113, 1.168, 3),
            "1.14 requests/s [1.11, 1.17]",
        ),
        (value(-0.53, CHANGE), Estimate(-0.502, -0.531, -0.468, 3), "-50 % [-53 %, -47 %]"),
        (value(0.0465, "s"), Estimate(0.05271, None, None, 20), "52.7 ms"),
        (value(0.88, RATIO), Estimate(0.8812, 0.87, 0.89, 3), "0.8812 [0.87, 0.89]"),
        (value(1730, "tokens"), Estimate(1733.2, 1650.0, 1810.0, 3), "1,733 tokens [1,650, 1,810]"),
        (value(1.15, "requests/s"), Estimate(None, None, None, 0), "not told"),
        (value(1.15, "requests/s"), Estimate(math.inf, None, None, 3), "not told"),
        (value(1.15, "requests/s"), Estimate(1.0, 0.9, math.inf, 3), "1 requests/s [0.9, ?]"),
    ],
)
def test_ours_with_the_interval(published: PublishedValue, estimate: Estimate, text: str) -> None:
    assert ours(published, estimate) == text


def test_how_far_off_is_relative_to_the_published_number() -> None:
    finding = Finding(Estimate(1.33, 1.3, 1.36, 3), ClaimVerdict.CLOSE)
    assert deviation_text(value(1.45, "requests/s"), finding) == "-8.3 %"
    assert (
        deviation_text(value(1.45, "requests/s"), Finding(None, ClaimVerdict.AGREES, "seen")) == ""
    )
