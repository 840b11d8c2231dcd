"""What a scheduler class reads as the time, in virtual time."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from slaibench.backends.engines.run_clock import CLOCKS, shown
from slaibench.spec import Device
from slaibench.studies.systems.engines import VllmSystem
from tests.backends.needed import needed
from tests.backends.vllm.test_as_shipped import opened, run

BY_AGE = """
import time

from vllm.v1.core.sched.async_scheduler import AsyncScheduler


class ByAge(AsyncScheduler):
    def schedule(self, *args, **more):
        ages_s = [time.time() - request.arrival_time for request in self.waiting]
        assert all(0 <= age_s < 60 for age_s in ages_s), ages_s
        return super().schedule(*args, **more)

    def add_request(self, request):
        assert 0 <= time.time() - request.arrival_time < 60
        super().add_request(request)
"""


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


def test_an_age_in_a_class_of_vllms_is_the_runs(tmp_path: Path) -> None:
    needed(VllmSystem.ENGINE, Device.EMULATED)
    (tmp_path / "by_age.py").write_text(BY_AGE)
    backend = opened(asynchronous=True)
    try:
        output = run(backend, f"{tmp_path}/by_age.py:ByAge")
    finally:
        backend.close()
    assert output.requests.finished.all()
