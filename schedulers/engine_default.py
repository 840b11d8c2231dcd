"""The engine's own scheduler, under a name: the baseline that every engine brings with it."""

from __future__ import annotations

from typing import Any

from slaibench.schedulers.base import Batch, EngineView, Scheduler, SchedulerError
from slaibench.schedulers.contained import is_ours


class EngineDefault(Scheduler):
    """Leaves every decision to the engine that serves, as it is shipped; it exists only inside one.

    Args:
        token_budget, max_active: limits of the engine's own rule; None: the engine's own defaults.
        plugin: plug-ins of SGLang's that are loaded before it starts, joined by ``+``: names of
            installed ones, or ``path/to/file.py:function``; None: none, whatever is installed.

    Attributes:
        limits: those of the first two that were given.
        plugins: the plug-ins, in the order in which they are loaded.

    Raises:
        ValueError: a limit is out of range, or a plug-in has no name or is named twice.
    """

    name = "engine"
    description = "the serving engine as shipped (vLLM's, SGLang's own rule); not in the simulator"

    def __init__(
        self,
        *,
        token_budget: int | None = None,
        max_active: int | None = None,
        plugin: str | None = None,
    ) -> None:
        given = {"token_budget": token_budget, "max_active": max_active}
        self.limits = {name: limit for name, limit in given.items() if limit is not None}
        # Of a limit that is not given, no engine has to be started for more than the least.
        super().__init__(**{"token_budget": 1, "max_active": 1, **self.limits})
        self.plugins = () if plugin is None else tuple(str(plugin).split("+"))
        if not all(self.plugins) or len(set(self.plugins)) < len(self.plugins):
            raise ValueError(
                f"plugin={plugin} must name plug-ins, each once: write plugin=NAME, or join "
                "several with +"
            )

    @property
    def foreign_files(self) -> tuple[str, ...] | None:
        """Files of somebody else's code that decides with the engine or in its place; None: the
        engine is as it is shipped, as far as is known here."""
        return None

    def schedule(self, view: EngineView) -> Batch:
        raise SchedulerError(
            f"scheduler {self.name!r} is the serving engine's own and exists only there: use "
            "--backend vllm or sglang, or vllm-default (vLLM's rule)"
        )

    def options(self) -> dict[str, Any]:
        own = {"plugin": "+".join(self.plugins)} if self.plugins else {}
        return {**self.limits, **own}


def own_budget(scheduler: Scheduler) -> int | None:
    """The token budget that the engine's own rule was given; None: none, or another one decides."""
    return scheduler.limits.get("token_budget") if isinstance(scheduler, EngineDefault) else None


def is_shipped(scheduler: Scheduler) -> bool:
    """Whether it comes with slaibench, or with an engine: nobody else's code decides."""
    foreign = isinstance(scheduler, EngineDefault) and scheduler.foreign_files is not None
    return is_ours(type(scheduler)) and not foreign
