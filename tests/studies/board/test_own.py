"""Runs of our own on the board: as validations replay them, each in its engine's own mode."""

from __future__ import annotations

from dataclasses import astuple, replace
from pathlib import Path

import pytest

from slaibench.catalog import get_profile
from slaibench.studies.board.own import OwnRun, plan_own, run_own
from slaibench.studies.validation.validation_run import validate_run
from tests.studies.studies import study, sweep
from tests.studies.validation.logs import write_log

ROOT = Path(__file__).parents[3] / "results" / "gpu" / "h200-vllm-0.26" / "recordings"
CELL = ROOT / "vllm-cuda-NVIDIA_H200-mistral-7b" / "slai" / "rate5.09-seed0-f26afb0ef8b134b7"


def test_a_recording_of_a_gpu_is_scored_with_the_synchronous_host_time():
    plans = plan_own([], [CELL])
    (own,) = run_own(plans)
    assert (own.gpu, own.model, own.status) == ("h200", "mistral-7b", "compiled")
    assert (own.engine, own.asynchronous) == ("vllm 0.26.0 (cuda)", False)
    ((planned,),) = (plan.runs for plan in plans)
    host = get_profile("h200", "mistral-7b").host
    assert host is not None
    synchronous = replace(planned.profile, host=replace(host, asynchronous=None))
    again = validate_run(planned.run, synchronous)
    tpot_s = again.errors["tpot"].statistics["mean"].other
    assert own.ours.tpot_ms == pytest.approx(tpot_s * 1e3, abs=1e-3)
    assert own.ours.tpot_ms < own.measured.tpot_ms
    assert OwnRun.of_json(own.to_json()) == own


def test_a_log_is_scored_as_its_engine_decided(tmp_path: Path):
    (own,) = run_own(plan_own([write_log(tmp_path, count=40)], []))
    assert own.asynchronous
    assert own.status == "measured"
    # The log is the simulator's.
    assert astuple(own.ours) == pytest.approx(astuple(own.measured), abs=0.01)
    assert dict(own.grades)["all"] == "A"


def test_times_of_a_profile_are_no_run_of_an_engine(tmp_path: Path):
    sweep(study(kv_blocks=300, rates=(15.0,)), tmp_path, jobs=1)
    with pytest.raises(ValueError, match=r"a profile's own.*give runs of a real engine"):
        plan_own([], [tmp_path])
