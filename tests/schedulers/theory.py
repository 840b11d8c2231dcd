"""Runs for checks against queueing theory: no memory limit, what is in the system over time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from slaibench.backends.base import RunOutput, RunSettings
from slaibench.backends.simulator.backend import Simulator
from slaibench.costmodel import StaircaseCostModel
from slaibench.recording.record import FloatArray, IntArray
from slaibench.schedulers.registry import build
from slaibench.workloads.request import Request

UNLIMITED_BLOCKS = 10_000_000


def requests_at(
    due_s: FloatArray,
    prompt_tokens: IntArray | int,
    decodes: IntArray | int,
    tbt_slo_s: float = 0.5,
) -> list[Request]:
    """Theory counts decodes; the prefill's own token comes on top of them."""
    prompts = np.broadcast_to(prompt_tokens, due_s.shape)
    outputs = np.broadcast_to(decodes, due_s.shape) + 1
    return [
        Request(i, float(due), int(prompt), int(output), tbt_slo_s=tbt_slo_s)
        for i, (due, prompt, output) in enumerate(zip(due_s, prompts, outputs, strict=True))
    ]


def poisson(rate_rps: float, count: int, seed: int = 2) -> FloatArray:
    gaps = np.random.default_rng(seed).exponential(1 / rate_rps, count)
    return np.asarray(np.cumsum(gaps), dtype=np.float64)


def serve(scheduler: str, timer: StaircaseCostModel, requests: Sequence[Request]) -> RunOutput:
    """Until the last arrival, or to the end if all arrive at once."""
    last_s = requests[-1].due_s
    simulator = Simulator(timer, total_blocks=UNLIMITED_BLOCKS)
    return simulator.run(requests, build(scheduler), RunSettings(horizon_s=last_s or None))


def in_system(output: RunOutput, at_s: FloatArray) -> FloatArray:
    """Requests that were due and not yet finished, at each of these times."""
    requests = output.requests
    left_s = np.sort(requests.last_token_s[requests.finished])
    arrived = np.searchsorted(requests.due_s, at_s, side="right")
    return np.asarray(arrived - np.searchsorted(left_s, at_s, side="right"), dtype=np.float64)


def second_half(output: RunOutput) -> FloatArray:
    """Number in system at a thousand times over the second half of the run."""
    return in_system(output, np.linspace(output.end_s / 2, output.end_s, 1000))


def growth_rps(output: RunOutput) -> float:
    """Slope of the number in system over the second half of the run, requests a second."""
    number = second_half(output)
    return float(np.polyfit(np.linspace(output.end_s / 2, output.end_s, 1000), number, 1)[0])
