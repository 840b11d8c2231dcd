"""What the specification of a study of bounds may say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from slaibench.spec import Device, StudySpec
from slaibench.studies.bound.spec import BoundSpec

STUDY = StudySpec(schedulers=("sarathi", "rad"), workload="fixed:prompt=100,output=10")


def test_a_specification_survives_json() -> None:
    spec = BoundSpec(STUDY, outputs=(10, 20), eps=0.1)
    assert BoundSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


def test_a_backlog_is_due_at_once_and_runs_to_its_end() -> None:
    backlog = BoundSpec(STUDY, budgets=(512,)).backlog
    assert backlog.arrivals == "burst"
    assert not backlog.stops_early
    assert backlog.schedulers == ("sarathi", "rad", "sarathi:token_budget=512")
    assert backlog.num_requests == 2000


def test_budgets_that_are_among_the_schedulers_run_once() -> None:
    study = STUDY.model_copy(update={"schedulers": ("sarathi:token_budget=512",)})
    assert BoundSpec(study, budgets=(512,)).backlog.schedulers == ("sarathi:token_budget=512",)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"outputs": (20, 10)}, "outputs must increase: 20, 10"),
        ({"loads": (0.0, 0.5)}, "loads: 0.0 is not a positive number"),
        ({"budgets": (512, 512)}, "budgets must increase"),
        ({"eps": 0.0}, "eps must lie between 0 and 1, not be 0"),
        ({"eps": 1.0}, "eps must lie between 0 and 1, not be 1"),
    ],
)
def test_bad_values_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BoundSpec(STUDY, **fields)


def test_measured_devices_and_spared_prompts_are_refused() -> None:
    on_cpu = STUDY.model_copy(update={"backend": "vllm", "device": Device.CPU})
    with pytest.raises(ValueError, match="--device cpu has its own: use --backend sim"):
        BoundSpec(on_cpu)
    with pytest.raises(ValueError, match="leave --prefix-caching out"):
        BoundSpec(STUDY.model_copy(update={"prefix_caching": True}))
