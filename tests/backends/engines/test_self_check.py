"""A release that nobody tested is checked once, and refused only if it decides otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from slaibench.backends.base import Backend, BackendError, RunOutput, RunSettings
from slaibench.backends.engines import self_check
from slaibench.backends.engines.options import EngineOptions
from slaibench.backends.engines.self_check import Untested, difference, ensure
from slaibench.backends.simulator.backend import Simulator
from slaibench.backends.table import ENGINES
from slaibench.catalog.model import get_model
from slaibench.catalog.profile import Profile
from slaibench.catalog.profiles import get_profile
from slaibench.costmodel import CostModel
from slaibench.schedulers import registry
from slaibench.schedulers.base import Scheduler, SchedulerError
from slaibench.schedulers.engines.support import Releases
from slaibench.spec import Device
from slaibench.workloads.request import Request
from tests.backends.needed import needed


class Other:
    """The simulator, but for what a newer engine may do otherwise under SLAI."""

    def __init__(self, inner: Simulator, fault: str) -> None:
        self._inner, self._fault = inner, fault

    def run(
        self, requests: Sequence[Request], scheduler: Scheduler, settings: RunSettings
    ) -> RunOutput:
        output = self._inner.run(requests, scheduler, settings)
        if scheduler.name != "slai" or not self._fault:
            return output
        if self._fault == "refuses":
            raise SchedulerError("invariant 5")
        steps = output.steps
        if self._fault == "times":
            return replace(output, steps=replace(steps, end_s=steps.end_s + 1e-6))
        return replace(output, steps=replace(steps, kv_blocks_used=steps.kv_blocks_used // 2))

    def close(self) -> None:
        self._inner.close()


def release(opened: list[int], fault: str = "") -> Untested:
    def open_it(options: EngineOptions, profile: Profile, logs: Path) -> Backend:
        opened.append(1)
        assert options.kv_blocks is not None
        inner = Simulator(
            CostModel(profile),
            total_blocks=options.kv_blocks,
            max_context_tokens=options.max_context_tokens,
        )
        return Other(inner, fault)

    return Untested(
        Releases("Some", "step_log", (1, 0), (2, 0), "SLAIBENCH_ANY_SOME"), "9.9", open_it
    )


def test_one_that_agrees_is_checked_once_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[int] = []
    ensure(release(opened), tmp_path)
    said = capsys.readouterr().err
    assert "Some 9.9 is newer than what was tested (1.0 to 2.0): checking it" in said
    ensure(release(opened), tmp_path)
    assert (opened, capsys.readouterr().err) == ([1], "")


def test_more_blocks_in_use_are_no_difference(tmp_path: Path) -> None:
    ensure(release([], "blocks"), tmp_path)


@pytest.mark.parametrize(
    ("fault", "words"), [("times", "under slai: steps.end_s"), ("refuses", "invariant 5")]
)
def test_one_that_does_not_is_refused_each_time_with_the_ways_out(
    fault: str, words: str, tmp_path: Path
) -> None:
    opened: list[int] = []
    for _ in range(2):
        with pytest.raises(BackendError, match=words) as caught:
            ensure(release(opened, fault), tmp_path)
    assert opened == [1]
    assert "use 1.0 to 2.0, or set SLAIBENCH_ANY_SOME=1" in str(caught.value)


def test_one_that_does_not_start_is_asked_again(tmp_path: Path) -> None:
    def fail(options: EngineOptions, profile: Profile, logs: Path) -> Backend:
        raise BackendError("no memory")

    for _ in range(2):
        with pytest.raises(BackendError, match="no memory"):
            ensure(replace(release([]), open=fail), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_another_version_and_other_code_are_checked_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[int] = []
    ensure(release(opened), tmp_path)
    ensure(replace(release(opened), version="9.10"), tmp_path)
    monkeypatch.setattr(self_check, "fingerprint", lambda files: "other")
    ensure(release(opened), tmp_path)
    assert len(opened) == 3


def test_a_shorter_run_is_a_difference() -> None:
    options = EngineOptions(get_model("mistral-7b"), None, 9216, 512, 128, 1500)
    backend = release([]).open(options, get_profile("rtx4090", "mistral-7b"), Path())
    wanted = list(self_check.requests())
    scheduler = registry.build("sarathi")
    outputs = [backend.run(wanted[:count], scheduler, RunSettings()) for count in (9, 10)]
    assert difference(*outputs) == "10 requests instead of 9"


@pytest.mark.parametrize("key", list(ENGINES))
def test_the_installed_engine_passes_as_a_newer_one_would(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = ENGINES[key]
    needed(engine, Device.EMULATED)
    monkeypatch.setattr(Releases, "is_untested", lambda self, version: True)
    monkeypatch.setattr(self_check, "cache_dir", lambda: tmp_path)
    engine.check(Device.EMULATED)
    assert len(list((tmp_path / "self-checks").glob(f"{key}-*.json"))) == 1
