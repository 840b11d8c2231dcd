"""A run of an engine as it was observed: what arrived, how it was served, and by what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from slaibench.recording.record import FloatArray, IntArray
from slaibench.workloads.request import Request

COMPARED = ("ttft", "tpot", "e2e", "tbt")
"""Latencies of ``measure.catalogue`` that are compared."""


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What of an engine decides its batches.

    Args:
        engine: name and version.
        kv_blocks: blocks that requests may hold.
        prefix_caching: preempted requests find again what is left of their blocks.
        asynchronous: a batch is decided while the one before it runs.
        scheduler: which of our schedulers stands for the engine's, as the command line has it;
            None: not known.
        model, device: as the run names them; None: it does not.
        parallel: sizes other than 1 of how the engine spread over GPUs, by vLLM's names.
        formats: number formats other than the model's own, by vLLM's names.
    """

    engine: str
    kv_blocks: int
    block_size: int
    max_context_tokens: int | None
    prefix_caching: bool
    asynchronous: bool
    scheduler: str | None
    model: str | None
    device: str | None
    parallel: Mapping[str, int] = field(default_factory=dict)
    formats: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ObservedRun:
    """A run, from a log or a recording.

    Args:
        name: what it is called.
        requests: by arrival, from 0 s on.
        first_token_s, last_token_s: on the same clock; NaN for requests that were not served to the
            end. They are replayed, since they were a load, but not scored.
        measured: whether the times are a machine's own; an emulated device's are a profile's.
        gaps_s: times between the tokens of all served requests, one after the other; None: unknown.
        notes: what was assumed.
    """

    name: str
    settings: EngineSettings
    requests: Sequence[Request]
    first_token_s: FloatArray
    last_token_s: FloatArray
    measured: bool = True
    gaps_s: FloatArray | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def load(self) -> str:
        """How much came in how long."""
        last_s = self.requests[-1].due_s
        return f"{len(self.requests):,} requests in {last_s:,.0f} s"

    @property
    def latencies(self) -> Latencies:
        due = np.array([request.due_s for request in self.requests])
        tokens = np.array([request.output_tokens for request in self.requests])
        return Latencies.of(due, tokens, self.first_token_s, self.last_token_s)


@dataclass(frozen=True)
class Latencies:
    """TTFT, TPOT and end-to-end latency of each request, seconds; NaN where there is none."""

    ttft: FloatArray
    tpot: FloatArray
    e2e: FloatArray

    @classmethod
    def of(
        cls, due_s: FloatArray, tokens: IntArray, first_s: FloatArray, last_s: FloatArray
    ) -> Latencies:
        """From times; TPOT needs two tokens."""
        gaps = np.where(tokens > 1, tokens - 1.0, np.nan)
        return cls(first_s - due_s, (last_s - first_s) / gaps, last_s - due_s)
