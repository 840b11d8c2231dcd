"""Conversations as sessions: each prompt holds the one before and its answer."""

from __future__ import annotations

import json

import pytest

from slaibench.workloads import registry
from slaibench.workloads.conversation_sessions import CUT, conversation_sessions
from slaibench.workloads.conversations import Limits
from slaibench.workloads.session_description import describe_sessions

ROLES = {"h": "human", "g": "gpt", "s": "system"}


def chat(*turns):
    """Of texts such as ``h3``: a person says three words."""
    return {"items": [{"from": ROLES[t[0]], "value": "w " * int(t[1:])} for t in turns]}


def found(*conversations):
    kept = conversation_sessions(conversations, lambda text: len(text.split()), Limits(100, 50))
    rows = zip(
        kept.lengths.terms.columns["session"].tolist(),
        kept.lengths.prompt_tokens.tolist(),
        kept.lengths.output_tokens.tolist(),
        strict=True,
    )
    return list(rows), kept


def test_turns_hold_what_was_said_before():
    rows, kept = found(chat("s2", "h3", "g4", "h5", "g6"), chat("h1", "g1"))
    assert rows == [("1", 5, 4), ("1", 14, 6), ("2", 1, 1)]
    assert kept.num_rounds == 3


def test_an_answer_that_nobody_asked_for_is_text_of_the_next_prompt():
    rows, _ = found(chat("g7", "h3", "g4", "g2", "h5", "g6", "h1", "g0", "h1", "g2"))
    assert rows == [("1", 10, 4), ("1", 21, 6), ("1", 29, 2)]


def test_a_conversation_ends_before_a_turn_beyond_the_limits():
    rows, kept = found(
        chat("h3", "g4", "h3", "g51", "h1", "g1"), chat("h3", "g4", "h80", "g20"), chat("h1", "g1")
    )
    assert rows == [("1", 3, 4), ("2", 3, 4), ("3", 1, 1)]
    assert kept.odd == {CUT: 2}
    assert kept.num_rounds == 6


def test_as_a_workload(tmp_path, monkeypatch):
    pytest.importorskip("mistral_common")
    monkeypatch.setenv("SLAIBENCH_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "chats.json"
    path.write_text(json.dumps([chat("h9", "g9", "h9", "g9"), chat("h3", "g3")]))
    for _ in range(2):  # counted, and from the cache
        source = registry.resolve(f"conversations:{path},think=5")
        assert (
            "2 sessions, turns wait for the ones before (exponential pauses of 5 s)" in source.note
        )
        assert source.recorded.prompt_tokens.size == 3
        assert describe_sessions(source)["turns"]["mean"] == 1.5
    rounds = registry.resolve(f"sharegpt4:{path}")
    assert rounds.recorded.prompt_tokens.tolist() == source.recorded.prompt_tokens.tolist()
    assert rounds.recorded.terms is None
    assert registry.resolve(f"conversations:{path}").think_s == 60
