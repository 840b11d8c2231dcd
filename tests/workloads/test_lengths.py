"""Synthetic lengths, summaries, and outputs stretched to a mean."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slaibench.workloads.errors import WorkloadError
from slaibench.workloads.generate import fingerprint
from slaibench.workloads.lengths import (
    Lengths,
    ScaledOutputs,
    UniformLengths,
    parse_fixed,
    parse_uniform,
    summarize,
)

SOURCE = UniformLengths((100, 900), (50, 150))
RANGES = st.tuples(st.integers(1, 500), st.integers(0, 500)).map(lambda r: (r[0], r[0] + r[1]))


def test_fixed_lengths_are_all_the_same():
    lengths = parse_fixed("prompt=1024,output=128").sample(3, np.random.default_rng(0))
    assert lengths.prompt_tokens.tolist() == [1024] * 3
    assert lengths.output_tokens.tolist() == [128] * 3


def test_uniform_lengths_reach_both_ends_equally_often():
    lengths = parse_uniform("prompt=3-6,output=1-2").sample(40_000, np.random.default_rng(0))
    for values, low, high in ((lengths.prompt_tokens, 3, 6), (lengths.output_tokens, 1, 2)):
        counts = np.bincount(values, minlength=high + 1)
        assert counts[:low].sum() == 0
        assert len(counts) == high + 1
        np.testing.assert_allclose(counts[low:] / 40_000, 1 / (high - low + 1), atol=0.01)


def test_prompt_and_output_are_independent():
    lengths = parse_uniform("prompt=1-1000,output=1-1000").sample(40_000, np.random.default_rng(0))
    assert abs(np.corrcoef(lengths.prompt_tokens, lengths.output_tokens)[0, 1]) < 0.02


@given(RANGES, RANGES, st.integers(1, 100), st.integers(0, 100), st.integers(0, 2**32))
def test_asking_for_more_keeps_the_first(prompt, output, num, more, seed):
    source = UniformLengths(prompt, output)
    first, longer = (source.sample(n, np.random.default_rng(seed)) for n in (num, num + more))
    for column, (low, high) in (("prompt_tokens", prompt), ("output_tokens", output)):
        values = getattr(first, column)
        np.testing.assert_array_equal(getattr(longer, column)[:num], values)
        assert low <= values.min()
        assert values.max() <= high


@pytest.mark.parametrize(
    ("parse", "text", "message"),
    [
        (parse_fixed, "", "fixed needs prompt=VALUE"),
        (parse_fixed, "prompt=5", "fixed needs output=VALUE"),
        (parse_fixed, "prompt=0,output=1", "prompt must be a whole number of at least 1, not '0'"),
        (parse_fixed, "promt=5,output=1", "did you mean 'prompt'"),
        (parse_uniform, "prompt=5,output=1-2", "range such as 1-2048, not '5'"),
        (parse_uniform, "prompt=9-5,output=1-2", "1 <= low <= high, not 9-5"),
        (parse_uniform, "prompt=0-5,output=1-2", "low end must be .* not '0'"),
        (parse_uniform, "prompt=1-x,output=1-2", "high end must be .* not 'x'"),
    ],
)
def test_refuses_malformed_lengths(parse, text, message):
    with pytest.raises(WorkloadError, match=message):
        parse(text)


def test_names_read_back():
    fixed, uniform = "fixed:prompt=7,output=3", "uniform:prompt=1-9,output=3-4"
    assert parse_fixed(fixed.partition(":")[2]).name == fixed
    assert parse_uniform(uniform.partition(":")[2]).name == uniform


def test_summary_has_exact_quantiles_of_each_column():
    lengths = Lengths(np.arange(1, 102), np.full(101, 10))
    summary = summarize(lengths)
    assert summary["prompt_tokens"]["mean"] == summary["prompt_tokens"]["p50"] == 51
    assert summary["prompt_tokens"]["p90"] == 91
    assert summary["total_tokens"]["max"] == 111
    assert summary["output_tokens"]["min"] == summary["output_tokens"]["p99"] == 10


def test_description_of_a_synthetic_source_is_always_the_same():
    source = parse_uniform("prompt=1-99,output=1-9")
    assert source.describe() == source.describe()
    assert source.describe()["prompt_tokens"]["mean"] == pytest.approx(50, rel=0.01)


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
