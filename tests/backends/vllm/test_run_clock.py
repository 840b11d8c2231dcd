"""What a scheduler class reads as the time, in virtual time."""

from __future__ import annotations

import time

import pytest

from slaibench.backends.vllm.run_clock import CLOCKS, shown


@pytest.mark.parametrize("name", CLOCKS)
def test_a_clock_is_the_runs_and_then_the_machines_again(name: str) -> None:
    machine = getattr(time, name)
    with shown(lambda: 12.5):
        assert getattr(time, name)() == 12.5
        assert getattr(time, f"{name}_ns")() == 12_500_000_000
    assert getattr(time, name) is machine


def test_a_class_that_raises_leaves_the_machines_clock() -> None:
    machine = time.time

    def fails() -> None:
        with shown(lambda: 1.0):
            raise KeyError("a fault of its own")

    with pytest.raises(KeyError):
        fails()
    assert time.time is machine
