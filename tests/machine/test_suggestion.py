"""The name that was meant is found, and none is made up."""

from __future__ import annotations

import pytest

from slaibench.machine.suggestion import did_you_mean

NAMES = ("mistral-7b", "llama-3-8b", "H100")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mistral7b", "did you mean 'mistral-7b'? "),
        ("MISTRAL-7B", "did you mean 'mistral-7b'? "),
        ("h10", "did you mean 'H100'? "),
        ("qwen", ""),
        ("", ""),
    ],
)
def test_the_nearest_name_is_named_if_one_is_near(name: str, said: str) -> None:
    assert did_you_mean(name, NAMES) == said


def test_among_no_names_none_is_near() -> None:
    assert did_you_mean("slai", ()) == ""
