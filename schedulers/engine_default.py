"""The engine's own scheduler, under a name: the baseline that every engine brings with it."""

from __future__ import annotations

from slaibench.schedulers.base import Batch, EngineView, Scheduler, SchedulerError


class EngineDefault(Scheduler):
    """Leaves every decision to the engine that serves; it exists only inside one.

    ``token_budget`` and ``max_active`` limit the engine's own rule. ``watermark`` is the engine's
    own matter, and not looked at.
    """

    name = "engine"
    description = "the serving engine's own rule (vLLM's, SGLang's); not in the simulator"

    def schedule(self, view: EngineView) -> Batch:
        raise SchedulerError(
            "scheduler 'engine' is the serving engine's own and exists only there: use "
            "--backend vllm or sglang, or vllm-default (vLLM's rule)"
        )
