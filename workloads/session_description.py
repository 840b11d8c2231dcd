"""What sessions of a workload are like."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from slaibench.workloads.content import GENERATED, Piece
from slaibench.workloads.lengths import LengthSource, statistics
from slaibench.workloads.sessions import Sessions, session_source, turn_stream

LOOKED_AT = 2_000
"""Sessions in which what turns share is counted piece by piece."""


def describe_sessions(source: LengthSource) -> dict[str, dict[str, float]]:
    """Mean, quantiles and extremes of ``turns`` (of a session) and ``pause_s`` (between turns), and
    ``shared``: the ``share`` of later turns' prompt tokens that are those of the turn before or of
    its answer. Empty where requests come by themselves."""
    sessions = session_source(source)
    if sessions is None:
        return {}
    drawn = sessions.sessions(sessions.described_sessions, np.random.default_rng(0))
    later = drawn.pause_s[drawn.number_of > 0]
    facts = {"turns": statistics(drawn.num_turns)}
    if len(later):
        facts["pause_s"] = statistics(later)
        facts["shared"] = {"share": _shared(drawn.first(LOOKED_AT))}
    return facts


def _shared(sessions: Sessions) -> float:
    turns, number, of = sessions.turns, sessions.number_of, sessions.session_of
    contents = turns.contents
    prompts, outputs = turns.prompt_tokens.tolist(), turns.output_tokens.tolist()
    later = np.flatnonzero(number > 0).tolist()
    if contents is None or not later:
        return 0.0
    streams = turn_stream(of, number).tolist()
    pieces = [contents.pieces(row, stream, prompts[row]) for row, stream in enumerate(streams)]
    found: int = sum(
        in_common((*pieces[row - 1], Piece(GENERATED, 0, outputs[row - 1])), pieces[row])
        for row in later
    )
    total: int = sum(prompts[row] for row in later)
    return found / total


def in_common(a: Sequence[Piece], b: Sequence[Piece]) -> int:
    """Tokens with which two prompts begin alike."""
    tokens = 0
    for one, other in zip(a, b, strict=False):
        if (one.stream, one.start) != (other.stream, other.start):
            break
        tokens += min(one.length, other.length)
        if one.length != other.length:
            break
    return tokens
