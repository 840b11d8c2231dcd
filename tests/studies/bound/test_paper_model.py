"""The paper's model as a profile, and its lengths as a workload."""

from __future__ import annotations

import math

import numpy as np
import pytest

from slaibench.costmodel import CostModel
from slaibench.spec import StudySpec
from slaibench.studies.bound.paper_model import (
    PaperLengths,
    paper_lengths,
    paper_model,
    paper_profile,
    paper_study,
)
from slaibench.studies.bound.spec import rad


@pytest.mark.parametrize("step_s", [0.0, 0.001])
@pytest.mark.parametrize(
    ("decodes", "context", "prefills"),
    [(1, 500, []), (128, 60_000, []), (129, 60_000, []), (0, 0, [(128, 896)]), (0, 0, [(1, 0)])],
)
def test_the_profile_is_the_formula(
    step_s: float, decodes: int, context: int, prefills: list[tuple[int, int]]
) -> None:
    profile, formula = CostModel(paper_profile(step_s)), paper_model(step_s)
    time_s = profile.batch_time_s(decodes, context, prefills) + profile.between_s(decodes)
    wanted = formula.batch_time_s(decodes, context, prefills) + formula.between_s(decodes)
    assert time_s == pytest.approx(wanted, rel=1e-6)
    assert time_s >= wanted


def test_samples_have_the_means_of_the_law() -> None:
    lengths = PaperLengths().sample(200_000, np.random.default_rng(1))
    prompts, decodes = paper_lengths()
    assert lengths.prompt_tokens.mean() == pytest.approx(prompts.mean(), rel=0.01)
    assert (lengths.output_tokens - 1).mean() == pytest.approx(decodes.mean(), rel=0.01)
    assert set(np.unique(lengths.prompt_tokens)) == {128 * k for k in range(1, 9)}
    assert lengths.output_tokens.max() == 513


def test_more_samples_leave_the_first_ones_as_they_were() -> None:
    few, many = (PaperLengths().sample(n, np.random.default_rng(1)) for n in (10, 20))
    np.testing.assert_array_equal(few.output_tokens, many.output_tokens[:10])


def test_rads_published_throughput() -> None:
    """35.8 requests/s over a whole run with no end of cycles, of 36.25."""
    prepared = paper_study(StudySpec(num_seeds=1), (rad(128, math.inf),), 0.0, 4000)
    recording = prepared.run(prepared.cells()[0])
    assert len(recording.requests) / recording.run["end_s"] == pytest.approx(35.8, rel=0.01)


def test_step_costs_are_told_apart_in_recordings() -> None:
    cells = [
        paper_study(StudySpec(num_seeds=1), (rad(128, 32),), step_s, 40).cells()[0]
        for step_s in (0.0, 0.001)
    ]
    assert cells[0].profile_fingerprint != cells[1].profile_fingerprint
