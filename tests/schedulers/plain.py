"""A request and an engine's view in plain numbers: what a scheduler is asked, without an engine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from slaibench.schedulers.base import Batch


@dataclass(eq=False)
class PlainRequest:
    request_id: int | str
    prompt_tokens: int = 1
    arrival_s: float = 0.0
    computed_tokens: int = 0
    output_tokens: int = 0
    num_blocks: int = 0
    needs_block: bool = False
    tier: str = "free"
    tbt_slo_s: float = 0.5
    scheduler_data: Any = None
    prefill_tokens: int = 0
    ttft_slo_s: float = math.inf
    priority: int = 0
    tenant: str = ""
    max_output_tokens: int | None = None

    @property
    def ttft_due_s(self) -> float:
        return self.arrival_s + self.ttft_slo_s

    def __post_init__(self) -> None:
        self.prefill_tokens = self.prefill_tokens or self.prompt_tokens


@dataclass
class PlainView:
    now_s: float = 0.0
    waiting: Sequence[PlainRequest] = ()
    prefilling: Sequence[PlainRequest] = ()
    decoding: Sequence[PlainRequest] = ()
    free_blocks: int = 100
    total_blocks: int = field(default=100)
    block_size: int = 1
    max_prefilling: int | None = None
    tokens_per_decode: int = 1

    @property
    def begins_s(self) -> float:
        return self.now_s


def ids(requests: Sequence[Any]) -> list[int | str]:
    return [request.request_id for request in requests]


def chunks(batch: Batch) -> list[tuple[int | str, int]]:
    return [(request.request_id, tokens) for request, tokens in batch.prefills]
