"""Questions: resolved and refused before any work, answered with what is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from slaibench.catalog.validations import own_file, validations_of
from slaibench.study.replayed.ask import Question, answer, prepare
from slaibench.study.replayed.held import Held
from slaibench.study.replayed.log import LogFile
from slaibench.study.sweep import sweep
from tests.study.replayed.logs import PROFILE, write_log
from tests.study.studies import study


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLAIBENCH_CACHE", str(tmp_path / "cache"))


def ask(folder: Path, meta: dict[str, Any] | None = None, **options: Any) -> Question:
    log = write_log(folder / "mine", count=40, **(meta or {}))
    return Question(log=LogFile(log), **options)


def test_gpu_and_model_are_what_the_engine_calls_them(tmp_path: Path) -> None:
    ((_, profile),) = prepare(ask(tmp_path)).runs
    assert profile.name == "rtx4090/llama-3.1-8b"
    ((_, profile),) = prepare(ask(tmp_path, {"device_name": "a100", "model": "mistral-7b"})).runs
    assert profile.name == "a100/mistral-7b"
    ((_, profile),) = prepare(ask(tmp_path, gpu="h100", model="mistral-7b")).runs
    assert profile.name == "h100/mistral-7b"


def test_the_answer_is_kept_with_the_profile_and_says_where(tmp_path: Path) -> None:
    before = validations_of(PROFILE)
    told: list[Held] = []
    found = answer(prepare(ask(tmp_path, source="a test")), told.append)
    assert found.ok
    assert list(found.held) == told
    assert found.files == (own_file(PROFILE),)
    (kept,) = set(map(str, validations_of(PROFILE))) - set(map(str, before))
    assert "a test" in kept
    assert "mine/requests.jsonl (40 requests in" in kept
    document = found.to_json()
    assert document["ok"]
    assert document["kept_in"] == [str(own_file(PROFILE))]


def test_nothing_is_kept_when_it_is_not_wanted(tmp_path: Path) -> None:
    assert answer(prepare(ask(tmp_path, kept=False))).files == ()
    assert not own_file(PROFILE).exists()


def test_the_last_grade_is_no(tmp_path: Path) -> None:
    slow = write_log(tmp_path / "slow", overhead_ms=40.0, count=40)
    found = answer(prepare(Question(log=LogFile(slow))))
    assert found.held[0].verdict.grade == "D"
    assert not found.ok


def test_recordings_of_a_profile_are_held_against_it_and_not_kept(tmp_path: Path) -> None:
    swept = sweep(study(rates=(2.0, 5.0), schedulers=("sarathi", "slai")), tmp_path / "r", jobs=1)
    found = answer(prepare(Question(recording=tmp_path / "r")))
    assert len(found.held) == len(swept.cells) == 4
    assert {held.scheduler for held in found.held} == {"sarathi", "slai"}
    assert all(held.verdict.grade == "A" for held in found.held)
    assert found.files == ()


@pytest.mark.parametrize(
    ("meta", "options", "told"),
    [
        ({"device_name": "TPU v9"}, {}, r"GPU TPU v9 is none of the catalog's.*--gpu"),
        ({"device_name": None}, {}, r"GPU \(not named there\) is none of the catalog's"),
        ({"model": "mine"}, {}, r"model mine is none of the catalog's.*--model"),
        ({}, {"gpu": "rtx409"}, "unknown GPU 'rtx409'"),
        ({}, {"gpu": "h100", "model": "gpt-2"}, "gpt-2"),
        ({}, {"profile": "/nowhere.json"}, "cannot read /nowhere.json"),
        ({}, {"scheduler": "sarath"}, "did you mean 'sarathi'"),
        ({}, {"scheduler": "engine"}, "the serving engine's own, which the simulator has not"),
        ({"max_num_seqs": None}, {}, r"which of our schedulers.*--scheduler, e.g. sarathi"),
    ],
)
def test_what_cannot_be_resolved_is_refused_with_the_way_out(
    tmp_path: Path, meta: dict[str, Any], options: dict[str, Any], told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        prepare(ask(tmp_path, meta, **options))


def test_one_of_a_log_and_recordings_is_wanted(tmp_path: Path) -> None:
    for question in (Question(), ask(tmp_path, recording=tmp_path)):
        with pytest.raises(ValueError, match="either --log FILE or --recording FOLDER"):
            prepare(question)
    with pytest.raises(ValueError, match="holds no recordings"):
        prepare(Question(recording=tmp_path / "nowhere"))


def test_a_damaged_file_of_validations_is_refused_before_any_work(tmp_path: Path) -> None:
    own_file(PROFILE).parent.mkdir(parents=True)
    own_file(PROFILE).write_text("{")
    with pytest.raises(ValueError, match="is not JSON"):
        prepare(ask(tmp_path))
    assert prepare(ask(tmp_path, kept=False)).runs
