"""Numbers and names read as people write them, and never say more than is known."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slaibench.report import words
from slaibench.studies.estimate import Estimate
from slaibench.studies.targets import STEADY

NBSP = "\u00a0"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.06329, "0.0633"),
        (0.934, "0.934"),
        (9.994, "9.99"),
        (9.996, "10.0"),
        (999.4, "999"),
        (999.6, "1,000"),
        (1234567.0, "1,230,000"),
        (-0.5, "−0.500"),
        (0.0, "0"),
    ],
)
def test_three_significant_digits_without_an_exponent(value: float, shown: str) -> None:
    assert words.significant(value) == shown


@given(st.floats(1e-6, 1e9))
def test_significant_digits_keep_the_value_to_half_a_unit_of_the_last_one(value: float) -> None:
    read = float(words.significant(value).replace(",", ""))
    assert math.isclose(read, value, rel_tol=0.005001)


def test_ends_of_an_interval_get_digits_until_they_differ() -> None:
    assert words.together([6.767, 6.746, 6.788]) == ["6.77", "6.75", "6.79"]
    assert words.together([6.767, 6.7666, 6.7674]) == ["6.7670", "6.7666", "6.7674"]
    assert words.together([2.0, 2.0]) == ["2.00", "2.00"]


def test_a_capacity_that_is_a_measured_rate_reads_like_one() -> None:
    assert words.capacity_digits([7.237, 7.237, 7.483], "cliff") == ["7.237", "7.237", "7.483"]
    assert words.capacity_digits([20.0], None) == ["20"]
    assert words.capacity_digits([6.76703, 6.74565, 6.78849], "smooth") == ["6.77", "6.75", "6.79"]


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (1.0, f"100.00{NBSP}%"),
        (0.99996, f">{NBSP}99.99{NBSP}%"),
        (0.99994, f"99.99{NBSP}%"),
        (0.00004, f"<{NBSP}0.01{NBSP}%"),
        (0.00006, f"0.01{NBSP}%"),
        (0.0, f"0.00{NBSP}%"),
    ],
)
def test_a_share_reads_100_percent_only_when_it_is(share: float, shown: str) -> None:
    assert words.percent(share) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (-0.702, f"−70{NBSP}%"),
        (0.26, f"+26{NBSP}%"),
        (0.004, f"+0.4{NBSP}%"),
        (0.999, f"+100{NBSP}%"),
        (1.0, "×2.00"),
        (10.7, "×11.7"),
    ],
)
def test_a_change_is_a_percentage_below_the_double_and_a_factor_from_there(
    value: float, shown: str
) -> None:
    assert words.change(value) == shown


def test_a_change_to_a_tenth_is_written_as_pages_do() -> None:
    assert words.tenths(-0.35) == f"−35.0{NBSP}%"
    assert words.share(0.99999) == f"100.0{NBSP}%"


def test_durations_and_bounds_take_the_unit_that_people_use() -> None:
    assert words.seconds(0.0999) == f"99.9{NBSP}ms"
    assert words.seconds(0.1) == f"0.100{NBSP}s"
    assert words.bound(0.1) == f"100{NBSP}ms"
    assert words.bound(2) == f"2{NBSP}s"


def test_a_table_cell_says_why_there_is_no_number() -> None:
    estimate = {"value": 0.5, "low": 0.4, "high": 0.625, "n": 20, "beyond": False}
    assert words.number(estimate, 2) == "0.50"
    assert words.ends(estimate, 2) == "0.40 to 0.62"
    assert words.ends({**estimate, "low": -0.1}, 2) == "0.00 to 0.62"
    small = {"value": None, "low": None, "high": None, "n": 12, "beyond": False}
    assert words.number(small, 2) == "n too small"
    assert words.ends(small, 2) == ""
    assert words.number({**small, "beyond": True}, 2) == "≥ run"
    assert words.number({**small, "n": 0}, 2) == "–"


def test_a_column_has_two_digits_of_its_smallest_value() -> None:
    assert words.decimals_for([0.0633, 10.7, None]) == 3
    assert words.decimals_for([12.0, 300.0], least=1) == 1
    assert words.decimals_for([1e-9], most=4) == 4
    assert words.decimals_for([None, 0.0], least=2) == 2


def test_targets_and_what_breaks_them_in_words() -> None:
    tiers = {"paying": 0.1, "free": 0.5}
    assert words.targets("ttft_p50<0.5,tbt_p99<tier,e2e_mean@free<9", tiers) == [
        f"median TTFT at most 500{NBSP}ms",
        f"P99 TBT of each tier within its own SLO (paying 100{NBSP}ms, free 500{NBSP}ms)",
        f"mean end-to-end time of tier free at most 9{NBSP}s",
    ]
    assert words.binding("tbt_p99<tier", "paying", tiers) == (
        f"P99 TBT of tier paying above 100{NBSP}ms"
    )
    assert words.binding(STEADY, None, tiers).startswith("saturation")


def test_a_path_loses_its_folders_before_its_options() -> None:
    name = "path/to/file.py:Class:opt=1"
    assert words.short_names([name, "slai"]) == {name: "file.py:Class:opt=1", "slai": "slai"}


@given(st.lists(st.text(min_size=1, max_size=60), unique=True, max_size=8))
def test_short_names_stay_different(names: list[str]) -> None:
    short = words.short_names(names)
    assert list(short) == names
    assert len(set(short.values())) == len(names)


def test_lines_of_a_terminal_become_sentences() -> None:
    assert words.sentences("simulated x: y\nnot validated") == [
        "Simulated x: y.",
        "Not validated.",
    ]
    assert words.sentences("") == []


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0838, "0.0838"),
        (0.5, "0.500"),
        (1.0, "1.00"),
        (11.84, "11.8"),
        (99.96, "100.0"),
        (123.4, "123"),
        (2154.7, "2,155"),
        (0.0, "0"),
        (0.000123, "0.000123"),
        (-0.25, "-0.250"),
    ],
)
def test_numbers_have_three_digits_and_no_exponent(value: float, shown: str) -> None:
    assert words.plain_number(value) == shown


@given(st.floats(1e-3, 1e6))
def test_a_shown_number_is_close_to_the_number(value: float) -> None:
    assert float(words.plain_number(value).replace(",", "")) == pytest.approx(value, rel=0.0051)


def test_what_is_not_a_number_is_a_word() -> None:
    assert words.plain_seconds(Estimate(None, None, None, 5)) == "n too small"
    assert words.plain_seconds(Estimate(math.inf, None, None, 5)) == "unserved"
    assert words.plain_interval(Estimate(1.0, None, None, 5)) == ""
    assert words.plain_interval(Estimate(1.0, 0.5, math.inf, 5)) == "0.500–?"
    assert words.plain_interval(Estimate(0.5, 0.1, 0.9, 5), words.plain_change, " to ") == (
        "+10.0% to +90.0%"
    )
    assert words.plain_fixed(Estimate(1.23456, None, None, 5), 3) == "1.235"
    assert words.plain_fixed(Estimate(None, None, None, 5), 3) == "-"
    assert words.plain_share(None) == "-"
    assert words.plain_share(0.0) == "0.0%"
    assert words.plain_change(None) == "cannot tell"
    assert words.plural(1, "seed") == "1 seed"
    assert words.plural(1200, "cell") == "1,200 cells"
