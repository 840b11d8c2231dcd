"""Half-open sessions, made by hand: each turn's prompt is all that was said before, and more."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from slaibench.recording.record import FloatArray, RequestTable
from slaibench.workloads.content import GENERATED, Piece
from slaibench.workloads.request import Request, Turn


def numbered(requests: list[Request]) -> list[Request]:
    """Requests as a run has them: by due time, with ids by place, whoever follows whom."""
    order = sorted(requests, key=lambda request: request.due_s)
    ids = {request.request_id: place for place, request in enumerate(order)}
    return [
        replace(
            request,
            request_id=place,
            turn=request.turn
            and replace(
                request.turn,
                follows=None if request.turn.follows is None else ids[request.turn.follows],
            ),
        )
        for place, request in enumerate(order)
    ]


def conversations(
    count: int,
    seed: int = 0,
    *,
    rate_rps: float = 0.8,
    longest: int = 900,
    most_tokens: int = 9000,
) -> list[Request]:
    """Sessions of one to five turns; some turns wait for nothing after the end of the last one."""
    rng = np.random.default_rng(seed)
    made: list[Request] = []
    start_s = 0.0
    for session in range(count):
        start_s += float(rng.exponential(1 / rate_rps))
        due_s, pieces, before = start_s, [], None
        for number in range(1, int(rng.integers(1, 6)) + 1):
            think_s = 0.0 if number == 1 or rng.random() < 0.2 else float(rng.exponential(2.0))
            due_s += think_s
            pieces.append(Piece(len(made), 0, int(rng.integers(1, longest))))
            output = int(rng.integers(1, 200))
            prompt = sum(piece.length for piece in pieces)
            if prompt + output > most_tokens:
                break
            turn = Turn(session, number, before, think_s)
            made.append(Request(len(made), due_s, prompt, output, pieces=tuple(pieces), turn=turn))
            pieces.append(Piece(GENERATED, 0, output))
            before = len(made) - 1
    return numbered(made)


def expected_due_s(wanted: list[Request], table: RequestTable) -> FloatArray:
    """When each row was to be due, from when the turn before it ended."""
    ends = dict(zip(table.request_id.tolist(), table.last_token_s.tolist(), strict=True))
    by_id = {request.request_id: request for request in wanted}
    out = []
    for number in table.request_id.tolist():
        request = by_id[number]
        turn = request.turn
        waits = turn is not None and turn.follows is not None
        assert turn is not None or not waits
        out.append(ends[turn.follows] + turn.think_s if waits and turn else request.due_s)
    return np.array(out)
