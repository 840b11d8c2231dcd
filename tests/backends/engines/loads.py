"""A small load for real servers, and how one is made of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from slaibench.backends.base import RunOutput, RunSettings
from slaibench.backends.engines.served import ServedEngine
from slaibench.schedulers import registry
from slaibench.workloads.request import Request


def workload(count: int = 12, prompt: int = 300, output: int = 20) -> list[Request]:
    """Requests of different sizes, a new one every 30 ms."""
    return [
        Request(
            number,
            0.03 * number,
            prompt + 7 * number,
            output + number % 5,
            *(("paying", 0.1) if number % 3 == 0 else ("free", 0.5)),
        )
        for number in range(count)
    ]


def run(served: ServedEngine, requests: Sequence[Request], text: str, **settings: Any) -> RunOutput:
    return served.run(requests, registry.build(text), RunSettings(scheduler=text, **settings))
