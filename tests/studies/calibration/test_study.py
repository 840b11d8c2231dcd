"""A device whose cost model is known is measured; the profile must say the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from slaibench.backends.base import BackendError, RunOutput, RunSettings
from slaibench.catalog import get_profile, load_profile
from slaibench.costmodel import CostModel, StaircaseCostModel
from slaibench.schedulers.base import Scheduler
from slaibench.studies.calibration.design import ProbeKind, ProbeLimits
from slaibench.studies.calibration.fit import FitError
from slaibench.workloads.request import Request
from tests.studies.calibration.devices import LIMITS, MeasuredDevice, calibrated, folder, off

STAIRCASE = StaircaseCostModel(
    t_lin_s=0.004,
    t_col_tokens=128,
    per_token_s=2e-5,
    constant_s=0.003,
    decode_attention_s=2e-7,
    prefill_attention_s=4e-9,
    attention_tile_tokens=1,
    step_overhead_s=0.0015,
)


def test_a_staircase_is_found_with_its_tile_edges_and_its_overhead(tmp_path: Path) -> None:
    result = calibrated(MeasuredDevice(STAIRCASE), tmp_path)
    fitted = CostModel(load_profile(result.profile))
    assert fitted.between_s(1) == pytest.approx(0.0015, rel=1e-3)
    step = fitted.batch_time_s(0, 0, [(129, 0)]) - fitted.batch_time_s(0, 0, [(128, 0)])
    assert step == pytest.approx(0.004, rel=0.02)
    errors = np.abs(off(fitted, STAIRCASE, LIMITS))
    assert np.median(errors) < 0.001
    assert np.percentile(errors, 95) < 0.02


@pytest.mark.parametrize(
    ("gpu", "model", "median", "p95"),
    [
        # A formula for attention, tiles and waves, tables with dips: the form is the fit's own.
        ("rtx6000-ada", "mistral-7b", 0.002, 0.02),
        # Measured tables for attention, which a formula meets only nearly.
        ("h100", "mistral-7b", 0.02, 0.08),
        ("rtx-pro-6000", "llama-3.1-8b", 0.02, 0.08),
    ],
)
def test_a_profile_of_the_catalog_is_found_again(
    gpu: str, model: str, median: float, p95: float, tmp_path: Path
) -> None:
    truth = CostModel(get_profile(gpu, model))
    limits = ProbeLimits(token_budget=512, max_active=64, context_tokens=4096)
    result = calibrated(MeasuredDevice(truth, total_blocks=20_000), tmp_path, limits=limits)
    errors = np.abs(off(CostModel(load_profile(result.profile)), truth, limits))
    assert np.median(errors) < median
    assert np.percentile(errors, 95) < p95
    # What it says of itself on batches that it has not seen is no better than what is true.
    reported = {errors.kind: errors.median for errors in result.errors}
    assert set(reported) == set(ProbeKind)
    assert max(reported.values()) < 2 * median


def test_the_profile_says_what_was_measured_and_how_well(tmp_path: Path) -> None:
    result = calibrated(MeasuredDevice(STAIRCASE, delivery_s=0.003), tmp_path, rounds=2)
    profile = load_profile(result.profile)
    assert (profile.gpu, profile.model, profile.engine) == ("a-card", "mistral-7b", "some engine")
    assert (profile.kv_blocks, profile.block_size) == (8000, 16)
    assert profile.delivery_ms == pytest.approx(3.0)
    regime = profile.regime
    assert (regime.batch_tokens, regime.context_tokens) == (256, 2048)
    assert (regime.decodes, regime.mixed_decodes) == (30, 30)
    for kind in ("decode", "prefill", "mixed"):
        for name in (f"batch_left_out_{kind}", f"batch_left_out_{kind}_p95", f"batch_again_{kind}"):
            assert 0 <= profile.errors[name] < 0.05, name
    assert 0 < result.num_held_out < result.num_cells / 4
    assert result.disturbance is None


def test_a_machine_that_is_slower_in_half_of_the_rounds_is_reported(tmp_path: Path) -> None:
    class Disturbed(MeasuredDevice):
        """Twice as slow from the second round on."""

        def run(
            self, requests: Sequence[Request], scheduler: Scheduler, settings: RunSettings
        ) -> RunOutput:
            if len(self.runs) == 4:
                self._timer = CostModel(get_profile("rtx4090", "llama-3.1-8b"), slowdown=1.5)
            return super().run(requests, scheduler, settings)

    steady = CostModel(get_profile("rtx4090", "llama-3.1-8b"))
    result = calibrated(Disturbed(steady), tmp_path, rounds=2)
    assert result.disturbance == pytest.approx(1 / 3, rel=0.05)


def test_what_is_there_is_not_measured_again(tmp_path: Path) -> None:
    device = MeasuredDevice(STAIRCASE)
    first = calibrated(device, tmp_path, rounds=2)
    parts = len(device.runs)
    assert parts == 2 * 4  # a light load and three pools
    assert calibrated(NotOpened(), tmp_path, rounds=2) == first
    one_more = calibrated(device, tmp_path, rounds=3)
    assert (one_more.rounds, len(device.runs)) == (3, parts + 4)


class NotOpened:
    def open(self, logs: Path) -> MeasuredDevice:
        raise AssertionError("nothing is left to measure")


def test_a_calibration_that_broke_off_goes_on_where_it_was(tmp_path: Path) -> None:
    class Breaks(MeasuredDevice):
        def run(
            self, requests: Sequence[Request], scheduler: Scheduler, settings: RunSettings
        ) -> RunOutput:
            if len(self.runs) == 3:
                raise BackendError("the engine is gone")
            return super().run(requests, scheduler, settings)

    with pytest.raises(BackendError, match="is gone"):
        calibrated(Breaks(STAIRCASE), tmp_path)
    assert not (tmp_path / "profile.json").exists()
    device = MeasuredDevice(STAIRCASE)
    calibrated(device, tmp_path)
    assert len(device.runs) == 1
    assert sorted(tmp_path.glob("*.plan*")) == []


def test_a_round_that_the_time_cuts_still_gives_what_it_has(tmp_path: Path) -> None:
    class Cut(MeasuredDevice):
        """Ends every phase after a second."""

        def run(
            self, requests: Sequence[Request], scheduler: Scheduler, settings: RunSettings
        ) -> RunOutput:
            if settings.horizon_s is not None:
                settings = RunSettings(settings.scheduler, settings.seed, horizon_s=1.0)
            return super().run(requests, scheduler, settings)

    slow = StaircaseCostModel(t_lin_s=0.01, t_col_tokens=128, step_overhead_s=0.001)
    whole = calibrated(MeasuredDevice(slow), tmp_path / "whole")
    part = calibrated(Cut(slow), tmp_path / "part")
    assert 20 < part.num_cells < 0.9 * whole.num_cells

    with pytest.raises(FitError, match="more --minutes"):
        calibrated(Cut(StaircaseCostModel(t_lin_s=2.0, t_col_tokens=128)), tmp_path / "none")


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        ("error", "no such model", "of a plan failed: no such model"),
        ("num_preemptions", 1, "holds"),
    ],
)
def test_requests_that_fail_or_are_preempted_are_no_measurement(
    column: str, value: object, why: str, tmp_path: Path
) -> None:
    class Fails(MeasuredDevice):
        def run(
            self, requests: Sequence[Request], scheduler: Scheduler, settings: RunSettings
        ) -> RunOutput:
            output = super().run(requests, scheduler, settings)
            values = np.full(len(output.requests), value)
            return replace(output, requests=replace(output.requests, **{column: values}))

    with pytest.raises(BackendError, match=why):
        calibrated(Fails(STAIRCASE), tmp_path)


def test_a_folder_is_one_calibrations(tmp_path: Path) -> None:
    calibrated(MeasuredDevice(STAIRCASE), tmp_path)
    other = folder(tmp_path)
    with pytest.raises(ValueError, match=r"another calibration \(engine 'some engine' there"):
        other.take({"engine": "another"}, fresh=False)
    other.take({"engine": "another"}, fresh=True)
    assert not list(tmp_path.glob("round-*"))
    (tmp_path / "of-mine").mkdir()
    (tmp_path / "of-mine" / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="something else than a calibration"):
        folder(tmp_path / "of-mine")
    with pytest.raises(ValueError, match="a comma in its path"):
        folder(tmp_path / "a,b")


def test_files_are_plain_and_whole(tmp_path: Path) -> None:
    calibrated(MeasuredDevice(STAIRCASE), tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        "calibration.json",
        "profile.json",
        "round-001-light.json",
        *(f"round-001-{phase}.jsonl" for phase in ("short", "middle", "long")),
    }
    about = json.loads((tmp_path / "calibration.json").read_text())
    assert about["facts"] == {"kv_blocks": 8000, "block_size": 16}
