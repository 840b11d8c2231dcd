"""The statistical model against the trace it stands in for."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import fields, replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from slaibench.workloads.errors import WorkloadError
from slaibench.workloads.lengths import Lengths
from slaibench.workloads.sharegpt4_model import PARAMETERS, load_sharegpt4_model
from slaibench.workloads.table_file import read_table

SAMPLES = 300_000


@pytest.fixture(scope="module")
def sample() -> Lengths:
    return load_sharegpt4_model().sample(SAMPLES, np.random.default_rng(20_260_101))


@pytest.fixture(scope="module")
def trace(data_dir: Path) -> Lengths:
    return read_table(data_dir / "traces" / "sharegpt4_8k_lengths.csv").recorded


def test_published_quantiles_and_means(sample):
    """Figures of the trace that anyone can check without it (its paper and its README)."""
    assert np.median(sample.prompt_tokens) == pytest.approx(1730, rel=0.02)
    assert np.quantile(sample.prompt_tokens, 0.9) == pytest.approx(5696, rel=0.02)
    assert sample.prompt_tokens.mean() == pytest.approx(2340, rel=0.01)
    assert np.median(sample.output_tokens) == pytest.approx(415, rel=0.02)
    assert np.quantile(sample.output_tokens, 0.9) == pytest.approx(834, rel=0.02)
    assert sample.output_tokens.mean() == pytest.approx(439, rel=0.01)


@pytest.mark.parametrize("column", ["prompt_tokens", "output_tokens", "total_tokens"])
def test_margins_and_totals_are_those_of_the_trace(sample, trace, column):
    real, modelled = getattr(trace, column), getattr(sample, column)
    assert stats.ks_2samp(real, modelled, method="asymp").statistic <= 0.02
    assert modelled.mean() == pytest.approx(real.mean(), rel=0.01)


def test_rank_correlation_is_that_of_the_trace(sample, trace):
    real, modelled = (
        stats.spearmanr(of.prompt_tokens, of.output_tokens).statistic for of in (trace, sample)
    )
    assert modelled == pytest.approx(real, abs=0.03)


def test_outputs_given_the_prompt_are_those_of_the_trace(sample, trace):
    """The rank correlation alone would miss that very short prompts have the longest answers."""
    edges = np.quantile(trace.prompt_tokens, np.linspace(0, 1, 11)[1:-1])
    for decile in range(10):
        real, modelled = (
            of.output_tokens[np.searchsorted(edges, of.prompt_tokens) == decile]
            for of in (trace, sample)
        )
        assert len(modelled) / SAMPLES == pytest.approx(0.1, abs=0.01)
        assert np.median(modelled) == pytest.approx(np.median(real), rel=0.05)
        assert modelled.mean() == pytest.approx(real.mean(), rel=0.02)
        assert stats.ks_2samp(real, modelled, method="asymp").statistic <= 0.04


@settings(max_examples=25)
@given(st.integers(1, 3000), st.integers(0, 500), st.integers(0, 2**32))
def test_caps_hold_and_asking_for_more_keeps_the_first(num, more, seed):
    model = load_sharegpt4_model()
    lengths, longer = (model.sample(n, np.random.default_rng(seed)) for n in (num, num + more))
    assert lengths.prompt_tokens.min() >= 1
    assert lengths.output_tokens.min() >= 1
    assert lengths.output_tokens.max() <= 1024
    assert lengths.total_tokens.max() <= 8192
    np.testing.assert_array_equal(longer.prompt_tokens[:num], lengths.prompt_tokens)
    np.testing.assert_array_equal(longer.output_tokens[:num], lengths.output_tokens)


def test_is_a_few_hundred_numbers_and_not_the_data():
    model = load_sharegpt4_model()
    assert model.num_parameters <= 300
    assert PARAMETERS.stat().st_size < 5000


def test_identity_changes_with_any_parameter():
    model = load_sharegpt4_model()
    changed = [model.identity]
    for field in fields(model):
        value = getattr(model, field.name)
        other = value + 1 if isinstance(value, int) else value**1.01
        changed.append(replace(model, **{field.name: other}).identity)
    assert len(set(changed)) == len(changed)
    assert load_sharegpt4_model().identity == model.identity


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("prompt_ranks", lambda x: x[:-1], "prompt_ranks must ascend from 0 to 1"),
        ("prompt_tokens", lambda x: x[::-1], "prompt_tokens must ascend"),
        ("output_shares", lambda x: x[:-1], "output_shares must be"),
        ("output_shares", lambda x: x[:, ::-1], "rows ascend"),
    ],
)
def test_refuses_knots_that_do_not_fit(name, value, message):
    model = load_sharegpt4_model()
    with pytest.raises(WorkloadError, match=message):
        replace(model, **{name: value(getattr(model, name))})


@pytest.fixture(scope="module")
def fit_script() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "fit_sharegpt4_model.py"
    spec = importlib.util.spec_from_file_location("fit_sharegpt4_model", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_fit_can_be_rerun(trace, fit_script):
    shipped = json.loads(PARAMETERS.read_text())
    again = fit_script.fit(trace)
    for name in ("prompt_ranks", "group_ranks", "output_ranks"):
        assert again[name] == shipped[name]
    np.testing.assert_allclose(again["prompt_tokens"], shipped["prompt_tokens"], atol=0.5)
    np.testing.assert_allclose(again["output_shares"], shipped["output_shares"], atol=1e-3)


@given(st.lists(st.integers(1, 10_000), min_size=30, max_size=300))
@settings(max_examples=20)
def test_fitted_quantile_functions_ascend_and_keep_the_mean(fit_script, values):
    """The mean is exact unless the bound at 0 holds the first knot up; then it can only be more."""
    ranks = np.array([0, 0.1, 0.5, 0.9, 1])
    heights = fit_script.fit_quantiles(np.array(values, dtype=float), ranks)
    assert np.all(np.diff(heights) >= 0)
    fitted = np.interp((np.arange(len(values)) + 0.5) / len(values), ranks, heights)
    excess = fitted.mean() / np.mean(values) - 1
    assert excess >= -1e-6
    assert heights[0] < 1e-3 or excess <= 1e-6
