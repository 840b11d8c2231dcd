"""One request of a workload: when it is due and how large it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from slaibench.workloads.content import BlockKeys, Piece
from slaibench.workloads.transcript import Transcript


@dataclass(frozen=True, slots=True)
class Turn:
    """A request's place in a session, which is several requests of one client.

    Args:
        session: number of the session in its run, from 0.
        number: of the turn in its session, from 1.
        follows: request id of the turn before, whose end this one waits for; None: it waits for
            none, and is sent at its due time.
        think_s: seconds from that end until this one is due.
    """

    session: int
    number: int
    follows: int | None = None
    think_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Request:
    """A request as the load generator sees it, before anything has run.

    Args:
        request_id: position in the run's arrival order, from 0.
        due_s: intended arrival, seconds after the start of the run. Fixed before the run starts;
            of a turn that follows another one, when it would be due if those before took no time.
        prompt_tokens: tokens in the prompt, at least 1.
        output_tokens: tokens the request will generate, at least 1 (the prefill yields the first).
        tier: name of the service class.
        tbt_slo_s: this request's time-between-tokens objective, seconds.
        pieces: what its prompt is made of; none: tokens that no other request has.
        turn: its place in a session; None: it is in none.
        ttft_slo_s: this request's time-to-first-token objective, seconds; infinite: it has none.
        priority: of two requests the larger one matters more.
        tenant: on whose behalf it is; empty: not said.
        max_output_tokens: most tokens that its client lets it generate; None: not said. What it
            will generate is ``output_tokens``, which no scheduler knows.
        transcript: the text of its prompt; None: there is none.
    """

    request_id: int
    due_s: float
    prompt_tokens: int
    output_tokens: int
    tier: str = "free"
    tbt_slo_s: float = 0.5
    pieces: tuple[Piece, ...] = ()
    turn: Turn | None = None
    ttft_slo_s: float = math.inf
    priority: int = 0
    tenant: str = ""
    max_output_tokens: int | None = None
    transcript: Transcript | None = field(default=None, repr=False)

    def block_keys(self, size: int) -> BlockKeys:
        """What its blocks hold, of so many tokens each."""
        own = (Piece(self.request_id, 0, self.prompt_tokens),)
        return BlockKeys(self.pieces or own, size)


def request_columns(requests: Sequence[Request]) -> dict[str, npt.NDArray[Any]]:
    """Columns of a recording's requests (``recording.record.RequestTable``) that say what was
    asked for, whatever came of it; a row a request."""
    turns = [request.turn for request in requests]

    def column(name: str, kind: Any) -> npt.NDArray[Any]:
        return np.array([getattr(request, name) for request in requests], dtype=kind)

    return {
        "request_id": column("request_id", np.int64),
        "prompt_tokens": column("prompt_tokens", np.int64),
        "output_tokens": column("output_tokens", np.int64),
        "tier": column("tier", np.str_),
        "tbt_slo_s": column("tbt_slo_s", np.float64),
        "session": np.array([turn.session if turn else -1 for turn in turns], dtype=np.int64),
        "turn": np.array([turn.number if turn else 0 for turn in turns], dtype=np.int64),
        "ttft_slo_s": column("ttft_slo_s", np.float64),
        "priority": column("priority", np.int64),
        "tenant": column("tenant", np.str_),
    }
