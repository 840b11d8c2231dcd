from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from slaibench.backends.base import RunSettings
from slaibench.backends.simulator.backend import Simulator
from slaibench.costmodel import StaircaseCostModel
from slaibench.schedulers import registry
from slaibench.schedulers.base import SchedulerError
from slaibench.studies.calibration import probe
from slaibench.studies.calibration.probe_plan import ProbePlan, Visit, read_steps
from slaibench.workloads.request import Request

TIMER = StaircaseCostModel(
    t_lin_s=0.004, t_col_tokens=16, decode_attention_s=1e-6, step_overhead_s=0.001
)
PLAN = ProbePlan(
    pool=(20, 40, 60),
    visits=(
        Visit(5, 0, 2),
        Visit(6, 1, 3, ((0, 16),)),
        Visit(7, 2, 0, ((0, 8),)),
        Visit(5, 2, 2),
        Visit(8, 0, 1, ((1, 4), (2, 6))),
        Visit(5, 0, 1),
    ),
)


def text(path: Path, **options: Any) -> str:
    """The probe as an engine is given it."""
    more = "".join(f",{name}={value}" for name, value in options.items())
    return f"{probe.__file__}:Probe:plan={path}{more}"


def run(path: Path, requests: list[Request], plan: ProbePlan = PLAN) -> None:
    plan.write(path)
    simulator = Simulator(TIMER, total_blocks=500)
    simulator.run(
        requests, registry.build(text(path, token_budget=64, max_active=8)), RunSettings()
    )


def test_every_step_is_what_the_plan_says_and_its_time_what_the_device_took(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.plan"
    run(path, PLAN.requests())
    lines = Path(f"{path}.steps").read_text().splitlines(keepends=True)
    steps = [step for step in read_steps(lines) if step.cell != probe.NO_VISIT]
    # The last has no next one to be measured against.
    assert [step.cell for step in steps] == [5, 6, 7, 5, 8]
    assert [step.decodes for step in steps] == [2, 3, 0, 2, 1]
    # 20 + 1 and 40 + 1; the second time they have one more each, and so on.
    assert [step.context_tokens for step in steps] == [62, 22 + 42 + 61, 0, 62 + 23, 24]
    assert [step.chunks for step in steps] == [
        (),
        ((16, 0),),
        ((8, 16),),
        (),
        ((4, 0), (6, 0)),
    ]
    for step in steps:
        batch_s = TIMER.batch_time_s(step.decodes, step.context_tokens, step.chunks)
        assert step.forward_s == pytest.approx(batch_s)
        assert step.cycle_s == pytest.approx(batch_s + 0.001, abs=2e-6)
        assert step.between_s == pytest.approx(0, abs=2e-6)


def test_every_request_ends_with_its_last_visit() -> None:
    assert PLAN.num_decodes() == [5, 2, 2]
    assert PLAN.prompts == (24, 4, 6)
    assert [(r.prompt_tokens, r.output_tokens) for r in PLAN.requests()] == [
        *((20, 6), (40, 3), (60, 3)),
        *((24, 1), (4, 1), (6, 1)),
    ]


def test_a_request_too_many_is_not_left_for_ever(tmp_path: Path) -> None:
    requests = PLAN.requests()
    longer = [
        Request(
            request.request_id, 0.0, request.prompt_tokens, request.output_tokens + 3, request.tier
        )
        for request in requests
    ]
    run(tmp_path / "a.plan", longer)
    lines = (tmp_path / "a.plan.steps").read_text().splitlines(keepends=True)
    assert [step.cell for step in read_steps(lines)][-1] == probe.NO_VISIT


def test_a_plan_without_its_requests_is_not_begun(tmp_path: Path) -> None:
    with pytest.raises(SchedulerError, match="runs nothing"):
        run(tmp_path / "a.plan", PLAN.requests()[:-1])
    assert not (tmp_path / "a.plan.steps").exists()


def test_a_plan_that_is_not_there_is_refused_when_it_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"plan '.*none.plan' cannot be read"):
        registry.build(text(tmp_path / "none.plan"))


def test_a_line_that_was_cut_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.plan"
    run(path, PLAN.requests())
    whole = Path(f"{path}.steps").read_text().splitlines(keepends=True)
    assert len(read_steps([*whole[:-1], whole[-1][:7]])) == len(whole) - 2
    assert read_steps([]) == []
