"""vLLM's waiting queues as one in our scheduler's order; vLLM sees only whom that admits."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from vllm.v1.core.sched.request_queue import RequestQueue
from vllm.v1.request import Request, RequestStatus

from slaibench.schedulers.engines.engine_view import ATTRIBUTE
from slaibench.schedulers.engines.vllm_view import VllmRequest
from slaibench.schedulers.waiting import WaitingQueue


def holds_blocks(request: Request) -> bool:
    """Whether one that does not run has KV blocks: a session between two inputs."""
    held: bool = request.num_computed_tokens > 0
    return held


class KeyedQueue(RequestQueue):
    """Takes the place of vLLM's ``waiting``.

    vLLM looks at the head and pops it. It sees only what was offered to it for this step; whom it
    popped leaves when the step is settled, so that whoever it skips stays where he was.

    Args:
        wrap: our side of a new request.
        key: order of a request (``Scheduler.queue_key``).
        on_preempted: called with each request that lost its blocks.
        is_coming: whether a batch in flight brings a request its next token.
        beside: whether vLLM has a queue of its own for those that hold blocks (``Beside``).

    Attributes:
        ordered: who waits for admission.
        blocked: who waits for something else: a grammar, a session's next input.
        resumable: sessions that have their next input. They hold blocks, so a scheduler sees them
            as prefilling; vLLM takes them back from here.
    """

    def __init__(
        self,
        wrap: Callable[[Request], VllmRequest],
        key: Callable[[VllmRequest], Any],
        on_preempted: Callable[[VllmRequest], None],
        is_coming: Callable[[VllmRequest], bool],
        *,
        beside: bool,
    ) -> None:
        self.ordered: WaitingQueue[VllmRequest] = WaitingQueue()
        self.blocked: list[Request] = []
        self.resumable: list[VllmRequest] = []
        self.key = key
        self._wrap = wrap
        self._on_preempted = on_preempted
        self._is_coming = is_coming
        self._beside = beside
        self._offered: deque[Request] | None = None
        self.resuming: deque[Request] | None = None

    @property
    def num_holding(self) -> int:
        """How many of them hold KV blocks."""
        return len(self.resumable) + sum(map(holds_blocks, self.blocked))

    def offer(self, requests: Iterable[VllmRequest]) -> None:
        """Let vLLM see these, in this order, and nobody else."""
        seen: deque[Request] = deque()
        resuming: deque[Request] = deque()
        for request in requests:
            (seen if request.waiting else resuming).append(request.inner)
        if not self._beside:
            seen.extendleft(reversed(resuming))
            resuming.clear()
        self._offered, self.resuming = seen, resuming

    def settle(self, taken: Iterable[VllmRequest]) -> None:
        """The step is decided: these left the queue."""
        self._offered = self.resuming = None
        for request in taken:
            if request.waiting:
                self.ordered.remove(request)
            elif request.resumes:
                self.resumable.remove(request)
                request.resumes = False

    def unblock(self, is_ready: Callable[[Request], bool]) -> None:
        """Let those join the queue that waited for something else and have it."""
        for request in [*filter(is_ready, self.blocked)]:
            self.blocked.remove(request)
            self._enqueue(request)

    def add_request(self, request: Request) -> None:
        if request.status in (RequestStatus.WAITING, RequestStatus.PREEMPTED):
            self._enqueue(request)
        else:
            if not hasattr(request, ATTRIBUTE):
                self._wrap(request)
            self.blocked.append(request)

    def _enqueue(self, request: Request) -> None:
        if holds_blocks(request):
            ours = self._wrap(request)  # another prompt than it had before
            ours.resume()
            self.resumable.append(ours)
            return
        ours = getattr(request, ATTRIBUTE, None) or self._wrap(request)
        self.ordered.add(ours, self.key(ours))

    def prepend_request(self, request: Request) -> None:
        """Take back a request that was preempted."""
        ours: VllmRequest = getattr(request, ATTRIBUTE)
        if ours.resumes:
            self.resumable.remove(ours)
        ours.lose_blocks()
        ours.prefill_tokens += self._is_coming(ours)
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
            ours = getattr(request, ATTRIBUTE, None)
            if request in self.blocked:
                self.blocked.remove(request)
            elif ours in self.resumable:
                self.resumable.remove(ours)
                ours.resumes = False
            elif ours in self.ordered.requests:
                self.ordered.remove(ours)

    def __bool__(self) -> bool:
        return len(self) > 0 if self._offered is None else bool(self._offered)

    def __len__(self) -> int:
        held = self.num_holding if self._beside else 0
        return len(self.ordered) + len(self.blocked) + len(self.resumable) - held

    def __iter__(self) -> Iterator[Request]:
        yield from (request.inner for request in self.ordered.requests)
        yield from self.blocked
        yield from (request.inner for request in self.resumable)


class NoSecondQueue(KeyedQueue):
    """Takes the place of ``skipped_waiting`` (vLLM up to 0.31): all wait in the one queue."""

    def __init__(self, queue: KeyedQueue) -> None:
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


class Beside(NoSecondQueue):
    """Takes the place of ``kv_holding_waiting`` (vLLM from 0.32), which vLLM asks first.

    It is the part of the one queue that holds KV blocks: vLLM counts it apart, and goes on with it
    when new requests are paused.
    """

    def peek_request(self) -> Request:
        return self._resuming[0]

    def pop_request(self) -> Request:
        return self._resuming.popleft()

    def __bool__(self) -> bool:
        return bool(self._queue.resuming)

    def __len__(self) -> int:
        return self._queue.num_holding

    @property
    def _resuming(self) -> deque[Request]:
        if not self._queue.resuming:
            raise IndexError("look into an empty queue")
        return self._queue.resuming
