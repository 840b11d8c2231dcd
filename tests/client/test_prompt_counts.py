"""Which counts of a prompt's tokens are believed: both sides of each limit."""

from __future__ import annotations

import pytest

from slaibench.client.prompt_counts import is_plausible, prompt_notes


@pytest.mark.parametrize(
    ("sent", "counted", "plausible"),
    [
        (5, 77, True),
        (100, 10, True),
        (100, 9, False),
        (100, 11_000, True),
        (100, 11_001, False),
        (20, 10**9, False),
    ],
)
def test_a_count_is_held_against_what_was_sent(sent: int, counted: int, plausible: bool) -> None:
    assert is_plausible(sent, counted) is plausible
    assert bool(prompt_notes([(sent, counted), (5, None)])) is not plausible


def test_the_note_has_the_worst() -> None:
    (note,) = prompt_notes([(20, 10**9), (20, 10**8)])
    assert "1,000,000,000 of a prompt of 20 tokens" in note
