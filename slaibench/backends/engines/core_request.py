"""A request of a run in virtual time, on its way through an engine."""

from __future__ import annotations

import math
from array import array

from slaibench.backends.virtual import NEVER
from slaibench.workloads.request import Request


class CoreRequest:
    """``slaibench.backends.virtual.RequestState`` of a request inside a real engine."""

    __slots__ = (
        "arrival_s",
        "first_step",
        "left_s",
        "num_preemptions",
        "prompt_ids",
        "request",
        "token_steps",
    )

    def __init__(self, request: Request, prompt_ids: list[int]) -> None:
        self.request = request
        self.prompt_ids = prompt_ids
        self.arrival_s = request.due_s
        self.left_s = math.nan
        self.first_step = NEVER
        self.token_steps: array[int] = array("i")
        self.num_preemptions = 0
