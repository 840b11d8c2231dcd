"""Rates are exact, ascending and positive."""

from __future__ import annotations

import pytest

from slaibench.rates import concurrency_of, parse_rates, round_rate, significant_rate


def test_auto_names_no_rate() -> None:
    assert parse_rates("auto") == parse_rates(" auto ") == ()


def test_a_rate_is_rounded_to_steps_that_people_read() -> None:
    assert round_rate(7.043, 0.14) == 7.0
    assert round_rate(1.137, 0.0226) == 1.14
    assert round_rate(0.0003, 0.001) == 0.001
    assert round_rate(347.0, 5.0) == 345.0


def test_a_rate_of_a_search_has_so_many_digits() -> None:
    assert significant_rate(7.04349) == 7.043
    assert significant_rate(0.000299996) == 0.0003
    assert significant_rate(12345.6) == 12350.0
    assert significant_rate(9.9996) == 10.0
    assert significant_rate(7.0434, 3) == 7.04


def test_a_range_is_inclusive_and_free_of_float_dust() -> None:
    assert parse_rates("1:5") == (1.0, 2.0, 3.0, 4.0, 5.0)
    assert parse_rates("0.2:1.6:0.2") == (0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6)
    assert parse_rates("1:2:0.75") == (1.0, 1.75)


def test_a_list_is_sorted_and_without_repeats() -> None:
    assert parse_rates("1.6, 0.8,1.2,0.8") == (0.8, 1.2, 1.6)


@pytest.mark.parametrize(
    "text", ["0", "-1", "0:3", "1:2:0", "1:2:-1", "nan", "inf", "1,,2", "", "fast", "1:2:3:4"]
)
def test_what_is_no_positive_rate_is_refused_with_the_accepted_form(text: str) -> None:
    with pytest.raises(ValueError, match=r"start:stop"):
        parse_rates(text)


def test_an_empty_or_endless_range_is_refused() -> None:
    with pytest.raises(ValueError, match="below the start"):
        parse_rates("5:1")
    with pytest.raises(ValueError, match="1000 are the most"):
        parse_rates("1:2:0.0001")


@pytest.mark.parametrize("given", ["64, 8,64", [64, 8, 64], (8, 64)])
def test_numbers_of_clients_are_sorted_and_without_repeats(given: str | list[int]) -> None:
    assert concurrency_of(given) == (8, 64)
    assert concurrency_of(8) == (8,)


@pytest.mark.parametrize("given", ["", "8,", "many", "8.5", "1:8"])
def test_what_is_no_number_of_clients_is_refused_with_the_accepted_form(given: str) -> None:
    with pytest.raises(ValueError, match="is not a whole number of clients; write a list, as 8"):
        concurrency_of(given)


@pytest.mark.parametrize("given", ["0", -1, [8, 100_001]])
def test_numbers_of_clients_out_of_range_are_refused(given: str | int | list[int]) -> None:
    with pytest.raises(ValueError, match="must lie between 1 and 100,000 clients, not"):
        concurrency_of(given)
