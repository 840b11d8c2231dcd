"""Batches that no engine could run, refused with the invariant that they break."""

from __future__ import annotations

from collections.abc import Sequence, Set

from slaibench.backends.simulator.state import SimRequest
from slaibench.schedulers.base import Scheduler, SchedulerError


def check_decodes(decodes: Sequence[SimRequest], decoding: Set[SimRequest]) -> None:
    """Each request decodes once, and only if its prefill is done.

    Args:
        decoding: who may decode.

    Raises:
        SchedulerError: it does not hold.
    """
    unique = set(decodes)
    if len(unique) != len(decodes):
        raise SchedulerError("invariant 5: a request decodes twice in one batch")
    if not unique <= decoding:
        stranger = next(request for request in decodes if request not in decoding)
        raise SchedulerError(
            f"invariant 5: request {stranger.request_id} is not decoding and cannot decode"
        )


def check_limits(scheduler: Scheduler, num_tokens: int, active: int) -> None:
    """A batch keeps the limits of the scheduler that decided it.

    Args:
        num_tokens: in the batch.
        active: requests that hold blocks while it runs.

    Raises:
        SchedulerError: it does not.
    """
    if num_tokens > scheduler.token_budget:
        raise SchedulerError(
            f"invariant 5: a batch of {num_tokens} tokens exceeds the token budget of "
            f"{scheduler.token_budget}"
        )
    if active > scheduler.max_active:
        raise SchedulerError(
            f"invariant 5: {active} active requests exceed the limit of {scheduler.max_active}"
        )
