"""When the turns of sessions are due: sessions come by an arrival process, in a steady state.

Sessions come at the rate of requests over the mean number of turns. They do before time 0 as well,
as long as one may last, and turns that would have been due then are left out: a run does not begin
with first turns only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from slaibench.workloads.arrivals import ArrivalKind, ArrivalProcess, due_times
from slaibench.workloads.content import Piece
from slaibench.workloads.errors import WorkloadError, too_few_left, too_few_recorded
from slaibench.workloads.lengths import LEAST_KEPT_SHARE, FloatArray, IntArray, Lengths
from slaibench.workloads.request import Turn
from slaibench.workloads.session_table import SessionTable
from slaibench.workloads.sessions import Sessions, SessionSource, turn_stream
from slaibench.workloads.terms import joined_terms
from slaibench.workloads.tiers import Tier, assign

MOST_BEFORE = 1_000_000
"""Sessions before time 0 that are drawn without much memory."""
SPARE = 16
"""Sessions drawn beyond the number expected."""

Seeds = Sequence[np.random.SeedSequence]
"""Of when sessions begin, of what they are, and of their tiers."""


@dataclass(frozen=True, slots=True)
class Planned:
    """Turns of a run in the order of their due times.

    Args:
        lengths: of each, without contents.
        due_s: when it is due, if those before it took no time.
        pieces: what its prompt is made of.
        turns: its place in its session.
        drawn: its tier, where the lengths do not name it; one for all turns of a session.
    """

    lengths: Lengths
    due_s: FloatArray
    pieces: list[tuple[Piece, ...]]
    turns: list[Turn]
    drawn: list[Tier]


@dataclass(frozen=True, slots=True)
class _Begun:
    """Sessions, each with when it begins, a number of its own, and the place of its tier."""

    sessions: Sessions
    start_s: FloatArray
    numbers: IntArray
    tiers: IntArray

    @property
    def due_s(self) -> FloatArray:
        """Of each turn."""
        due_s: FloatArray = self.start_s[self.sessions.session_of] + self.sessions.after_s
        return due_s


@dataclass(frozen=True, slots=True)
class SessionArrivals:
    """The turns of a run.

    Args:
        source: of the sessions; ``name``: of it, for messages.
        process: when they begin; of recorded times of a table, when its requests come.
        tiers: of which each session is in one.
        rate_rps: requests a second; None where the process needs none.
        num_requests: how many, at least 1.
        seed: at least 0; a session is the same under every rate, and begins at another time.
        max_total_tokens: a session ends before the first turn of more tokens; None: it does not.
    """

    name: str
    source: SessionSource
    process: ArrivalProcess
    tiers: Sequence[Tier]
    rate_rps: float | None
    num_requests: int
    seed: int
    max_total_tokens: int | None

    def planned(self) -> Planned:
        """The first turns by due time.

        Raises:
            WorkloadError: there are too few, or sessions last too long for the rate.
        """
        seeds = np.random.SeedSequence(self.seed).spawn(3)
        if self.process.kind is ArrivalKind.TRACE:
            return self._in_order([self._recorded(seeds)])
        described = self._kept(
            self.source.sessions(self.source.described_sessions, np.random.default_rng(0))
        )
        mean_turns = len(described.turns) / len(described)
        if self.process.kind is ArrivalKind.BURST:
            return self._in_order([self._burst(seeds, mean_turns)])
        rate = None if self.rate_rps is None else self.rate_rps / mean_turns
        begun = self._before(rate, float(described.after_s.max()))
        within_s = np.concatenate([[], *(part.due_s for part in begun)])

        def enough(part: _Begun) -> bool:
            due_s = np.concatenate([within_s, part.due_s])
            seen = (due_s >= 0) & (due_s <= part.start_s[-1])
            return int(seen.sum()) >= self.num_requests

        begun.append(self._until(enough, rate, self.num_requests / mean_turns, seeds))
        return self._in_order(begun)

    def _before(self, rate: float | None, longest_s: float) -> list[_Begun]:
        """Sessions that began before time 0 and may last beyond it; their numbers are odd."""
        if rate is None or longest_s <= 0:
            return []
        number = rate * longest_s
        if number > MOST_BEFORE:
            raise WorkloadError(
                f"{self.name}: sessions last up to {longest_s:,.0f} s by their pauses, so that at "
                f"this rate {number:,.0f} of them may be open when the run begins (at most "
                f"{MOST_BEFORE:,}): lower the rate, or take shorter pauses (think=SECONDS), or a "
                "table's rows by themselves (turns=independent)"
            )
        # Beyond the four streams of which ``generate`` speaks.
        seeds = np.random.SeedSequence(self.seed, spawn_key=(4,)).spawn(3)
        begun = self._until(lambda part: part.start_s[-1] >= longest_s, rate, number, seeds)
        lasting = int(np.searchsorted(begun.start_s, longest_s, side="right"))
        return [
            _Begun(
                begun.sessions.first(lasting),
                -begun.start_s[:lasting],
                begun.numbers[:lasting] + 1,
                begun.tiers[:lasting],
            )
        ]

    def _until(
        self, enough: Callable[[_Begun], bool], rate: float | None, expected: float, seeds: Seeds
    ) -> _Begun:
        """As many sessions, from time 0 on, as are enough."""
        number = int(1.1 * expected) + SPARE
        while True:
            sessions = self._kept(self.source.sessions(number, np.random.default_rng(seeds[1])))
            start_s = due_times(self.process, rate, len(sessions), np.random.default_rng(seeds[0]))
            part = self._begun(sessions, start_s, seeds)
            if enough(part):
                return part
            number *= 2

    def _burst(self, seeds: Seeds, mean_turns: float) -> _Begun:
        """Sessions that all begin at once, as few as have so many turns."""
        part = self._until(
            lambda part: len(part.sessions.turns) >= self.num_requests,
            None,
            self.num_requests / mean_turns,
            seeds,
        )
        number = int(np.searchsorted(part.sessions.offsets[1:], self.num_requests)) + 1
        return self._begun(part.sessions.first(number), part.start_s[:number], seeds)

    def _recorded(self, seeds: Seeds) -> _Begun:
        """Sessions at recorded times; of turns at times of their own, the pauses are stretched as
        the whole recording is."""
        assert isinstance(self.source, SessionTable)
        assert self.source.arrival_s is not None
        sessions, rows = self.source.recorded_sessions(np.random.default_rng(seeds[1]))
        fits = sessions.fitting(self.max_total_tokens)
        sessions, rows = self._kept(sessions), rows[fits]
        if self.num_requests > len(rows):
            raise too_few_recorded(self.name, len(rows), self.num_requests, self.max_total_tokens)
        rng = np.random.default_rng(seeds[0])
        times_s = self.source.arrival_s[rows]
        first = sessions.offsets[:-1]
        if self.source.waits:
            rate = None if self.rate_rps is None else self.rate_rps * len(sessions) / len(rows)
            start_s = due_times(self.process, rate, len(sessions), rng, times_s[first])
            return self._begun(sessions, start_s, seeds)
        in_order = np.argsort(rows, kind="stable")
        due_s = np.empty(len(rows))
        due_s[in_order] = due_times(self.process, self.rate_rps, len(rows), rng, times_s[in_order])
        pause_s = np.where(sessions.number_of > 0, np.diff(due_s, prepend=0.0), 0.0)
        return self._begun(replace(sessions, pause_s=pause_s), due_s[first], seeds)

    def _begun(self, sessions: Sessions, start_s: FloatArray, seeds: Seeds) -> _Begun:
        numbers = 2 * np.arange(len(sessions))
        tiers = assign(self.tiers, len(sessions), np.random.default_rng(seeds[2]))
        return _Begun(sessions, start_s, numbers, tiers)

    def _kept(self, sessions: Sessions) -> Sessions:
        """Sessions up to the turns that are too long."""
        fits = sessions.fitting(self.max_total_tokens)
        if int(fits.sum()) < max(1, LEAST_KEPT_SHARE * len(fits)):
            raise too_few_left(
                self.name, int(fits.sum()), f"{len(fits)} turns", self.max_total_tokens
            )
        return sessions.keep(fits)

    def _in_order(self, begun: Sequence[_Begun]) -> Planned:
        """The first of all turns that are due from time 0 on."""
        due_s, number, place, pause_s, tier, part_of, row_of = (
            np.concatenate(columns)
            for columns in zip(*(self._columns(*part) for part in enumerate(begun)), strict=True)
        )
        kept = np.flatnonzero(due_s >= 0)
        order = kept[np.lexsort((place[kept], number[kept], due_s[kept]))][: self.num_requests]
        pieces: list[tuple[Piece, ...]] = [()] * len(order)
        lengths = []
        for index, part in enumerate(begun):
            at = np.flatnonzero(part_of[order] == index)
            taken = part.sessions.turns.take(row_of[order[at]])
            lengths.append(taken)
            streams = turn_stream(number[order[at]], place[order[at]])
            if taken.contents is not None:
                for row, (where, stream, prompt) in enumerate(
                    zip(at.tolist(), streams.tolist(), taken.prompt_tokens.tolist(), strict=True)
                ):
                    pieces[where] = taken.contents.pieces(row, stream, prompt)
        back = np.argsort(np.argsort(part_of[order], kind="stable"))
        together = Lengths(
            np.concatenate([part.prompt_tokens for part in lengths]),
            np.concatenate([part.output_tokens for part in lengths]),
            terms=joined_terms([(len(part), part.terms) for part in lengths]),
        )
        return Planned(
            together.take(back),
            due_s[order],
            pieces,
            self._turns(number[order], place[order], pause_s[order]),
            [self.tiers[index] for index in tier[order].tolist()],
        )

    def _columns(self, index: int, part: _Begun) -> tuple[FloatArray | IntArray, ...]:
        """Of each turn of some sessions: due time, its session's number, its place in it, its
        pause, the place of its tier, and which part and row it is."""
        sessions = part.sessions
        rows = np.arange(len(sessions.turns))
        of = sessions.session_of
        return (
            part.due_s,
            part.numbers[of],
            sessions.number_of,
            sessions.pause_s,
            part.tiers[of],
            np.full(len(rows), index),
            rows,
        )

    def _turns(self, number: IntArray, place: IntArray, pause_s: FloatArray) -> list[Turn]:
        ids: dict[tuple[int, int], int] = {}
        sessions: dict[int, int] = {}
        turns = []
        for request_id, (session, turn, pause) in enumerate(
            zip(number.tolist(), place.tolist(), pause_s.tolist(), strict=True)
        ):
            ids[session, turn] = request_id
            follows = ids.get((session, turn - 1)) if self.source.waits else None
            own = sessions.setdefault(session, len(sessions))
            turns.append(Turn(own, turn + 1, follows, 0.0 if follows is None else pause))
        return turns
