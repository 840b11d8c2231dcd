"""Real engines: on an emulated device, whose truth is known, and computing on this CPU."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from slaibench.backends.table import ENGINES
from slaibench.catalog import get_profile, load_profile
from slaibench.costmodel import CostModel
from slaibench.spec import Device, StudySpec
from slaibench.studies.calibration.design import ProbeKind, ProbeLimits
from slaibench.studies.calibration.result import CalibrationResult
from slaibench.studies.calibration.session import Budget
from slaibench.studies.calibration.study import plan, run
from tests.backends.needed import needed
from tests.studies.calibration.devices import off

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="engines run on Linux only"),
    # Engines and what they import warn of things that are not ours to mend.
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(params=list(ENGINES))
def backend(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def measured(
    backend: str, device: Device, path: Path, limits: ProbeLimits, **fields: str
) -> CalibrationResult:
    """One round on an engine."""
    needed(ENGINES[backend], device)
    spec = StudySpec(
        backend=backend, device=device, max_context_tokens=limits.context_tokens, **fields
    )
    return run(
        plan(
            spec,
            path,
            Budget(60, 1),
            token_budget=limits.token_budget,
            max_active=limits.max_active,
        )
    )


def test_an_engine_on_an_emulated_device_gives_the_devices_profile(
    backend: str, tmp_path: Path
) -> None:
    """Whatever the engine itself does to the probe's batches would show here."""
    limits = ProbeLimits(token_budget=256, max_active=16, context_tokens=1024)
    result = measured(backend, Device.EMULATED, tmp_path, limits, gpu="rtx6000-ada")
    truth = get_profile("rtx6000-ada", "mistral-7b")
    profile = load_profile(result.profile)
    assert (profile.kv_blocks, profile.block_size) == (truth.kv_blocks, truth.block_size)
    errors = np.abs(off(CostModel(profile), CostModel(truth), limits))
    assert np.median(errors) < 0.005
    assert np.percentile(errors, 95) < 0.05
    assert ENGINES[backend].name in profile.engine


def test_an_engine_that_computes_is_measured_in_all_kinds_of_batches(
    backend: str, tmp_path: Path
) -> None:
    limits = ProbeLimits(token_budget=32, max_active=8, context_tokens=192)
    result = measured(backend, Device.CPU, tmp_path, limits, model="tiny-mistral")
    assert {errors.kind for errors in result.errors} == set(ProbeKind)
    profile = load_profile(result.profile)
    assert profile.kv_blocks == result.memory.kv_blocks > 0
    assert profile.regime.decodes == 6
    cost = CostModel(profile)
    assert cost.between_s(1) > 0
    assert cost.batch_time_s(0, 0, [(32, 0)]) > 0
    assert cost.batch_time_s(2, 300, []) > 0
