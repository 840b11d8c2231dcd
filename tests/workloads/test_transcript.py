"""Requests with the words that were really said."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from slaibench.workloads import sharegpt4
from slaibench.workloads.arrivals import ArrivalProcess
from slaibench.workloads.errors import WorkloadError
from slaibench.workloads.generate import fingerprint, generate
from slaibench.workloads.registry import resolve, resolve_with_transcripts
from slaibench.workloads.transcript import Conversation, Message, Transcript

SAID = [
    ("system", "Be brief."),
    ("human", "Is it far?"),
    ("human", "By foot, I mean."),
    ("gpt", "An hour."),
    ("tool", "rain at noon"),
    ("gpt", "Take a coat."),
]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SLAIBENCH_CACHE", str(tmp_path / "cache"))
    return write(tmp_path / "said.json", SAID)


def write(path: Path, said: list[tuple[str, str]]) -> Path:
    turns = [{"from": role, "value": text} for role, text in said]
    path.write_text(json.dumps([{"items": turns}, {"items": turns[1:4]}]))
    return path


def transcripts(workload: str, num_requests: int) -> list[Transcript]:
    source = resolve_with_transcripts(workload)
    process = ArrivalProcess.parse("burst")
    requests = generate(source, process, rate_rps=None, num_requests=num_requests, seed=3)
    found = [request.transcript for request in requests]
    assert None not in found
    return [transcript for transcript in found if transcript is not None]


@pytest.mark.parametrize("name", ["sharegpt4", "conversations"])
def test_every_prompt_is_what_was_said_before_its_answer(file: Path, name: str) -> None:
    texts = {transcript.text for transcript in transcripts(f"{name}:{file}", 3)}
    first = "Is it far?\nBy foot, I mean.\n"
    assert texts == {
        first,
        f"Be brief.\n{first}",
        f"Be brief.\n{first}An hour.\nrain at noon\n",
    }


def test_a_later_prompt_of_a_session_begins_with_the_one_before(file: Path) -> None:
    source = resolve_with_transcripts(f"conversations:{file}")
    process = ArrivalProcess.parse("burst")
    requests = generate(source, process, rate_rps=None, num_requests=3, seed=0)
    by_id = {request.request_id: request for request in requests}
    later = [request for request in requests if request.turn and request.turn.follows is not None]
    assert len(later) == 1
    for request in later:
        assert request.turn is not None
        assert request.turn.follows is not None
        before = by_id[request.turn.follows].transcript
        assert before is not None
        assert request.transcript is not None
        assert request.transcript.text.startswith(f"{before.text}An hour.\n")


def test_chat_has_who_says_it_and_speakers_take_turns(file: Path) -> None:
    longest = max(transcripts(f"conversations:{file}", 3), key=lambda it: it.count)
    assert longest.chat == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Is it far?\nBy foot, I mean."},
        {"role": "assistant", "content": "An hour."},
        {"role": "user", "content": "rain at noon"},
    ]


@pytest.mark.parametrize("name", ["sharegpt4", "conversations"])
def test_texts_change_no_length(file: Path, name: str) -> None:
    plain, with_texts = resolve(f"{name}:{file}"), resolve_with_transcripts(f"{name}:{file}")
    drawn, texts = (source.sample(50, np.random.default_rng(1)) for source in (plain, with_texts))
    assert np.array_equal(drawn.prompt_tokens, texts.prompt_tokens)
    assert np.array_equal(drawn.output_tokens, texts.output_tokens)
    assert plain.note == with_texts.note


def test_another_word_is_another_workload(file: Path, tmp_path: Path) -> None:
    other = [(role, text.replace("far", "near")) for role, text in SAID]
    again = write(tmp_path / "near.json", other)
    copy = write(tmp_path / "copy.json", SAID)
    ours, theirs, same = (
        fingerprint(resolve_with_transcripts(f"conversations:{path}"))
        for path in (file, again, copy)
    )
    assert ours == same
    assert ours != theirs


def test_tokens_are_counted_once(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = transcripts(f"sharegpt4:{file}", 3)

    def counter() -> None:
        raise AssertionError("counted again")

    monkeypatch.setattr(sharegpt4, "mistral_token_counter", counter)
    assert [it.text for it in transcripts(f"sharegpt4:{file}", 3)] == [it.text for it in before]


def test_counts_that_are_damaged_are_named(file: Path, tmp_path: Path) -> None:
    transcripts(f"sharegpt4:{file}", 3)
    (counts,) = (tmp_path / "cache").glob("*.counts.npy")
    np.save(counts, np.array([1], dtype=np.int64))
    with pytest.raises(WorkloadError, match=r"ends too early.*delete it to count again"):
        resolve_with_transcripts(f"sharegpt4:{file}")
    counts.write_bytes(b"no array")
    with pytest.raises(WorkloadError, match=r"counts\.npy: not readable.*delete it"):
        resolve_with_transcripts(f"sharegpt4:{file}")


@pytest.mark.parametrize("workload", ["chat", "sharegpt4-model", "a.csv", "nothing"])
def test_workloads_without_texts_are_refused(workload: str) -> None:
    with pytest.raises(WorkloadError, match="no texts, only lengths: take one of sharegpt4, conv"):
        resolve_with_transcripts(workload)


def test_a_conversation_travels_once_with_its_prompts() -> None:
    long = Conversation([Message("user", "w" * 100_000), Message("assistant", "x")])
    prompts = [Transcript(long, count) for count in (1, 2)]
    assert len(pickle.dumps(prompts)) < 110_000
    assert [it.text for it in pickle.loads(pickle.dumps(prompts))] == [it.text for it in prompts]
