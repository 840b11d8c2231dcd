"""SLAI: withhold decodes that can still wait, so that prompts get their turn earlier."""

from __future__ import annotations

from bisect import bisect_right
from operator import attrgetter
from typing import Any

from slaibench.schedulers.base import (
    Batch,
    EngineView,
    RequestView,
    Scheduler,
    one_of,
    whole_number,
)
from slaibench.schedulers.batching import (
    admit,
    continue_prefills,
    note_due,
    take_decodes,
    tokens_of,
)

ORDERS = ("fcfs", "spf", "spf-priority")

# The paper's setting (Sec. 7): look 5 batches ahead while KV memory is at hand, 10 when it is
# scarce, so that decodes run, finish and free their blocks earlier.
DYNAMIC_OFFSET = 5.0
DYNAMIC_OFFSET_SCARCE = 10.0
SCARCE_KV_USE = 0.96

_last_schedulable_s = attrgetter("scheduler_data")


class Slai(Scheduler):
    """Critical decodes, then prefills, then whatever other decodes the batch still holds.

    Each decoding request carries its last schedulable time
    ``lst = e + tbt_slo_s - offset * t_batch``: ``e`` is the end of the batch that yielded its
    previous token, ``t_batch`` the running mean of batch times. It is critical from then on. Where
    that batch yielded ``m`` tokens (speculative decoding), it is ``e + m * tbt_slo_s`` from which
    the offset is taken: deadlines count tokens, and a reader has ``m`` of them to read. Of
    equal ones, as all of an SLO that decode together are, the one whose prompt was finished first
    goes first (``sorted`` keeps the view's order).

    A prompt's length in the queue is what it did not find in the prefix cache when it came (nothing
    is found without one, as in the paper). TTFT targets make no difference.

    Where a batch is decided while another runs, that one's tokens are due by its expected end, and
    who is critical is judged at the expected begin of the batch that is decided. Who ends with the
    running one by a stop token is not known, and may get a decode in vain.

    Source: Bari, Hegde, de Veciana, arXiv 2508.01002, Sec. 6 and eq. 8.

    Args:
        order: ``fcfs``, ``spf`` (shortest prompt first) or ``spf-priority`` (the strictest TBT SLO
            first, then by prompt length).
        offset: ``dynamic`` (5 batches below 96 % of KV blocks in use, else 10) or ``fixed:N``.
        decode_limit: most decodes a batch may hold.

    Raises:
        ValueError: an unknown order, an offset that does not parse, a decode limit below 1.
    """

    name = "slai"
    description = "SLO-aware: withholds decodes until their last schedulable time"

    def __init__(
        self,
        *,
        order: str = "spf",
        offset: str = "dynamic",
        decode_limit: int = 128,
        **limits: Any,
    ) -> None:
        super().__init__(**limits)
        self.order = one_of("order", order, ORDERS)
        self.offset = offset
        self.decode_limit = whole_number("decode_limit", decode_limit)
        self._fixed_offset = _parse_offset(offset)
        self._mean_batch_s = 0.0
        self._num_batches = 0

    def queue_key(self, request: RequestView) -> Any:
        if self.order == "fcfs":
            return 0
        if self.order == "spf":
            return request.prefill_tokens - request.computed_tokens
        return (request.tbt_slo_s, request.prefill_tokens - request.computed_tokens)

    def schedule(self, view: EngineView) -> Batch:
        batch = Batch()
        order = sorted(view.decoding, key=_last_schedulable_s)
        limit = min(self.decode_limit, self.token_budget // view.tokens_per_decode)
        num_critical = bisect_right(order, view.begins_s, key=_last_schedulable_s)
        prefilling = list(view.prefilling)
        take_decodes(view, batch, order[:num_critical], prefilling, limit)
        batch.critical_decodes = len(batch.decodes)
        budget = continue_prefills(prefilling, batch, self.token_budget - tokens_of(view, batch))
        budget = admit(view, self, batch, budget)
        room = min(budget // view.tokens_per_decode, self.decode_limit - len(batch.decodes))
        if room > 0 and num_critical < len(order):
            # With budget left every prefilling request is in this batch: none is there to preempt.
            take_decodes(view, batch, order[num_critical:], [], room)
        return batch

    def batch_done(self, batch: Batch, start_s: float, end_s: float, view: EngineView) -> None:
        self._num_batches += 1
        self._mean_batch_s += (end_s - start_s - self._mean_batch_s) / self._num_batches
        note_due(batch, end_s - self._offset(view) * self._mean_batch_s)

    def batch_running(self, batch: Batch, end_s: float, view: EngineView) -> None:
        note_due(batch, end_s - self._offset(view) * self._mean_batch_s)

    def _offset(self, view: EngineView) -> float:
        if self._fixed_offset is not None:
            return self._fixed_offset
        used = view.total_blocks - view.free_blocks
        if used >= SCARCE_KV_USE * view.total_blocks:
            return DYNAMIC_OFFSET_SCARCE
        return DYNAMIC_OFFSET


def _parse_offset(text: str) -> float | None:
    """``dynamic`` -> None; ``fixed:N`` -> N batches."""
    if text == "dynamic":
        return None
    kind, _, number = str(text).partition(":")
    try:
        value = float(number)
    except ValueError:
        value = -1.0
    if kind != "fixed" or not 0 <= value < float("inf"):
        raise ValueError(f"offset must be 'dynamic' or 'fixed:N' with N >= 0, not {text!r}")
    return value
