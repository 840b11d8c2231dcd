"""A small study of bounds over real simulations."""

from __future__ import annotations

from typing import Any

from slaibench.spec import StudySpec
from slaibench.studies.bound.spec import BoundSpec
from tests.studies.studies import WORKLOAD


def small(**fields: Any) -> BoundSpec:
    """Two schedulers, two seeds, two budgets, one map, RAD with two cycles."""
    study = StudySpec(
        schedulers=("sarathi", "rad"),
        gpu="rtx6000-ada",
        workload=WORKLOAD,
        num_requests=900,
        num_seeds=2,
    )
    values: dict[str, Any] = {
        "study": study,
        "outputs": (60,),
        "loads": (0.3, 1.2),
        "budgets": (512, 528),
        "cycles": (32, float("inf")),
        "tiles": (128,),
        "step_costs_s": (0.0, 0.001),
        "rad_requests": 1000,
    }
    return BoundSpec(**{**values, **fields})
