"""Profiles: those that ship, a user's own, and what is refused."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from slaibench.catalog import (
    CatalogError,
    FormulaAttention,
    Status,
    TableAttention,
    UnequalContexts,
    get_model,
    get_profile,
    list_profiles,
    load_profile,
)
from slaibench.catalog.host import Between


def own(folder: Path, **changes: Any) -> Path:
    path = folder / "own.json"
    path.write_text(json.dumps({"extends": "rtx6000-ada_mistral-7b"} | changes), encoding="utf-8")
    return path


@pytest.mark.parametrize("pair", list_profiles(), ids="/".join)
def test_every_shipped_profile_loads_and_says_where_it_is_from(pair: tuple[str, str]) -> None:
    profile = get_profile(*pair)
    assert (profile.gpu, profile.model) == pair
    assert profile.source
    assert profile.licence
    assert profile.errors
    assert profile.notes


@pytest.mark.parametrize("pair", list_profiles(), ids="/".join)
def test_attention_is_of_the_models_shape(pair: tuple[str, str]) -> None:
    attention, model = get_profile(*pair).attention, get_model(pair[1])
    assert attention.layers == model.layers
    if isinstance(attention, FormulaAttention):
        assert attention.kv_bytes_per_token == model.kv_bytes_per_token
        assert attention.hidden == model.heads * model.head_dim


@pytest.mark.parametrize(
    ("gpu", "status"),
    [
        ("rtx4090", Status.MEASURED),
        ("rtx-pro-6000", Status.MEASURED),
        ("rtx6000-ada", Status.FITTED),
        ("a100", Status.COMPILED),
        ("h100", Status.COMPILED),
    ],
)
def test_status_tells_measured_from_estimated(gpu: str, status: Status) -> None:
    assert get_profile(gpu, "mistral-7b").status is status


def test_kv_capacities_are_the_published_ones() -> None:
    assert get_profile("rtx6000-ada", "mistral-7b").kv_blocks == 14_733
    assert get_profile("rtx4090", "llama-3.1-8b").kv_blocks == 2_588


def test_a_larger_model_leaves_fewer_blocks() -> None:
    for gpu in {pair[0] for pair in list_profiles()}:
        small, large = get_profile(gpu, "mistral-7b"), get_profile(gpu, "llama-3.1-8b")
        # 1.58 GB more of weights, in blocks of 2 MiB.
        assert small.kv_blocks - large.kv_blocks == pytest.approx(752, abs=1)


def test_only_the_output_head_differs_with_the_vocabulary() -> None:
    small, large = get_profile("rtx4090", "mistral-7b"), get_profile("rtx4090", "llama-3.1-8b")
    assert small.linear == large.linear
    assert small.attention == large.attention
    assert small.per_sequence.ms[0] < large.per_sequence.ms[0]


def test_an_unknown_pair_names_what_there_is() -> None:
    with pytest.raises(CatalogError, match="unknown GPU 'h10': did you mean 'h100'"):
        get_profile("h10", "mistral-7b")
    with pytest.raises(CatalogError, match=r"profile for h100: model 'codellama-34b'.*mistral-7b"):
        get_profile("h100", "codellama-34b")


def test_a_users_file_takes_what_it_leaves_out_from_a_shipped_profile(tmp_path: Path) -> None:
    base = get_profile("rtx6000-ada", "mistral-7b")
    profile = load_profile(own(tmp_path, step_overhead_ms=9.5))
    assert profile.step_overhead_ms == 9.5
    assert profile.linear == base.linear


def test_a_users_step_overhead_stands_for_the_host_times_of_what_it_extends(
    tmp_path: Path,
) -> None:
    path = tmp_path / "own.json"
    path.write_text(json.dumps({"extends": "h100_mistral-7b", "step_overhead_ms": 9.5}))
    profile = load_profile(path)
    assert [profile.between(way).step_ms for way in (None, True, False)] == [0.0, 0.0, 9.5]
    assert profile.hidden().step_ms == 9.5
    host = {"synchronous": {"step_ms": 2, "sequence_ms": 0.01}}
    assert load_profile(own(tmp_path, host=host)).between() == Between(2.0, 0.01)


def test_a_profile_has_its_host_time_in_one_place() -> None:
    profile = get_profile("h100", "mistral-7b")
    with pytest.raises(CatalogError, match="step_overhead_ms 2 beside host"):
        replace(profile, step_overhead_ms=2.0)
    slower = profile.with_step_overhead(2.0)
    assert slower.between(asynchronous=True) == slower.between(asynchronous=False) == Between(2.0)


def test_a_users_file_may_name_another_model(tmp_path: Path) -> None:
    path = tmp_path / "copy.json"
    path.write_text(json.dumps({"extends": "a100_llama-3.1-8b", "model": "mine"}))
    assert load_profile(path).name == "a100/mine"


def test_fingerprint_follows_the_numbers_and_not_the_words(tmp_path: Path) -> None:
    base = get_profile("rtx6000-ada", "mistral-7b").fingerprint
    assert load_profile(own(tmp_path)).fingerprint == base
    assert load_profile(own(tmp_path, notes=["other"], source="mine")).fingerprint == base
    assert load_profile(own(tmp_path, constant_ms=0.1)).fingerprint != base
    other = {"tokens": [1, 2], "ms": [1, 2]}
    assert load_profile(own(tmp_path, linear=other)).fingerprint != base


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema_version": 2}, "schema_version 2 is not 1"),
        ({"status": "guessed"}, "status must be one of measured, compiled, fitted, datasheet"),
        ({"step_overhead_ms": -1}, "step_overhead_ms must be a number that is not negative"),
        ({"step_overhead_ms": "6"}, "step_overhead_ms must be a number"),
        ({"step_overhead": 6}, "unknown names: step_overhead;"),
        ({"host": {}}, "host lacks both 'synchronous' and 'asynchronous'"),
        ({"host": {"synchronous": {"step_ms": -1}}}, "synchronous: step_ms must be a number"),
        ({"host": {"synchronous": {"step_s": 1}}}, "synchronous lacks 'step_ms'"),
        ({"host": {"async": {"step_ms": 1}}}, "unknown names: async;"),
        ({"errors": {"ttft": "low"}}, "errors: ttft must be a number"),
        ({"extends": "rtx4090_mistral7b"}, "did you mean 'rtx4090_mistral-7b'"),
        ({"extends": "rtx4090_mistral-7b"}, "which extends another"),
        ({"linear": {"tokens": [1, 2]}}, "lacks 'ms'"),
        ({"linear": {"tokens": [1, 2], "ms": [1.0]}}, "ms has 1 values where 2 belong"),
        ({"linear": {"tokens": [2, 1], "ms": [1, 1]}}, "tokens must increase"),
        ({"linear": {"tokens": [1], "ms": [1]}}, "two or more"),
        ({"linear": {"tokens": [0, 1], "ms": [1, 1]}}, "from 1 up"),
        ({"linear": {"tokens": [1, 2], "ms": [1, 0]}}, "ms holds 0, not a positive number"),
        ({"linear": {"tokens": [1, 2], "ms": [1, float("nan")]}}, "ms holds nan"),
        ({"attention": {"kind": "magic"}}, "kind must be 'table' or 'formula', not 'magic'"),
        ({"kv": {"blocks": 0, "block_size": 16, "source": "me"}}, "blocks must be a whole number"),
        ({"kv": None}, "kv must be an object"),
    ],
)
def test_a_bad_file_is_refused_with_the_name_of_what_is_wrong(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(CatalogError, match=message):
        load_profile(own(tmp_path, **changes))


def test_a_delivery_is_part_of_a_profile_and_its_absence_is_none(tmp_path: Path) -> None:
    without, withal = load_profile(own(tmp_path)), load_profile(own(tmp_path, delivery_ms=4.5))
    assert (without.delivery_ms, withal.delivery_ms) == (0.0, 4.5)
    assert without.fingerprint == get_profile("rtx6000-ada", "mistral-7b").fingerprint
    assert withal.fingerprint != without.fingerprint
    with pytest.raises(CatalogError, match=r"delivery_ms must be .* not -1"):
        load_profile(own(tmp_path, delivery_ms=-1))


def test_factors_by_decodes_are_as_many_as_the_numbers_they_are_for(tmp_path: Path) -> None:
    attention = load_profile(own(tmp_path)).attention
    assert isinstance(attention, FormulaAttention)
    assert attention.by_decodes is None
    values = {key: value for key, value in asdict(attention).items() if key != "by_decodes"}
    factors = {"sequences": [1, 8], "context": [64, 512], "decode": [1.0, 0.9, 0.9, 0.8]}
    for mixed, right in (([1.0] * 4, True), ([1.0], False), ([1.0, 1.0, 1.0, 0.0], False)):
        changed = {"kind": "formula", **values, "by_decodes": factors | {"mixed": mixed}}
        if right:
            loaded = load_profile(own(tmp_path, attention=changed))
            assert loaded.fingerprint != load_profile(own(tmp_path)).fingerprint
        else:
            with pytest.raises(CatalogError, match="by_decodes: mixed h"):
                load_profile(own(tmp_path, attention=changed))


def test_the_fitted_profile_says_that_its_second_rate_is_inferred() -> None:
    notes = " ".join(get_profile("rtx6000-ada", "mistral-7b").notes)
    assert "1.6 requests/s is our inference" in notes


@pytest.mark.parametrize(
    ("gpu", "of_before"), [("rtx4090", "9275847351831e3e"), ("rtx-pro-6000", "79eb9c3f4f3f6d77")]
)
def test_unequal_contexts_count_where_they_were_measured(gpu: str, of_before: str) -> None:
    shipped = get_profile(gpu, "llama-3.1-8b")
    assert isinstance(shipped.attention, TableAttention)
    assert shipped.attention.unequal is not None
    without = replace(shipped, attention=replace(shipped.attention, unequal=None))
    assert without.fingerprint == of_before != shipped.fingerprint
    other = get_profile(gpu, "mistral-7b").attention
    assert other == shipped.attention  # the same layers


def test_unequal_contexts_have_a_number_for_each_count_and_none_below_0(tmp_path: Path) -> None:
    path = files("slaibench.catalog.data") / "profiles" / "rtx4090_llama-3.1-8b.json"
    attention = json.loads(path.read_text(encoding="utf-8"))["attention"]
    base = {"extends": "rtx4090_llama-3.1-8b", "attention": attention}
    for numbers, message in (
        ([1.0, 0.0], None),
        ([1.0], "decode: ns_per_token has 1 values where 2 belong"),
        ([1.0, -0.1], "ns_per_token holds -0.1, not a number that is not negative"),
    ):
        decode = {"sequences": [2, 64], "ns_per_token": numbers}
        attention["unequal"] = {"decode": decode, "mixed": decode | {"ns_per_token": [0, 3.5]}}
        file = tmp_path / "own.json"
        file.write_text(json.dumps(base), encoding="utf-8")
        if message is None:
            loaded = load_profile(file).attention
            assert isinstance(loaded, TableAttention)
            assert loaded.unequal == UnequalContexts((2, 64), (1.0, 0.0), (2, 64), (0.0, 3.5))
        else:
            with pytest.raises(CatalogError, match=message):
                load_profile(file)
