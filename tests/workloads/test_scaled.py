"""Outputs stretched to a mean; prompts as they were."""

from __future__ import annotations

import numpy as np
import pytest

from slaibench.workloads.errors import WorkloadError
from slaibench.workloads.generate import fingerprint
from slaibench.workloads.lengths import UniformLengths
from slaibench.workloads.scaled import ScaledOutputs

SOURCE = UniformLengths((100, 900), (50, 150))


@pytest.mark.parametrize("mean", [10, 100, 500])
def test_the_mean_is_met_and_prompts_stay(mean: int) -> None:
    scaled = ScaledOutputs(SOURCE, mean, 4096)
    lengths = scaled.sample(20_000, np.random.default_rng(1))
    assert lengths.output_tokens.mean() == pytest.approx(mean, rel=0.01)
    same = SOURCE.sample(20_000, np.random.default_rng(1))
    np.testing.assert_array_equal(lengths.prompt_tokens, same.prompt_tokens)


def test_no_request_is_longer_than_allowed() -> None:
    lengths = ScaledOutputs(SOURCE, 500, 1000).sample(1000, np.random.default_rng(1))
    assert lengths.total_tokens.max() == 1000
    assert lengths.output_tokens.min() >= 1


def test_means_tell_sources_apart() -> None:
    prints = {fingerprint(ScaledOutputs(SOURCE, mean, 4096)) for mean in (10, 11)}
    assert len(prints) == 2


def test_outputs_of_nothing_and_prompts_too_long_are_refused() -> None:
    with pytest.raises(WorkloadError, match="mean_output must be at least 1, not 0"):
        ScaledOutputs(SOURCE, 0, 4096)
    with pytest.raises(WorkloadError, match="prompts of 900 tokens, which leave no room"):
        ScaledOutputs(SOURCE, 10, 900)
