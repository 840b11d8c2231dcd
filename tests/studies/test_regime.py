"""A run says where it left what its profile was measured for."""

from __future__ import annotations

from pathlib import Path

from slaibench.spec import StudySpec
from slaibench.studies.sweep import SweepResult
from tests.studies.studies import sweep


def swept(tmp_path: Path, scheduler: str, workload: str) -> SweepResult:
    spec = StudySpec(
        gpu="rtx6000-ada",
        schedulers=(scheduler,),
        workload=workload,
        rates=(0.5,),
        num_seeds=1,
        num_requests=20,
        arrivals="burst",
    )
    return sweep(spec, tmp_path, jobs=1)


def test_a_run_inside_the_regime_warns_of_nothing(tmp_path: Path) -> None:
    assert swept(tmp_path, "sarathi", "fixed:prompt=500,output=20").warnings == ()


def test_a_batch_larger_than_measured_is_named_with_both_sizes(tmp_path: Path) -> None:
    found = swept(tmp_path, "sarathi:token_budget=2048", "fixed:prompt=500,output=20")
    assert found.warnings == (
        "outside the profile's regime: tokens in a batch: 2048, measured up to 1024 "
        "(sarathi:token_budget=2048)",
    )
    assert found.to_json()["warnings"] == list(found.warnings)


def test_a_context_longer_than_measured_is_named(tmp_path: Path) -> None:
    found = swept(tmp_path, "sarathi", "fixed:prompt=9000,output=20")
    assert found.warnings == (
        "outside the profile's regime: context of a request: 9020, measured up to 8192 (sarathi)",
    )
