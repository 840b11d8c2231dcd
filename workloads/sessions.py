"""Sessions: several requests of one client, each of which goes on where the one before ended."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from slaibench.workloads.content import GENERATED, SESSIONS, Piece
from slaibench.workloads.lengths import FloatArray, IntArray, Lengths, LengthSource

MOST_TURNS = 1 << 16
"""Of a session; turns of one have as many streams of tokens."""


@dataclass(frozen=True, slots=True)
class Sessions:
    """Sessions end to end, each with its turns in order.

    Args:
        turns: of all of them.
        offsets: session i has the turns ``offsets[i]:offsets[i + 1]``, at least one.
        pause_s: of each turn, seconds since the one before: since its end where turns wait for
            it, else since it was due. 0 of first turns.
    """

    turns: Lengths
    offsets: IntArray
    pause_s: FloatArray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def num_turns(self) -> IntArray:
        """Of each session."""
        return np.diff(self.offsets)

    @property
    def session_of(self) -> IntArray:
        """The session of each turn, from 0."""
        return np.repeat(np.arange(len(self)), self.num_turns)

    @property
    def number_of(self) -> IntArray:
        """Of each turn, its place in its session, from 0."""
        return np.arange(len(self.turns)) - np.repeat(self.offsets[:-1], self.num_turns)

    @property
    def after_s(self) -> FloatArray:
        """Of each turn, how long after its session's first one it is due, if those before took no
        time."""
        sums: FloatArray = np.cumsum(self.pause_s)
        return sums - np.repeat(sums[self.offsets[:-1]], self.num_turns)

    def fitting(self, max_total_tokens: int | None) -> npt.NDArray[np.bool_]:
        """Which turns come before the first of their session that is longer."""
        if max_total_tokens is None:
            return np.ones(len(self.turns), dtype=np.bool_)
        long = (self.turns.total_tokens > max_total_tokens).astype(np.int64)
        seen = np.cumsum(long)
        before = (seen - long)[self.offsets[:-1]]
        fits: npt.NDArray[np.bool_] = seen == np.repeat(before, self.num_turns)
        return fits

    def keep(self, turns: npt.NDArray[np.bool_]) -> Sessions:
        """Only these turns; sessions of which none is left are left out."""
        counts = np.bincount(self.session_of[turns], minlength=len(self))
        offsets = np.concatenate([[0], np.cumsum(counts[counts > 0])])
        return Sessions(self.turns.take(np.flatnonzero(turns)), offsets, self.pause_s[turns])

    def first(self, num_sessions: int) -> Sessions:
        """The first of them."""
        offsets = self.offsets[: num_sessions + 1]
        end = int(offsets[-1])
        return Sessions(self.turns.take(slice(end)), offsets, self.pause_s[:end])

    def with_turns(self, turns: Lengths) -> Sessions:
        """The same sessions of other requests, one for each."""
        return replace(self, turns=turns)


@runtime_checkable
class SessionSource(Protocol):
    """A source of lengths whose requests come in sessions."""

    @property
    def waits(self) -> bool:
        """Whether a turn waits for the end of the one before (half-open); else all have their own
        times (open)."""

    @property
    def described_sessions(self) -> int:
        """How many sessions tell what they are like: all of a table."""

    def sessions(self, num_sessions: int, rng: np.random.Generator) -> Sessions:
        """So many sessions.

        From the same generator state, asking for more must leave the first ones as they were.
        """


def session_source(source: LengthSource) -> SessionSource | None:
    """A source as one of sessions; None: its requests come by themselves."""
    return source if isinstance(source, SessionSource) else None


@dataclass(frozen=True)
class SessionContents:
    """Prompts of turns: each holds the one before, its answer, and text of its own.

    Args:
        added: tokens that each turn adds to what came before.
        output_tokens: of each turn.
        history: how many turns before it its prompt holds.
        system_tokens: with which the first prompt begins; part of ``added``.
        system_stream: whose these are.
        rows: those of all these turns that there are now.
    """

    added: IntArray
    output_tokens: IntArray
    history: IntArray
    system_tokens: IntArray
    system_stream: IntArray
    rows: IntArray

    @cached_property
    def identity(self) -> str:
        digest = hashlib.sha256()
        for values in (self.added, self.output_tokens, self.history, self.system_tokens,
                       self.system_stream, self.rows):  # fmt: skip
            digest.update(np.ascontiguousarray(values, dtype="<i8").tobytes())
        return f"sessions:{digest.hexdigest()}"

    def take(self, index: IntArray | slice) -> SessionContents:
        """As ``content.Contents``."""
        return replace(self, rows=self.rows[index])

    def pieces(self, row: int, request_id: int, prompt_tokens: int) -> tuple[Piece, ...]:
        """As ``content.Contents``; the request's id is ``turn_stream``'s, so that those of the
        turns before are the numbers before it."""
        last = int(self.rows[row])
        first = last - int(self.history[last])
        added = self.added[first : last + 1].tolist()
        outputs = self.output_tokens[first:last].tolist()
        pieces = []
        system = int(self.system_tokens[first])
        if system:
            pieces.append(Piece(int(self.system_stream[first]), 0, system))
            added[0] -= system
        for place, tokens in enumerate(added):
            if tokens:
                pieces.append(Piece(request_id - (last - first - place), 0, tokens))
            if place < len(outputs):
                pieces.append(Piece(GENERATED, 0, outputs[place]))
        return tuple(pieces)


def turn_stream(session: IntArray, number: IntArray) -> IntArray:
    """The stream of the text that a turn adds.

    Args:
        session: a number of its session that no other one has.
        number: of the turn in it, from 0.
    """
    return SESSIONS + session * MOST_TURNS + number


def with_history(sessions: Sessions) -> tuple[Sessions, int]:
    """Sessions of recorded lengths, in which a prompt that is long enough begins with the one
    before and its answer.

    Returns:
        them, and how many later turns are too short for that: what their prompts hold is new.
    """
    lengths, number = sessions.turns, sessions.number_of
    before = np.concatenate([[0], lengths.total_tokens[:-1]])
    goes_on = (number > 0) & (lengths.prompt_tokens > before)
    place = np.arange(len(lengths))
    begin = np.maximum.accumulate(np.where(goes_on, 0, place))
    nothing = np.zeros(len(lengths), dtype=np.int64)
    contents = SessionContents(
        added=lengths.prompt_tokens - np.where(goes_on, before, 0),
        output_tokens=lengths.output_tokens,
        history=place - begin,
        system_tokens=nothing,
        system_stream=nothing,
        rows=place,
    )
    alone = int(((number > 0) & ~goes_on).sum())
    return sessions.with_turns(replace(lengths, contents=contents)), alone
