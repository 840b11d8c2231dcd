"""The KV blocks of a device, counted: what requests hold is nobody else's."""

from __future__ import annotations

from slaibench.backends.simulator.state import SimRequest
from slaibench.schedulers.base import SchedulerError
from slaibench.workloads.request import Request


class KvBlocks:
    """Blocks without contents; ``Caching`` knows what is in them.

    Args:
        total: of the whole cache.
        size: tokens in a block.

    Attributes:
        free: blocks that nobody holds, and that no unfinished prefill will still take.
    """

    def __init__(self, total: int, size: int) -> None:
        self.total, self.size = total, size
        self.free = total

    def state_of(self, request: Request) -> SimRequest:
        """The engine's side of a request."""
        return SimRequest(request)

    def admit(self, request: SimRequest) -> None:
        """A waiting request gets the blocks of its whole prefill.

        Raises:
            SchedulerError: there are not so many (as for ``extend``).
        """
        num_blocks = -(-request.prefill_tokens // self.size)
        self._take(num_blocks, request)
        request.hold(num_blocks, self.size)

    def prefill(self, request: SimRequest) -> None:
        """A chunk was added to its computed tokens."""

    def decode(self, request: SimRequest) -> None:
        """A token was added to its computed tokens, and reached ``event_at``."""
        if request.computed > request.kv_capacity:
            self.extend(request)

    def extend(self, request: SimRequest) -> None:
        """One block more for a request."""
        self._take(1, request)
        request.hold(request.num_blocks + 1, self.size)

    def release(self, request: SimRequest) -> None:
        """A request ends, or is preempted."""
        self.free += request.num_blocks

    def _take(self, num_blocks: int, request: SimRequest) -> None:
        check_free(self.free, num_blocks, request)
        self.free -= num_blocks


def check_free(free: int, num_blocks: int, request: SimRequest) -> None:
    """There are as many free blocks as a request takes.

    Raises:
        SchedulerError: there are not.
    """
    if num_blocks > free:
        raise SchedulerError(
            f"invariant 2: request {request.request_id} needs {num_blocks} KV blocks and only "
            f"{free} are free; preempt first, or schedule less"
        )
