"""Another policy on a running vLLM server, so that one server can be measured under several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vllm.logger import init_logger

from schedulers.engines.vllm_support import UnsupportedVllmError

if TYPE_CHECKING:
    from schedulers.engines.vllm_scheduler import PolicyScheduler

logger = init_logger(__name__)

REQUEST_KEY = "slaibench_scheduler"
"""In ``vllm_xargs`` of a request: the scheduler from then on."""


class Switch:
    """Watches for requests that ask for another scheduler.

    Such a request counts only when it finds the engine idle. Once it is served, the policy starts
    from scratch, and the prefix cache is empty: nothing of what ran before is left.
    """

    def __init__(self, scheduler: PolicyScheduler) -> None:
        self._scheduler = scheduler
        self._wanted: str | None = None

    def look_at(self, request: Any) -> None:
        """Note a request's wish, before it is added."""
        extra = getattr(request.sampling_params, "extra_args", None) or {}
        text = extra.get(REQUEST_KEY)
        if text is None:
            return
        if self._scheduler.requests:
            logger.error("scheduler %s was asked for while requests run: not switched", text)
            return
        self._wanted = str(text)

    def engine_is_idle(self) -> None:
        """The last request is done: switch, if somebody asked for it."""
        if self._wanted is None:
            return
        text, self._wanted = self._wanted, None
        try:
            self._scheduler.use(text)
        except (ValueError, UnsupportedVllmError) as error:
            logger.error("scheduler %s: %s; not switched", text, error)
            return
        self._scheduler.reset_prefix_cache()
