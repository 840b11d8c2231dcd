"""Scheduler classes of vLLM's, as somebody would write them: by this file's path and their name."""

from __future__ import annotations

from typing import Any

from vllm.v1.core.sched.async_scheduler import AsyncScheduler
from vllm.v1.core.sched.scheduler import Scheduler
from vllm.v1.request import RequestStatus


class Same(AsyncScheduler):
    """Changes nothing."""


class SameSynchronous(Scheduler):
    """Changes nothing, of the scheduler for the other mode."""


class Raises(AsyncScheduler):
    """Fails once four requests run."""

    def schedule(self, *args: Any, **kwargs: Any) -> Any:
        if len(self.running) > 3:
            raise KeyError("a fault of its own")
        return super().schedule(*args, **kwargs)


class ShortestFirst(AsyncScheduler):
    """Admits the shortest prompt first."""

    def schedule(self, *args: Any, **kwargs: Any) -> Any:
        waiting = sorted(self.waiting, key=lambda request: request.num_prompt_tokens)
        self.waiting.clear()
        self.waiting.extend(waiting)
        return super().schedule(*args, **kwargs)


class Remembers(AsyncScheduler):
    """Takes the youngest request first once it has seen ten."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._num_seen = 0

    def add_request(self, request: Any) -> None:
        self._num_seen += 1
        super().add_request(request)
        if self._num_seen > 10:
            self.waiting.remove_request(request)
            self.waiting.prepend_request(request)


class Rejects(AsyncScheduler):
    """Ends whoever is the third in its queue, before its first token."""

    def schedule(self, *args: Any, **kwargs: Any) -> Any:
        for request in list(self.waiting)[2:3]:
            self.finish_requests(request.request_id, RequestStatus.FINISHED_ABORTED)
        return super().schedule(*args, **kwargs)
