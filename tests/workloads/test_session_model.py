"""Synthetic sessions: what they are made of, and that numbers are what was asked for."""

from __future__ import annotations

import numpy as np
import pytest

from slaibench.workloads import registry
from slaibench.workloads.content import GENERATED, SHARED, SYSTEM, Piece
from slaibench.workloads.errors import WorkloadError
from slaibench.workloads.generate import fingerprint
from slaibench.workloads.session_description import describe_sessions
from slaibench.workloads.session_model import DEFAULTS, session_model
from slaibench.workloads.sessions import turn_stream


def drawn(text, number=20_000, seed=1):
    return registry.resolve(text).sessions(number, np.random.default_rng(seed))


def test_means_are_those_that_were_asked_for():
    wide = "max_total=1000000000"
    sessions = drawn(f"agent:system=0,turns=4,prompt=50,tools=200,output=80,think=7,{wide}")
    first = sessions.number_of == 0
    assert len(sessions) == 20_000
    assert sessions.num_turns.mean() == pytest.approx(4, rel=0.03)
    assert sessions.turns.prompt_tokens[first].mean() == pytest.approx(50, rel=0.03)
    assert sessions.turns.output_tokens.mean() == pytest.approx(80, rel=0.03)
    assert sessions.pause_s[~first].mean() == pytest.approx(7, rel=0.03)
    assert (sessions.pause_s[first] == 0).all()
    before = np.roll(sessions.turns.total_tokens, 1)
    added = (sessions.turns.prompt_tokens - before)[~first]
    assert added.min() >= 1
    assert added.mean() == pytest.approx(200, rel=0.03)


def test_a_prompt_is_the_one_before_its_answer_and_new_text():
    sessions = drawn("chat:system=30,turns=6", 50)
    contents = sessions.turns.contents
    of, number = sessions.session_of, sessions.number_of
    streams = turn_stream(of, number)
    lengths = sessions.turns
    before = ()
    for row in range(len(lengths)):
        prompt, output = int(lengths.prompt_tokens[row]), int(lengths.output_tokens[row])
        pieces = contents.pieces(row, int(streams[row]), prompt)
        assert sum(piece.length for piece in pieces) == prompt
        if number[row]:
            assert pieces[:-1] == before
        else:
            assert pieces[0] == Piece(SYSTEM, 0, 30)
        assert pieces[-1].stream == streams[row]
        before = (*pieces, Piece(GENERATED, 0, output))
    assert len(set(streams.tolist())) == len(streams)


def test_applications_share_their_own_system_prompt():
    sessions = drawn("agent:applications=3,turns=1", 300)
    contents = sessions.turns.contents
    streams = {contents.pieces(row, 0, 5000)[0].stream for row in range(300)}
    assert streams == {SYSTEM, SYSTEM + 1, SYSTEM + 2}


def test_more_sessions_leave_the_first_as_they_were():
    few, many = drawn("agent", 100), drawn("agent", 400)
    size = int(few.offsets[-1])
    np.testing.assert_array_equal(few.offsets, many.offsets[: len(few.offsets)])
    np.testing.assert_array_equal(few.turns.prompt_tokens, many.turns.prompt_tokens[:size])
    np.testing.assert_array_equal(few.pause_s, many.pause_s[:size])
    source = registry.resolve("chat")
    some, more = (source.sample(n, np.random.default_rng(3)) for n in (10, 500))
    np.testing.assert_array_equal(some.prompt_tokens, more.prompt_tokens[:10])


def test_a_session_ends_before_the_turn_that_does_not_fit():
    free, capped = drawn("chat:max_total=1000000"), drawn("chat:max_total=2000")
    assert capped.turns.total_tokens.max() <= 2000
    fits = free.keep(free.fitting(2000))
    np.testing.assert_array_equal(fits.turns.prompt_tokens, capped.turns.prompt_tokens)
    assert (np.diff(fits.turns.prompt_tokens)[fits.number_of[1:] > 0] > 0).all()


def test_fixed_turns_and_no_pauses():
    sessions = drawn("chat:turns=1,think=0", 50)
    assert (sessions.num_turns == 1).all()
    assert (drawn("chat:turns=3,think=0", 50).pause_s == 0).all()


def test_a_shared_beginning_comes_before_the_system_prompt():
    source = registry.resolve("shared-prefix:7:chat:turns=4")
    assert source.waits
    sessions = source.sessions(20, np.random.default_rng(0))
    plain = registry.resolve("chat:turns=4").sessions(20, np.random.default_rng(0))
    np.testing.assert_array_equal(sessions.turns.prompt_tokens, plain.turns.prompt_tokens + 7)
    pieces = sessions.turns.contents.pieces(0, 0, int(sessions.turns.prompt_tokens[0]))
    assert pieces[:2] == (Piece(SHARED, 0, 7), Piece(SYSTEM, 0, 200))


def test_names_can_be_written_again_and_values_have_prints_of_their_own():
    texts = ["chat", "agent", "chat:turns=4", "chat:think=0", "agent:tools=50.5,applications=3"]
    for text in texts:
        source = registry.resolve(text)
        assert source.name == text.replace("tools=50.5,applications=3", "applications=3,tools=50.5")
        assert fingerprint(registry.resolve(source.name)) == fingerprint(source)
    assert len({fingerprint(registry.resolve(text)) for text in texts}) == len(texts)
    assert registry.resolve("chat:turns=2.5").name == "chat"
    assert session_model("agent", "") == DEFAULTS["agent"]


@pytest.mark.parametrize("text", ["chat", "agent"])
def test_they_say_of_themselves_what_they_are(text):
    facts = describe_sessions(registry.resolve(text))
    assert facts["turns"]["mean"] <= DEFAULTS[text].turns
    assert facts["pause_s"]["mean"] == pytest.approx(DEFAULTS[text].think, rel=0.02)
    assert 0.5 < facts["shared"]["share"] < 1
    assert describe_sessions(registry.resolve("sharegpt4-model")) == {}
    assert set(describe_sessions(registry.resolve("chat:turns=1"))) == {"turns"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("chat:turns=0.5", "chat: turns is a mean .* at least 1, not '0.5'"),
        ("chat:turns=x", "chat: turns must be a number above 0, not 'x'"),
        ("chat:tools=5", "unknown option of chat 'tools'"),
        ("chat:think=-1", "chat: think must be a number of seconds from 0 to .*, not '-1'"),
        ("chat:think=nan", "not 'nan'"),
        ("chat:system=9000", "9000 tokens leaves no room for a turn in max_total=8192"),
        ("chat:system=1.5", "chat: system must be a whole number"),
        ("agent:applications=0", "agent: applications must be a whole number of at least 1"),
        ("agent:applications=2000000", "must be at most 1000000, not 2000000"),
        ("agent:5", "agent does not take '5'; options are written system=VALUE"),
    ],
)
def test_wrong_options_are_named(text, message):
    with pytest.raises(WorkloadError, match=message):
        registry.resolve(text)
