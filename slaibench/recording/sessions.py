"""What came of half-open sessions: which of them finished, and which turns were never due."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slaibench.recording.record import Outcome, RequestTable
from slaibench.workloads.request import Request
from slaibench.workloads.schedule import followers_of

HALF_OPEN = "half-open"
FACTS = "turns"
"""Where ``run.json`` has them."""
_AFTER_END = "after_end"
_WHY = {
    Outcome.FAILED.value: "after one that failed",
    Outcome.TIMED_OUT.value: "after one that timed out",
    Outcome.UNFINISHED.value: "after one that was unfinished at the end",
    _AFTER_END: "only after the end of the run",
}


@dataclass(frozen=True, slots=True)
class Sessions:
    """Sessions in which a turn waits for the one before; of a run without them, all is 0.

    Args:
        begun: sessions that had a turn due.
        finished: those all of whose turns finished.
        never_due: turns of sessions that had begun which were never due, by why: the outcome of
            the turn that they, or those before them, waited for, or ``after_end``.
        cut: sessions that have such turns.
    """

    begun: int
    finished: int
    never_due: Mapping[str, int]
    cut: int

    @classmethod
    def of(cls, requests: Sequence[Request], table: RequestTable) -> Sessions:
        """Of a run.

        Args:
            requests: all that were to be sent, by due time.
            table: those that were due.
        """
        if not followers_of(requests):
            return cls(0, 0, {}, 0)
        outcomes = dict(zip(table.request_id.tolist(), table.outcome.tolist(), strict=True))
        why: dict[int, str] = {}
        never_due: Counter[str] = Counter()
        begun, whole, cut = set(), set(), set()
        for request in requests:
            turn = request.turn
            if turn is None:
                continue
            outcome = outcomes.get(request.request_id)
            if outcome is not None and turn.session not in begun:
                begun.add(turn.session)
                whole.add(turn.session)
            if outcome != Outcome.FINISHED.value:
                whole.discard(turn.session)
            if outcome is None and turn.session in begun:
                before = -1 if turn.follows is None else turn.follows
                ended = outcomes.get(before)
                late = before < 0 or ended == Outcome.FINISHED.value
                reason = _AFTER_END if late else ended or why.get(before, _AFTER_END)
                why[request.request_id] = reason
                never_due[reason] += 1
                cut.add(turn.session)
        return cls(len(begun), len(whole), dict(never_due), len(cut))

    def facts(self) -> dict[str, Any]:
        """For ``run.json``; empty without sessions."""
        if not self.begun:
            return {}
        never_due = {name: self.never_due[name] for name in _WHY if name in self.never_due}
        sessions = {"begun": self.begun, "finished": self.finished, "cut": self.cut}
        return {FACTS: {"kind": HALF_OPEN, "sessions": sessions, "never_due": never_due}}

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know of turns that were never due; nothing where all were."""
        words = never_due_words(self.facts())
        return (words,) if words else ()


def never_due_words(run: Mapping[str, Any]) -> str:
    """Turns of a recorded run that were never due, in a sentence; empty where all were.

    Args:
        run: ``Recording.run``.
    """
    facts = run.get(FACTS, {})
    never_due = facts.get("never_due", {})
    if not never_due:
        return ""
    reasons = [
        f"{never_due[name]:,} {words}" if len(never_due) > 1 else words
        for name, words in _WHY.items()
        if name in never_due
    ]
    total, cut = sum(never_due.values()), facts["sessions"]["cut"]
    turns = "1 turn" if total == 1 else f"{total:,} turns"
    sessions = "1 session" if cut == 1 else f"{cut:,} sessions"
    were = "was" if total == 1 else "were"
    return f"{turns} of {sessions} {were} never due: {', '.join(reasons)}"


def is_half_open(run: Mapping[str, Any]) -> bool:
    """Whether turns of a recorded run waited for the ones before (``Recording.run``)."""
    return bool(run.get(FACTS, {}).get("kind") == HALF_OPEN)
