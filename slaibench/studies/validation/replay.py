"""The same requests once more, in the simulator, with the engine's settings."""

from __future__ import annotations

from dataclasses import replace

from slaibench.backends.base import RunOutput, RunSettings
from slaibench.backends.simulator.backend import Simulator
from slaibench.catalog.profile import Profile
from slaibench.costmodel import CostModel
from slaibench.studies import scheduler_info
from slaibench.studies.validation.observed import Observed


def replay(
    run: Observed, profile: Profile, scheduler: str, step_overhead_ms: float | None = None
) -> RunOutput:
    """Serve an observed run's requests at their times.

    Args:
        scheduler: as the command line has it.
        step_overhead_ms: instead of the profile's.

    Raises:
        ValueError: no such scheduler.
        SchedulerError: it broke its contract.
    """
    if step_overhead_ms is not None:
        profile = replace(profile, step_overhead_ms=step_overhead_ms)
    settings = run.settings
    simulator = Simulator(
        CostModel(profile),
        total_blocks=settings.kv_blocks,
        block_size=settings.block_size,
        max_context_tokens=settings.max_context_tokens,
        prefix_caching=settings.prefix_caching,
        asynchronous=settings.asynchronous,
    )
    return simulator.run(run.requests, scheduler_info.build(scheduler), RunSettings())
