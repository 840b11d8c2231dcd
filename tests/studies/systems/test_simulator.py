"""The simulator as a system under test."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slaibench.studies.prepared import prepare
from slaibench.studies.systems.table import describe_run
from tests.studies.studies import study


def test_the_engines_own_scheduler_is_refused_before_anything_runs() -> None:
    for text in ("engine", "engine:token_budget=256"):
        with pytest.raises(ValueError, match=r"serving engine's own.*--backend vllm"):
            prepare(study(schedulers=(text,)))


def test_a_smaller_context_than_the_models_is_kept_to() -> None:
    with pytest.raises(ValueError, match=r"holds 1000; leave .* --max-total-tokens 1000"):
        prepare(study(max_context_tokens=1000))
    prepared = prepare(study(max_context_tokens=1000, max_total_tokens=1000))
    assert prepared.cells()[0].max_context_tokens == 1000
    assert prepare(study()).cells()[0].max_context_tokens == 32768


def test_a_recording_says_what_simulated_it() -> None:
    with prepare(study(schedulers=("slai",))) as prepared:
        run = prepared.run(prepared.cells()[0]).run
    assert run["backend"] == {"name": "sim", "device": None, "clock": "virtual"}
    assert run["hardware"] == {"gpu": "h100", "simulated": True}
    assert list(run["versions"]) == ["slaibench"]
    mode = "scheduling asynchronously"
    assert describe_run(run).startswith(
        f"simulated mistral-7b on h100, {mode}: profile h100/mistral-7b ("
    )


def test_a_cell_says_where_it_ran() -> None:
    (cell, *_) = prepare(study()).cells()
    assert (cell.system, cell.place) == ("sim", "h100")


def test_a_profile_of_ones_own_says_whose_it_is(tmp_path: Path) -> None:
    own = tmp_path / "own.json"
    own.write_text(json.dumps({"extends": "h100_llama-3.1-8b", "gpu": "my-card"}))
    (cell, *_) = prepare(study(profile=str(own))).cells()
    assert (cell.gpu, cell.model) == ("my-card", "llama-3.1-8b")
    (named, *_) = prepare(study(profile=str(own), gpu="a-name", model="mistral-7b")).cells()
    assert (named.gpu, named.model) == ("a-name", "mistral-7b")
    own.write_text("{")
    with pytest.raises(ValueError, match="is not JSON"):
        prepare(study(profile=str(own)))


def test_the_way_to_the_engine_and_back_is_simulated(tmp_path: Path) -> None:
    own = tmp_path / "own.json"
    own.write_text(json.dumps({"extends": "h100_llama-3.1-8b", "delivery_ms": 7}))
    with (
        prepare(study(profile=str(own))) as far,
        prepare(study(gpu="h100", model="llama-3.1-8b")) as near,
    ):
        runs = [prepared.run(prepared.cells()[0]) for prepared in (near, far)]
    first, later = (run.requests.ttft_s for run in runs)
    assert later.tolist() == pytest.approx(first + 0.007)
