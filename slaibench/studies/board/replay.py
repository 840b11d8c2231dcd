"""A published run in the simulator: its clients, its engine's limits, a profile's times."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from slaibench.backends.base import RunSettings
from slaibench.backends.simulator.backend import Simulator
from slaibench.catalog.profile import Profile
from slaibench.costmodel import CostModel
from slaibench.recording.record import FloatArray, RequestTable
from slaibench.schedulers.base import Scheduler
from slaibench.schedulers.sarathi import Sarathi
from slaibench.studies.board.rows import Row
from slaibench.studies.board.served import CLIENTS, Clients, Serving, serving_of
from slaibench.studies.board.sglang_rule import SglangRule
from slaibench.workloads.request import Request

WAVES = 5
"""Prompts of each client that are replayed at most. Of a longer run the first and the last stand
for themselves and those between for all between: half the work, and a mean that is off by less than
a run differs from its repetition."""
LEAST_DELIVERY_S = 1e-4
"""A client never answers at the very moment of a token: what it sends next misses the batch that is
decided then."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Mean latencies of a run.

    Args:
        ttft_ms, tpot_ms: over requests.
    """

    ttft_ms: float
    tpot_ms: float

    def e2e_ms(self, output_tokens: int) -> float:
        """Mean end-to-end latency."""
        return self.ttft_ms + (output_tokens - 1) * self.tpot_ms


def replay(
    row: Row, profile: Profile, clients: Clients | None = None, serving: Serving | None = None
) -> Latency:
    """Mean latencies of a row's load on a profile.

    Args:
        clients, serving: instead of what is taken for the row's source.

    Raises:
        SchedulerError: the profile's cache holds no single request.
    """
    clients = clients or CLIENTS[row.source]
    serving = serving or serving_of(row)
    waves = min(clients.prompts, WAVES)
    simulator = Simulator(
        CostModel(profile, asynchronous=serving.asynchronous),
        total_blocks=profile.kv_blocks,
        block_size=profile.block_size,
        delivery_s=max(profile.delivery_ms * 1e-3, LEAST_DELIVERY_S),
        asynchronous=serving.asynchronous,
    )
    requests, scheduler = requests_of(row, clients, waves), _scheduler(row, serving)

    def run(ramp_s: float) -> Latency:
        settings = RunSettings(concurrency=row.concurrency, ramp_s=ramp_s)
        table = simulator.run(requests, scheduler, settings).requests
        return _mean(table, _weights(row.concurrency, waves, clients))

    at_once = run(0.0)
    if clients.together:
        return at_once
    return run(at_once.e2e_ms(row.output_tokens) * 1e-3)


def requests_of(row: Row, clients: Clients, waves: int) -> list[Request]:
    """The requests of a row: as many for each client, of random lengths where its source has them.

    The same row has the same lengths, whatever it is replayed on.
    """
    text = f"{row.prompt_tokens}|{row.output_tokens}|{row.concurrency}"
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4])
    generator = np.random.default_rng(seed)
    count = row.concurrency * waves
    sizes = [
        generator.integers(int(length * clients.shortest), length + 1, size=count)
        for length in (row.prompt_tokens, row.output_tokens)
    ]
    return [
        Request(place, 0.0, max(int(prompt), 1), max(int(output), 1))
        for place, (prompt, output) in enumerate(zip(*sizes, strict=True))
    ]


def _scheduler(row: Row, serving: Serving) -> Scheduler:
    budget, most = serving.token_budget, serving.max_active
    if row.configuration.engine == "sglang":
        return SglangRule(
            poll_steps=serving.poll_steps, token_budget=budget, max_active=most, watermark=0.0
        )
    return Sarathi(token_budget=budget, max_active=most, watermark=0.0)


def _weights(concurrency: int, waves: int, clients: Clients) -> FloatArray:
    """What each request counts, in the order they were sent."""
    by_wave = np.ones(waves)
    if not clients.together:
        by_wave[[0, -1]] = 0.0  # of a run long enough that neither its start nor its end counts
    elif waves > 2:
        by_wave[1:-1] = (clients.prompts - 2) / (waves - 2)
    return np.repeat(by_wave, concurrency)


def _mean(table: RequestTable, weights: FloatArray) -> Latency:
    first = table.token_times_s[table.token_offsets[:-1]]
    last = table.token_times_s[table.token_offsets[1:] - 1]
    gaps = table.output_tokens - 1
    several = gaps > 0
    tpot = (last - first)[several] / gaps[several]
    return Latency(
        ttft_ms=float(np.average(first - table.due_s, weights=weights) * 1e3),
        tpot_ms=float(np.average(tpot, weights=weights[several]) * 1e3) if several.any() else 0.0,
    )
