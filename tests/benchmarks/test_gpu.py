"""What a sitting at a GPU works with that needs none: comparing ids."""

from __future__ import annotations

from benchmarks.gpu.greedy import compared


def test_ids_agree_up_to_the_first_difference() -> None:
    own = [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert compared(own, own)["earliest_difference"] is None
    found = compared(own, [[1, 2, 3, 4], [5, 9, 7, 8]])
    assert found["requests_equal"] == 0.5
    assert found["first_tokens_equal"] == 1.0
    assert found["tokens_before_a_difference"] == 5 / 8
    assert found["earliest_difference"] == 1


def test_an_answer_that_ends_early_differs_where_it_ends() -> None:
    assert compared([[1, 2, 3]], [[1, 2]])["earliest_difference"] == 2
