"""The engine's own scheduler, under a name: the baseline that every engine brings with it."""

from __future__ import annotations

from typing import Any

from slaibench.schedulers.base import Batch, EngineView, Scheduler, SchedulerError


class EngineDefault(Scheduler):
    """Leaves every decision to the engine that serves, as it is shipped; it exists only inside one.

    Args:
        token_budget, max_active: limits of the engine's own rule; None: the engine's own defaults.

    Attributes:
        limits: those of the two that were given.
    """

    name = "engine"
    description = "the serving engine as shipped (vLLM's, SGLang's own rule); not in the simulator"

    def __init__(self, *, token_budget: int | None = None, max_active: int | None = None) -> None:
        given = {"token_budget": token_budget, "max_active": max_active}
        self.limits = {name: limit for name, limit in given.items() if limit is not None}
        # Of a limit that is not given, no engine has to be started for more than the least.
        super().__init__(**{"token_budget": 1, "max_active": 1, **self.limits})

    def schedule(self, view: EngineView) -> Batch:
        raise SchedulerError(
            f"scheduler {self.name!r} is the serving engine's own and exists only there: use "
            "--backend vllm or sglang, or vllm-default (vLLM's rule)"
        )

    def options(self) -> dict[str, Any]:
        return dict(self.limits)


def own_budget(scheduler: Scheduler) -> int | None:
    """The token budget that the engine's own rule was given; None: none, or another one decides."""
    return scheduler.limits.get("token_budget") if isinstance(scheduler, EngineDefault) else None
