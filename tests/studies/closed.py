"""Small closed loops over real simulations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from slaibench.studies import closed_loop
from slaibench.studies.closed_result import ClosedResult
from tests.studies.studies import study

CLIENTS = (4, 12)


def closed(results: Path, *, compares: bool = True, **fields: Any) -> ClosedResult:
    """Two schedulers, 4 and 12 clients, two seeds of 200 requests."""
    spec = study(
        **{
            "rates": (),
            "schedulers": ("sarathi", "slai"),
            "concurrency": CLIENTS,
            "num_requests": 200,
            "num_seeds": 2,
            **fields,
        }
    )
    return closed_loop.run(closed_loop.plan(spec, results, compares=compares, jobs=1))
