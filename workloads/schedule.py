"""The requests of a run in their order: what is refused, and which turns wait for which."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from slaibench.workloads.request import Request

Followers = dict[int, list[tuple[int, float]]]
"""By request id, who waits for its end: each one's place in the schedule, and how long it waits
after that, seconds."""


def waits(request: Request) -> bool:
    """Whether it is due only when another one has finished."""
    return request.turn is not None and request.turn.follows is not None


def followers_of(requests: Sequence[Request]) -> Followers:
    """Who waits for whom; empty where nobody waits (an open loop)."""
    followers: Followers = {}
    for place, request in enumerate(requests):
        turn = request.turn
        if turn is not None and turn.follows is not None:
            followers.setdefault(turn.follows, []).append((place, turn.think_s))
    return followers


def check_schedule(requests: Sequence[Request], concurrency: int | None = None) -> None:
    """Refuse what cannot be a run.

    Args:
        concurrency: clients of a closed loop; None: there is none.

    Raises:
        ValueError: the requests are not in the order of their due times, one is of no size, a turn
            waits for none that is before it, or clients of a closed loop should send turns that
            wait for others.
    """
    previous_s = 0.0
    for request in requests:
        if not previous_s <= request.due_s < math.inf:
            raise ValueError(
                f"request {request.request_id} is due at {request.due_s} s, after one due at "
                f"{previous_s} s: sort the requests by due time, from 0 on"
            )
        if request.prompt_tokens < 1 or request.output_tokens < 1:
            raise ValueError(
                f"request {request.request_id} has {request.prompt_tokens} prompt and "
                f"{request.output_tokens} output tokens; both must be at least 1"
            )
        previous_s = request.due_s
    if not followers_of(requests):
        return
    before: dict[int, int | None] = {}
    for request in requests:
        if waits(request):
            _check_turn(request, before, concurrency)
        before[request.request_id] = None if request.turn is None else request.turn.session


def _check_turn(
    request: Request, before: Mapping[int, int | None], concurrency: int | None
) -> None:
    """Refuse a turn that waits, where it cannot.

    Args:
        before: sessions of the requests before it, by their ids; None: it is in none.
    """
    turn = request.turn
    assert turn is not None
    assert turn.follows is not None
    if concurrency is not None:
        raise ValueError(
            f"{concurrency} clients of a closed loop take whatever request is next, and request "
            f"{request.request_id} waits for the end of request {turn.follows}: leave the "
            "concurrency out (sessions bring their own pace), or take a workload without such turns"
        )
    if before.get(turn.follows) != turn.session:
        raise ValueError(
            f"request {request.request_id} waits for request {turn.follows}, which is not before "
            f"it in session {turn.session}: let a turn follow one of its session that is due "
            "earlier"
        )
    if not 0 <= turn.think_s < math.inf:
        raise ValueError(
            f"request {request.request_id} is due {turn.think_s} s after request {turn.follows} "
            "has ended: think_s must be 0 or more seconds"
        )
