"""Tables whose requests are turns of sessions: what they are taken for, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from slaibench.workloads import registry
from slaibench.workloads.arrivals import ArrivalProcess
from slaibench.workloads.content import GENERATED, HASHED, SHARED, Piece
from slaibench.workloads.errors import WorkloadError
from slaibench.workloads.generate import fingerprint, generate
from slaibench.workloads.session_description import describe_sessions
from slaibench.workloads.session_table import SessionTable
from slaibench.workloads.sessions import session_source

SIZES = "prompt_tokens,output_tokens"


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str, name: str = "t.csv") -> Path:
        path = tmp_path / name
        path.write_text(text.replace("|", "\n") + "\n", encoding="utf-8")
        return path

    return write


def drawn(source, number, seed=0):
    return source.sessions(number, np.random.default_rng(seed))


def test_pauses_of_a_table_make_its_turns_wait(write):
    path = write(f"{SIZES},Conversation ID,delay|10,5,x,|30,5,x,2500|8,1,y,|60,1,x,0")
    source = registry.resolve(str(path))
    assert isinstance(source, SessionTable)
    assert source.waits
    assert "2 sessions, turns wait for the ones before (recorded pauses)" in source.note
    sessions = drawn(source, 4)
    assert sorted(sessions.num_turns.tolist()) == [1, 1, 3, 3]
    whole = sessions.num_turns.argmax()
    begin = sessions.offsets[whole]
    assert sessions.pause_s[begin : begin + 3].tolist() == [0, 2.5, 0]
    assert source.describe()["prompt_tokens"]["max"] == 60
    assert describe_sessions(source)["turns"]["mean"] == 2


def test_pauses_may_be_drawn(write):
    rows = "|".join(f"{10 * turn},1,{session}" for session in range(500) for turn in range(1, 5))
    source = registry.resolve(f"{write(f'{SIZES},session|{rows}')}:think=4")
    assert source.waits
    sessions = drawn(source, 500)
    later = sessions.pause_s[sessions.number_of > 0]
    assert later.mean() == pytest.approx(4, rel=0.1)
    assert not np.array_equal(later, drawn(source, 500, seed=1).pause_s[sessions.number_of > 0])
    few = drawn(source, 20)
    np.testing.assert_array_equal(few.pause_s, sessions.pause_s[: len(few.pause_s)])


def test_no_session_comes_again_before_all_came(write):
    rows = "|".join(f"{session},1,{session}" for session in range(1, 31))
    source = registry.resolve(f"{write(f'{SIZES},session|{rows}')}:think=0")
    prompts = drawn(source, 60).turns.prompt_tokens
    assert sorted(prompts[:30]) == sorted(prompts[30:]) == list(range(1, 31))
    assert prompts[:30].tolist() != prompts[30:].tolist()


def test_the_same_session_drawn_again_has_texts_of_its_own(write):
    source = f"{write(f'{SIZES},session|10,5,a|30,5,a')}:think=1"
    made = generate(registry.resolve(source), ArrivalProcess.parse("poisson"), rate_rps=1.0,
                    num_requests=40, seed=0)  # fmt: skip
    own = [{piece.stream for piece in r.pieces if piece.stream != GENERATED} for r in made]
    by_session = {}
    for streams, request in zip(own, made, strict=True):
        by_session.setdefault(request.turn.session, set()).update(streams)
    flat = [stream for streams in by_session.values() for stream in streams]
    assert len(flat) == len(set(flat))


def test_blocks_that_a_table_names_are_what_turns_share(write):
    rows = [
        {"input_length": 600, "output_length": 9, "session_id": 1, "hash_ids": [1, 2]},
        {"input_length": 900, "output_length": 9, "session_id": 1, "hash_ids": [1, 3], "delay": 5},
    ]
    source = registry.resolve(f"mooncake:{write('|'.join(map(json.dumps, rows)), 't.jsonl')}")
    sessions = drawn(source, 1)
    pieces = sessions.turns.contents.pieces(1, 77, 900)
    assert pieces == (Piece(HASHED + 1, 0, 512), Piece(HASHED + 3, 0, 388))
    assert sessions.pause_s.tolist() == [0, 0.005]
    assert describe_sessions(source)["shared"]["share"] == pytest.approx(512 / 900)


def test_a_shared_beginning_comes_before_what_turns_share(write):
    path = write(f"{SIZES},session,think_s|10,5,a,|30,5,a,1")
    source = registry.resolve(f"shared-prefix:4:{path}")
    assert source.waits
    assert source.recorded.prompt_tokens.tolist() == [14, 34]
    turns = drawn(source, 1).turns
    assert turns.contents.pieces(1, 100, 34) == (
        *(Piece(SHARED, 0, 4), Piece(99, 0, 10), Piece(GENERATED, 0, 5), Piece(100, 0, 15)),
    )


def test_sessions_may_be_left_out_of_account(write):
    path = write(f"arrival_s,{SIZES},session|0,10,5,a|1,30,5,a")
    source = registry.resolve(f"{path}:turns=independent")
    assert session_source(source) is None
    assert source.note.endswith("sessions left out of account")
    unknown = write(f"{SIZES},session|10,5,a|30,5,a", "u.csv")
    note = registry.resolve(str(unknown)).note
    assert "neither their times nor their pauses are known (think=SECONDS)" in note
    prints = {
        fingerprint(registry.resolve(f"{path}{options}"))
        for options in ("", ":turns=independent", ":turns=half-open,think=1", ":think=2")
    }
    assert len(prints) == 4


def test_parts_of_one_log_have_their_sessions_together_and_other_files_do_not(write):
    first = write(f"arrival_s,{SIZES},session|0,10,5,a|1,9,5,", "1.csv")
    second = write(f"arrival_s,{SIZES},session|2,30,5,a|3,9,5,", "2.csv")
    log = registry.resolve(f"{first},{second}")
    assert sorted(drawn(log, 3).num_turns.tolist()) == [1, 1, 2]
    others = registry.resolve(f"{second},{first}:think=1")
    assert "arrival times left out" in others.note
    assert drawn(others, 4).num_turns.tolist() == [1, 1, 1, 1]
    with pytest.raises(
        WorkloadError, match=r"different rules cannot be joined: say the same turns"
    ):
        registry.resolve(f"{first} + {second}:think=1")


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (f"{SIZES}|1,1", ":think=1", r"no column of sessions \(session, session_id"),
        (f"{SIZES}|1,1", ":turns=open", "has no column of sessions"),
        (
            f"{SIZES},session|1,1,a|2,1,a",
            ":turns=open",
            r"\(the first in row 2\) nothing says when",
        ),
        (f"{SIZES},session|1,1,a|2,1,a", ":turns=half-open", r"nothing says how long.*think=SEC"),
        (f"{SIZES},session|1,1,a", ":turns=closed", r"unknown turns of .*Known: half-open, indep"),
        (f"{SIZES},session|1,1,a", ":turns=open,think=1", r"think=1 is of turns=half-open"),
        (f"{SIZES},session|1,1,a", ":think=soon", "think must be a number of seconds.*'soon'"),
        (f"{SIZES},session,think_s|1,1,a,-1", "", "line 2: think_s must be a number of seconds"),
        (f"{SIZES},session,think_s|1,1,a,0|2,1,a,", "", r"of 1 later turns .*\(the first in row 2"),
        (f"{SIZES},session|1,1,{'x' * 300}", "", "line 2: session must be a printable text"),
    ],
)
def test_what_is_not_known_of_sessions_is_said(write, text, options, message):
    path = write(text)
    with pytest.raises(WorkloadError, match=message):
        registry.resolve(f"{path}{options}")
