"""What a GPU session works with that needs no GPU: comparing ids."""

from __future__ import annotations

from benchmarks.gpu.greedy import compared


def test_ids_agree_up_to_the_first_difference() -> None:
    own = [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert compared(own, own)["earliest_difference"] is None
    agreement = compared(own, [[1, 2, 3, 4], [5, 9, 7, 8]])
    assert agreement["requests_equal"] == 0.5
    assert agreement["first_tokens_equal"] == 1.0
    assert agreement["tokens_before_a_difference"] == 5 / 8
    assert agreement["earliest_difference"] == 1


def test_an_answer_that_ends_early_differs_where_it_ends() -> None:
    assert compared([[1, 2, 3]], [[1, 2]])["earliest_difference"] == 2
