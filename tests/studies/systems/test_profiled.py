"""What systems say of their profile: its errors, its validations, and where a run left it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from slaibench.catalog import get_profile
from slaibench.catalog.validations import own_file
from slaibench.spec import StudySpec
from slaibench.studies.prepared import prepare
from slaibench.studies.sweep import SweepResult
from slaibench.studies.systems.profiled import describe_profile, profile_facts, validated
from tests.studies.studies import loaded, study, sweep


def validation(grade: str, against: str = "a log (9 requests in 1 s)") -> dict[str, Any]:
    return {
        "engine": "vLLM 0.19.0",
        "against": against,
        "errors": {"ttft_mean": 0.5, "ttft_p50": 0.013, "tpot_p50": -0.002},
        "grades": {"ttft": "A", "all": grade},
    }


def test_a_line_says_what_a_profile_was_validated_against() -> None:
    assert validated({"validations": [validation("B")]}) == (
        "validated against vLLM 0.19.0, a log (9 requests in 1 s): median TTFT +1.3%, median TPOT "
        "-0.2%; grade B"
    )


def test_of_several_the_worst_is_shown_and_how_many_there_are() -> None:
    kept = [validation("A", "x"), validation("C", "y"), validation("B", "z")]
    line = validated({"validations": kept})
    assert "0.19.0, y: " in line
    assert line.endswith("grade C (the worst of 3 validations)")


def test_a_profile_without_one_says_so_and_so_do_recordings_of_before() -> None:
    for facts in ({"validations": []}, {}):
        assert validated(facts) == "not validated against a run of an engine"


def test_the_catalogs_own_are_among_a_recordings_facts() -> None:
    facts = profile_facts(get_profile("rtx4090", "llama-3.1-8b"))
    first, second = describe_profile(facts).splitlines()
    assert first.startswith("profile rtx4090/llama-3.1-8b (measured; from vLLM 0.19.0, bf16)")
    assert second.startswith("validated against vLLM 0.19.0")


def test_a_damaged_file_of_validations_is_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLAIBENCH_CACHE", str(tmp_path))
    path = own_file(get_profile("h100", "mistral-7b"))
    path.parent.mkdir()
    path.write_text("[]")
    with pytest.raises(ValueError, match=r"h100_mistral-7b.json must hold a JSON object"):
        prepare(study())


CONFIG = {
    "num_hidden_layers": 16,
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 64,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
}


@pytest.fixture
def own(tmp_path: Path) -> str:
    path = tmp_path / "own.json"
    path.write_text('{"extends": "h100_llama-3.1-8b"}')
    return str(path)


def test_what_a_study_names_is_what_its_profile_is_of(tmp_path: Path, own: str) -> None:
    config = tmp_path / "small" / "config.json"
    config.parent.mkdir()
    config.write_text(json.dumps(CONFIG))
    with pytest.raises(ValueError, match=r"(?s)a model with layers 32, not 16.*Leave --model out"):
        prepare(study(profile=own, model=str(config)))
    with pytest.raises(ValueError, match=r"(?s)is of an NVIDIA H100.*Leave --gpu out"):
        prepare(study(profile=own, gpu="rtx4090"))
    with pytest.raises(ValueError, match="Leave --gpu and --model out"):
        prepare(study(profile=own, gpu="rtx4090", model="codellama-34b"))
    Path(own).write_text('{"extends": "h100_llama-3.1-8b", "model": "codellama-34b"}')
    with pytest.raises(ValueError, match=r"(?s)layers 32, not 48.*Write the model whose times"):
        prepare(study(profile=own))


@pytest.mark.parametrize(
    ("given", "note"),
    [
        ({}, None),
        ({"gpu": "h100", "model": "llama-3.1-8b"}, None),
        ({"model": "meta-llama/Llama-3.1-8B"}, None),
        ({"model": "mistral-7b"}, "another vocabulary (128,256 tokens, not 32,000)"),
        ({"gpu": "rack-7"}, "rack-7 is none of the catalog's names"),
    ],
)
def test_where_it_may_be_of_something_else_every_run_says_so(
    tmp_path: Path, own: str, given: dict[str, Any], note: str | None
) -> None:
    spec = study(profile=own, num_requests=20, schedulers=("sarathi",), **given)
    (cell,) = loaded(sweep(spec, tmp_path / "results", jobs=1).cells)
    if note is None:
        assert cell.summary.notes == ()
    else:
        assert note in cell.summary.notes[0]


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
    result = swept(tmp_path, "sarathi:token_budget=2048", "fixed:prompt=500,output=20")
    assert result.warnings == (
        "outside the profile's regime: tokens in a batch: 2048, measured up to 1024 "
        "(sarathi:token_budget=2048)",
    )
    assert result.to_json()["warnings"] == list(result.warnings)


def test_a_context_longer_than_measured_is_named(tmp_path: Path) -> None:
    result = swept(tmp_path, "sarathi", "fixed:prompt=9000,output=20")
    assert result.warnings == (
        "outside the profile's regime: context of a request: 9020, measured up to 8192 (sarathi)",
    )


def test_a_model_by_its_id_is_the_catalogs_and_has_its_recordings() -> None:
    by_name = prepare(study(schedulers=("slai",), rates=(1.0,))).cells()
    by_id = study(schedulers=("slai",), rates=(1.0,), model="mistralai/Mistral-7B-Instruct-v0.2")
    assert prepare(by_id).cells() == by_name


def test_a_model_that_cannot_be_had_says_which_model_has_its_layers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ValueError, match=r"give --model llama-3.1-8b, which has the same layers"):
        prepare(study(gpu="h100", model="someone/Llama-3.1-8B-Instruct"))
    with pytest.raises(ValueError, match="unknown GPU"):
        prepare(study(gpu="h1000", model="someone/Llama-3.1-8B-Instruct"))


def test_a_model_that_cannot_be_had_says_how_it_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ValueError, match=r"(?s)Hugging Face id.*slaibench\[hub\].*give the folder"):
        prepare(study(gpu="h100", model="someone/Small-1B"))


def test_a_model_without_a_profile_has_a_roofline_that_says_so(tmp_path: Path) -> None:
    config = tmp_path / "small" / "config.json"
    config.parent.mkdir()
    config.write_text(json.dumps(CONFIG))
    spec = study(
        model=str(config), engine="roofline", num_requests=20, schedulers=("sarathi",), tp=2
    )
    (cell,) = loaded(sweep(spec, tmp_path / "results", jobs=1).cells)
    assert "h100/small is a roofline" in cell.summary.notes[0]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"tp": 3}, "--tp 3: give a power of two"),
        ({"tp": 2, "ep": 4}, "--ep 4 does not divide --tp 2"),
        ({"engine_version": "0.19.0"}, "say of which engine: --engine vllm or sglang"),
        ({"engine": "roofline", "model": "codellama-34b", "gpu": "l4"}, "does not fit.*--tp"),
    ],
)
def test_a_deployment_that_cannot_be_is_refused_with_the_way_out(
    fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        prepare(study(**fields))


def test_a_profile_of_the_users_own_is_made_already(own: str) -> None:
    with pytest.raises(ValueError, match="--tp and --precision say which profile to make"):
        prepare(study(profile=own, tp=2, precision="fp8"))
