"""Prompts that begin alike, in ways in which a prefix cache may go wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from slaibench.workloads.content import GENERATED, Piece
from slaibench.workloads.request import Request
from tests.backends.agreement import CONTEXT

NUM_SHARED, NUM_GROUPS = 777, 3
SHARED = 1 << 40
"""Streams from here on are no request's own."""
KINDS = ("prompts of their own", "three beginnings", "one prompt", "second turns")


def with_prompts(wanted: Sequence[Request], kind: str) -> list[Request]:
    """The same requests with prompts of one of ``KINDS``."""
    changed: list[Request] = []
    for request in wanted:
        own = Piece(request.request_id, 0, request.prompt_tokens)
        if kind == "three beginnings":
            group = SHARED + request.request_id % NUM_GROUPS
            pieces = [Piece(group, 0, NUM_SHARED), own]
        elif kind == "one prompt":
            pieces = [Piece(SHARED, 0, 1000)]
        elif kind == "second turns" and request.request_id % 2 and changed:
            first = changed[-1]
            turn = first.pieces or [Piece(first.request_id, 0, first.prompt_tokens)]
            pieces = [*turn, Piece(GENERATED, 0, first.output_tokens), own]
        else:
            pieces = [own]
        tokens = sum(piece.length for piece in pieces)
        if tokens + request.output_tokens <= CONTEXT:
            changed.append(replace(request, prompt_tokens=tokens, pieces=tuple(pieces)))
        else:
            changed.append(request)
    return changed
