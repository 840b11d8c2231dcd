"""A table of recorded requests as sessions: those of one session are its turns, in their order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from slaibench.workloads.content import SharedBeginning
from slaibench.workloads.errors import WorkloadError, unknown
from slaibench.workloads.lengths import Description, FloatArray, IntArray, Lengths
from slaibench.workloads.options import Options
from slaibench.workloads.pauses import exponential, streams
from slaibench.workloads.sessions import MOST_TURNS, Sessions, with_history
from slaibench.workloads.table import TableSource
from slaibench.workloads.terms import LONGEST_S

INDEPENDENT, OPEN, HALF_OPEN = "independent", "open", "half-open"
TURNS = (OPEN, HALF_OPEN, INDEPENDENT)
OPTIONS = ("turns", "think")


@dataclass(frozen=True)
class SessionTable:
    """A table whose requests come in sessions.

    Args:
        table: with a column ``session``; a request without one is a session by itself.
        waits: as ``sessions.SessionSource``.
        think_s: mean of the pauses, which are drawn; None: they are the table's.

    Raises:
        WorkloadError: pauses of turns that wait, or times of those that do not, are not known; or
            a session has more turns than can be.
    """

    table: TableSource
    waits: bool
    think_s: float | None = None

    def __post_init__(self) -> None:
        longest = int(self._sorted.num_turns.max())
        if longest >= MOST_TURNS:
            raise WorkloadError(
                f"{self.name}: a session has {longest:,} turns; fewer than {MOST_TURNS:,} can be "
                "played: is the column one of sessions? turns=independent does without it"
            )
        _ = self._recorded  # refuses pauses that nobody says

    @property
    def name(self) -> str:
        return self.table.name

    @property
    def note(self) -> str:
        sessions, alone = self._recorded
        how = "each turn at its recorded time"
        if self.waits:
            how = f"turns wait for the ones before ({self._source})"
        lost = (
            f"; {alone:,} later turns are too short to hold the ones before them, and share nothing"
            if alone
            else ""
        )
        return f"{self.table.note}; {len(sessions):,} sessions, {how}{lost}"

    @property
    def identity(self) -> str:
        return f"{HALF_OPEN if self.waits else OPEN}:{self.think_s}:{self.table.identity}"

    @property
    def arrival_s(self) -> FloatArray | None:
        """See `RecordedSource`."""
        return self.table.arrival_s

    @property
    def recorded(self) -> Lengths:
        """See `RecordedSource`."""
        return self.table.recorded

    @property
    def described_sessions(self) -> int:
        return len(self._recorded[0])

    def sessions(self, num_sessions: int, rng: np.random.Generator) -> Sessions:
        """See `SessionSource`: in random order, none twice before all were had once."""
        order_rng, think_rng = streams(rng, 2)
        return self._drawn(self._order(num_sessions, order_rng), think_rng)

    def recorded_sessions(self, rng: np.random.Generator) -> tuple[Sessions, IntArray]:
        """All of them as recorded, by the place of their first turns, and the row of every turn.

        Args:
            rng: draws the pauses, where they are drawn.
        """
        return self._drawn(np.arange(self.described_sessions), rng), self._rows

    def sample(self, num_requests: int, rng: np.random.Generator) -> Lengths:
        """See `LengthSource.sample`: of the turns of sessions, one after another."""
        whole, _ = self._recorded
        rounds = -(-num_requests // len(whole.turns))
        num_sessions = rounds * self.described_sessions
        return self.sessions(num_sessions, rng).turns.take(slice(num_requests))

    def describe(self) -> Description:
        return self.table.describe()

    def _order(self, num_sessions: int, rng: np.random.Generator) -> IntArray:
        every = self.described_sessions
        rounds = max(1, -(-num_sessions // every))
        return np.concatenate([rng.permutation(every) for _ in range(rounds)])[:num_sessions]

    def _drawn(self, order: IntArray, rng: np.random.Generator) -> Sessions:
        whole, _ = self._recorded
        counts = whole.num_turns[order]
        offsets = np.concatenate([[0], np.cumsum(counts)])
        rows = np.arange(offsets[-1]) + np.repeat(whole.offsets[order] - offsets[:-1], counts)
        drawn = Sessions(whole.turns.take(rows), offsets, whole.pause_s[rows])
        if not self.waits or self.think_s is None:
            return drawn
        pauses_s = exponential(rng, len(rows), self.think_s)
        return replace(drawn, pause_s=np.where(drawn.number_of > 0, pauses_s, 0.0))

    @cached_property
    def _rows(self) -> IntArray:
        """Rows of the table by session: sessions in the order of their first rows, and the turns
        of each in theirs."""
        assert self.recorded.terms is not None
        names = self.recorded.terms.columns["session"]
        _, first, of = np.unique(names, return_index=True, return_inverse=True)
        begins = first[of]
        alone = names == ""
        begins[alone] = np.flatnonzero(alone)
        return np.argsort(begins, kind="stable")

    @cached_property
    def _sorted(self) -> Sessions:
        """Without contents and pauses."""
        assert self.recorded.terms is not None
        names = self.recorded.terms.columns["session"][self._rows]
        begins = np.concatenate([[True], (names[1:] != names[:-1]) | (names[1:] == "")])
        offsets = np.concatenate([np.flatnonzero(begins), [len(names)]])
        return Sessions(self.recorded.take(self._rows), offsets, np.zeros(len(names)))

    @cached_property
    def _recorded(self) -> tuple[Sessions, int]:
        """All sessions, and how many later turns share nothing with the ones before."""
        sessions = replace(self._sorted, pause_s=self._pauses_s())
        contents = sessions.turns.contents
        if contents is None:
            return with_history(sessions)
        if isinstance(contents, SharedBeginning) and contents.rest is None:
            lengths = sessions.turns
            own = replace(
                lengths, prompt_tokens=lengths.prompt_tokens - contents.tokens, contents=None
            )
            told, alone = with_history(sessions.with_turns(own))
            shared = SharedBeginning(contents.tokens, told.turns.contents)
            return sessions.with_turns(replace(lengths, contents=shared)), alone
        return sessions, 0  # blocks that the table names are what its prompts are made of

    def _pauses_s(self) -> FloatArray:
        sessions, terms = self._sorted, self._sorted.turns.terms
        assert terms is not None
        later = sessions.number_of > 0
        if self.waits and self.think_s is not None:
            return np.zeros(len(later))  # drawn with the sessions
        said = terms.get("think_s")
        pauses_s = said.copy() if self.waits and said is not None else np.full(len(later), np.nan)
        if self.arrival_s is not None:
            gaps_s = np.diff(self.arrival_s[self._rows], prepend=0.0)
            elapsed_s = terms.get("elapsed_s")
            if not self.waits:
                pauses_s = gaps_s
            elif elapsed_s is not None:
                left_s = np.maximum(gaps_s - np.concatenate([[0.0], elapsed_s[:-1]]), 0.0)
                pauses_s = np.where(np.isnan(pauses_s), left_s, pauses_s)
        pauses_s[~later] = 0.0
        unknown_turns = np.isnan(pauses_s)
        if unknown_turns.any():
            row = int(self._rows[np.argmax(unknown_turns)]) + 1
            what = "how long after the one before it is due" if self.waits else "when it is due"
            way_out = (
                "think=SECONDS draws the pauses, and turns=open takes recorded times"
                if self.waits
                else "turns=half-open,think=SECONDS draws pauses"
            )
            raise WorkloadError(
                f"{self.name}: of {int(unknown_turns.sum()):,} later turns of sessions (the first "
                f"in row {row}) nothing says {what}: {way_out}; turns=independent does without "
                "sessions"
            )
        return pauses_s

    @property
    def _source(self) -> str:
        terms = self.recorded.terms
        assert terms is not None
        if self.think_s is not None:
            return f"exponential pauses of {self.think_s:g} s"
        if terms.get("think_s") is not None:
            return "recorded pauses"
        return "pauses: from the recorded end of a turn to the next one"


def with_sessions(table: TableSource, options: Options) -> TableSource | SessionTable:
    """A table as its sessions, where it has them.

    Args:
        options: ``turns``: ``open`` (recorded times; the default where there are times and no
            pauses), ``half-open`` (a turn waits for the one before) or ``independent`` (sessions
            are left out of account); ``think``: mean of drawn pauses, seconds.

    Raises:
        WorkloadError: options that the table does not allow.
    """
    turns = options.values.get("turns")
    if turns is not None and turns not in TURNS:
        raise unknown(f"turns of {table.name}", turns, TURNS)
    think_s = think_of(options)
    terms = table.recorded.terms
    if terms is None or terms.get("session") is None:
        if turns in (OPEN, HALF_OPEN) or think_s is not None:
            raise WorkloadError(
                f"{table.name} has no column of sessions (session, session_id or "
                "conversation_id), of which turns and think speak"
            )
        return table
    if think_s is not None and turns in (OPEN, INDEPENDENT):
        raise WorkloadError(
            f"{table.name}: think={think_s:g} is of turns=half-open, not of {turns}"
        )
    if turns is None:
        pauses = think_s is not None or terms.get("think_s") is not None
        turns = HALF_OPEN if pauses else OPEN if table.arrival_s is not None else None
    if turns in (None, INDEPENDENT):
        why = "" if turns else ", as neither their times nor their pauses are known (think=SECONDS)"
        note = f"{table.note}; sessions left out of account{why}"
        kept = terms.without("session")
        return replace(table, note=note, recorded=replace(table.recorded, terms=kept))
    return SessionTable(table, turns == HALF_OPEN, think_s)


def think_of(options: Options) -> float | None:
    """The option ``think``: mean seconds, 0 or more; None: it is not there."""
    text = options.values.get("think")
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= LONGEST_S:
        raise WorkloadError(
            f"{options.owner}: think must be a number of seconds from 0 to {LONGEST_S:g}, not "
            f"{text!r}"
        )
    return value
