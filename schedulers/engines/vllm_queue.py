"""vLLM's waiting queue in a policy's order, open only to those whom the policy admits."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from vllm.v1.core.sched.request_queue import RequestQueue
from vllm.v1.request import Request, RequestStatus

from schedulers.engines.vllm_request import ATTRIBUTE, VllmRequest
from schedulers.waiting import WaitingQueue


class PolicyQueue(RequestQueue):
    """Takes the place of vLLM's ``waiting``.

    vLLM looks at the head and pops it. It sees only what was offered to it for this step; whom it
    popped leaves when the step is settled, so that whoever it skips stays where he was.

    Args:
        wrap: our side of a new request.
        key: order of a request (``Scheduler.queue_key``).
        on_preempted: told of each request that lost its blocks.
    """

    def __init__(
        self,
        wrap: Callable[[Request], VllmRequest],
        key: Callable[[VllmRequest], Any],
        on_preempted: Callable[[VllmRequest], None],
    ) -> None:
        self.ordered: WaitingQueue[VllmRequest] = WaitingQueue()
        self.blocked: list[Request] = []
        self.key = key
        self._wrap = wrap
        self._on_preempted = on_preempted
        self._offered: deque[Request] | None = None

    def offer(self, requests: Iterable[VllmRequest]) -> None:
        """Let vLLM see these, in this order, and nobody else."""
        self._offered = deque(request.inner for request in requests)

    def settle(self, admitted: Iterable[VllmRequest]) -> None:
        """The step is decided: these left the queue."""
        self._offered = None
        for request in admitted:
            self.ordered.remove(request)

    def unblock(self, is_ready: Callable[[Request], bool]) -> None:
        """Let those join the queue that waited for something else (a grammar) and have it."""
        for request in [each for each in self.blocked if is_ready(each)]:
            self.blocked.remove(request)
            self._enqueue(request)

    def add_request(self, request: Request) -> None:
        if request.status in (RequestStatus.WAITING, RequestStatus.PREEMPTED):
            self._enqueue(request)
        else:
            self._wrap(request)
            self.blocked.append(request)

    def _enqueue(self, request: Request) -> None:
        ours = getattr(request, ATTRIBUTE, None) or self._wrap(request)
        self.ordered.add(ours, self.key(ours))

    def prepend_request(self, request: Request) -> None:
        """Take back a request that was preempted."""
        ours: VllmRequest = getattr(request, ATTRIBUTE)
        ours.lose_blocks()
        self.ordered.put_back(ours, self.key(ours))
        self._on_preempted(ours)

    def prepend_requests(self, requests: Iterable[Request]) -> None:
        """Requests that vLLM skipped: they never left."""

    def peek_request(self) -> Request:
        if not self._offered:
            raise IndexError("peek into an empty queue")
        return self._offered[0]

    def pop_request(self) -> Request:
        if not self._offered:
            raise IndexError("pop from an empty queue")
        return self._offered.popleft()

    def remove_request(self, request: Request) -> None:
        self.remove_requests([request])

    def remove_requests(self, requests: Iterable[Request]) -> None:
        for request in requests:
            if request in self.blocked:
                self.blocked.remove(request)
            elif (ours := getattr(request, ATTRIBUTE, None)) in self.ordered.requests:
                self.ordered.remove(ours)

    def __bool__(self) -> bool:
        return len(self) > 0 if self._offered is None else bool(self._offered)

    def __len__(self) -> int:
        return len(self.ordered) + len(self.blocked)

    def __iter__(self) -> Iterator[Request]:
        yield from (request.inner for request in self.ordered.requests)
        yield from self.blocked


class NoSecondQueue(PolicyQueue):
    """Takes the place of ``skipped_waiting`` (vLLM up to 0.31): all wait in the one queue."""

    def __init__(self, queue: PolicyQueue) -> None:
        self._queue = queue

    def add_request(self, request: Request) -> None:
        self._queue.add_request(request)

    def prepend_request(self, request: Request) -> None:
        self._queue.prepend_request(request)

    def remove_requests(self, requests: Iterable[Request]) -> None:
        """They leave the one queue."""

    def __bool__(self) -> bool:
        return False

    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Iterator[Request]:
        return iter(())
