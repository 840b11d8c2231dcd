"""Validations: resolved and refused before any work, run, and their errors kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from slaibench.catalog.validations import own_file, validations_of
from slaibench.studies.validation.log import LogFile
from slaibench.studies.validation.study import ValidationSpec, plan, run
from slaibench.studies.validation.validation_run import ValidationRun
from tests.studies.studies import study, sweep
from tests.studies.validation.logs import PROFILE, write_log


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLAIBENCH_CACHE", str(tmp_path / "cache"))


def of_log(folder: Path, meta: dict[str, Any] | None = None, **options: Any) -> ValidationSpec:
    log = write_log(folder / "mine", count=40, **(meta or {}))
    return ValidationSpec(log=LogFile(log), **options)


def test_gpu_and_model_are_what_the_engine_calls_them(tmp_path: Path) -> None:
    names = {
        "rtx4090/llama-3.1-8b": {},
        "a100/mistral-7b": {"device_name": "a100", "model": "mistral-7b"},
        "h100/mistral-7b": {
            "device_name": "NVIDIA H100 80GB HBM3",
            "model": "/models/Mistral-7B-Instruct-v0.2",
        },
        "rtx4090/mistral-7b": {"model": "Mistral-7B-v0.2"},
    }
    for name, meta in names.items():
        (planned,) = plan(of_log(tmp_path, meta)).runs
        assert (planned.profile.name, planned.keep_errors) == (name, True)
        assert planned.run.notes == ()


OTHER_GPU = "GPU is NVIDIA GeForce RTX 4090, and profile h100/llama-3.1-8b is of an NVIDIA H100"


@pytest.mark.parametrize(
    ("meta", "options", "message"),
    [
        ({}, {"gpu": "h100"}, rf"{OTHER_GPU}.*\nGive --gpu rtx4090 --model llama-3.1-8b"),
        ({"model": "codellama-34b"}, {"model": "llama-3.1-8b"}, "with layers 32, not 48, hidden"),
        ({"pipeline_parallel_size": 2}, {}, "pipeline_parallel_size is 2, and .* is of one GPU"),
        ({"pipeline_parallel_size": 4}, {}, "pipeline_parallel_size is 4"),
    ],
)
def test_a_profile_of_something_else_is_refused_or_kept_to_itself(
    tmp_path: Path, meta: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=f"(?s)the profile is not of what ran:.*{message}"):
        plan(of_log(tmp_path, meta, **options))
    validation = plan(of_log(tmp_path, meta, **options, despite_mismatch=True))
    (planned,) = validation.runs
    assert not planned.keep_errors
    assert "errors are not kept" in planned.run.notes[-1]
    result = run(validation)
    assert result.files == ()
    assert not own_file(planned.profile).exists()
    assert set(planned.run.notes) <= set(result.runs[0].notes)


def test_a_profile_file_is_of_what_ran_as_well(tmp_path: Path) -> None:
    own = tmp_path / "own.json"
    own.write_text('{"extends": "h100_llama-3.1-8b"}')
    with pytest.raises(ValueError, match=r"(?s)RTX 4090, .*Leave --profile out, and give --gpu"):
        plan(of_log(tmp_path, profile=str(own)))
    both = {"profile": str(own), "gpu": "rtx4090"}
    with pytest.raises(ValueError, match="--gpu is rtx4090, and profile h100"):
        plan(of_log(tmp_path, {"device_name": "h100"}, **both))
    own.write_text('{"extends": "rtx4090_llama-3.1-8b", "gpu": "rack-7"}')
    (planned,) = plan(of_log(tmp_path, profile=str(own))).runs
    assert planned.keep_errors  # a name of the user's own: nobody else's profile
    assert "whether they are the same is not known" in planned.run.notes[0]


@pytest.mark.parametrize(
    ("meta", "options", "kept", "message"),
    [
        ({"model": "mistral-7b"}, {"model": "llama-3.1-8b"}, False, "another vocabulary"),
        ({"device_name": "NVIDIA L20"}, {"gpu": "h100"}, False, "NVIDIA L20 is none of the"),
        ({"device_name": "NVIDIA GeForce RTX 4090 D"}, {"gpu": "rtx4090"}, False, "not known"),
        ({"model": "mine"}, {"model": "llama-3.1-8b"}, False, "mine is none of the catalog's"),
        ({"kv_cache_dtype": "fp8"}, {}, False, "kv_cache_dtype is fp8: whether profile"),
        ({"device_name": None}, {"gpu": "rtx4090"}, True, "the log names no GPU; it is taken for"),
        ({"model": None}, {"model": "llama-3.1-8b"}, True, "the log names no model"),
        ({"model": "llama-3-8b"}, {"model": "llama-3.1-8b"}, True, None),
    ],
)
def test_what_is_not_known_is_noted_and_kept_only_on_the_users_word(
    tmp_path: Path, meta: dict[str, Any], options: dict[str, Any], kept: bool, message: str | None
) -> None:
    (planned,) = plan(of_log(tmp_path, meta, **options)).runs
    assert planned.keep_errors is kept
    if message is None:
        assert planned.run.notes == ()
    else:
        assert message in planned.run.notes[0]


def test_all_that_a_log_lacks_is_named_at_once(tmp_path: Path) -> None:
    log = tmp_path / "requests.jsonl"
    log.write_text('{"t0": 1.0, "first_token": 2.0, "last_token": 3.0, "prompt_tokens": 5}\n')
    (tmp_path / "meta.json").write_text("{}")
    with pytest.raises(ValueError, match="cannot be replayed yet") as refused:
        plan(ValidationSpec(log=LogFile(log)))
    reasons = str(refused.value)
    for lack in (
        "no arrival column and no output column (it has: t0, first_token, last_token, prompt_",
        "--column arrival=NAME --column output=NAME",
        "which engine ran: add vllm_version",
        "num_gpu_blocks, or give --kv-blocks",
        "block_size",
        "device_name, or give --gpu or --profile",
        "add model, or give --model or --profile",
        "--scheduler, e.g. sarathi",
    ):
        assert lack in reasons
    (tmp_path / "meta.json").unlink()
    with pytest.raises(ValueError, match=r"(?s)no arrival column.*cannot read .*meta\.json"):
        plan(ValidationSpec(log=LogFile(log)))


def test_the_result_is_kept_with_the_profile_and_says_where(tmp_path: Path) -> None:
    before = validations_of(PROFILE)
    done: list[ValidationRun] = []
    result = run(plan(of_log(tmp_path, source="a test")), done.append)
    assert result.ok
    assert list(result.runs) == done
    assert result.files == (own_file(PROFILE),)
    (kept,) = set(map(str, validations_of(PROFILE))) - set(map(str, before))
    assert "a test" in kept
    assert "mine/requests.jsonl (40 requests in" in kept
    document = result.to_json()
    assert document["ok"]
    assert document["kept_in"] == [str(own_file(PROFILE))]


def test_nothing_is_kept_when_it_is_not_wanted(tmp_path: Path) -> None:
    assert run(plan(of_log(tmp_path, keep_errors=False))).files == ()
    assert not own_file(PROFILE).exists()


def test_the_last_grade_is_no(tmp_path: Path) -> None:
    slow = write_log(tmp_path / "slow", overhead_ms=40.0, count=40)
    result = run(plan(ValidationSpec(log=LogFile(slow))))
    assert result.runs[0].overall.grade == "D"
    assert not result.ok


def test_recordings_of_a_profile_are_compared_with_it_and_not_kept(tmp_path: Path) -> None:
    swept = sweep(study(rates=(2.0, 5.0), schedulers=("sarathi", "slai")), tmp_path / "r", jobs=1)
    result = run(plan(ValidationSpec(recording=tmp_path / "r")))
    assert len(result.runs) == len(swept.cells) == 4 + 2  # saturated throughputs of both
    assert {validated.scheduler for validated in result.runs} == {"sarathi", "slai"}
    assert all(validated.overall.grade == "A" for validated in result.runs)
    assert result.files == ()


@pytest.mark.parametrize(
    ("meta", "options", "message"),
    [
        ({"device_name": "TPU v9"}, {}, r"GPU TPU v9 is none of the catalog's.*--gpu"),
        ({"device_name": None}, {}, r"meta.json does not say which GPU it was: add device_name"),
        ({"model": "mine"}, {}, r"model mine is none of the catalog's.*--model.*config.json"),
        ({}, {"gpu": "rtx409"}, "unknown GPU 'rtx409'"),
        ({"device_name": None}, {"gpu": "h100", "model": "gpt-2"}, "unknown model 'gpt-2'"),
        ({"device_name": "L44", "model": "mine"}, {}, r"GPU L44 is none.*; model mine is none"),
        ({}, {"profile": "/nowhere.json"}, "cannot read /nowhere.json"),
        ({}, {"scheduler": "sarath"}, "did you mean 'sarathi'"),
        ({}, {"scheduler": "engine"}, "the serving engine's own, which the simulator lacks"),
        ({"max_num_seqs": None}, {}, r"how its scheduler works.*--scheduler, e.g. sarathi"),
    ],
)
def test_what_cannot_be_resolved_is_refused_with_the_way_out(
    tmp_path: Path, meta: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        plan(of_log(tmp_path, meta, **options))


def test_one_of_a_log_and_recordings_is_wanted(tmp_path: Path) -> None:
    for spec in (ValidationSpec(), of_log(tmp_path, recording=tmp_path)):
        with pytest.raises(ValueError, match="either --log FILE or --recording FOLDER"):
            plan(spec)
    with pytest.raises(ValueError, match="holds no recordings"):
        plan(ValidationSpec(recording=tmp_path / "nowhere"))


def test_a_damaged_file_of_validations_is_refused_before_any_work(tmp_path: Path) -> None:
    own_file(PROFILE).parent.mkdir(parents=True)
    own_file(PROFILE).write_text("{")
    with pytest.raises(ValueError, match="is not JSON"):
        plan(of_log(tmp_path))
    assert plan(of_log(tmp_path, keep_errors=False)).runs
