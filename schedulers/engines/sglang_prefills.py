"""SGLang's batch of the prefill chunks that a scheduler decided."""

from __future__ import annotations

from typing import Any

from sglang.srt.managers.schedule_batch import ScheduleBatch
from sglang.srt.managers.scheduler_components.metrics_reporter import PrefillStats, QueueCount

from slaibench.schedulers.base import Batch, SchedulerError
from slaibench.schedulers.engines.sglang_pages import cached_tokens


def with_prefills(scheduler: Any, batch: Batch) -> Any:
    """Build SGLang's batch; blocks are allocated, the unfinished prompt is noted.

    Args:
        scheduler: SGLang's; its ``chunked_req`` is the one unfinished prompt that it tracks.
        batch: its new prompts have been looked up in the cache and locked.

    Raises:
        SchedulerError: two prompts would be left unfinished.
    """
    started = scheduler.chunked_req
    unfinished = None
    requests = []
    found_tokens = 0
    for ours, tokens in batch.prefills:
        req = ours.inner
        requests.append(req)
        if req is started:
            req.init_next_round_input()
        else:
            found_tokens += cached_tokens(req)
        if not _set_chunk(req, tokens):
            if unfinished is not None:
                raise SchedulerError(_two_unfinished(unfinished, req))
            unfinished = req
    goes_on = started is not None and all(started is not request for request in requests)
    if goes_on and unfinished is not None:
        raise SchedulerError(_two_unfinished(started, unfinished))
    if not goes_on:
        scheduler.chunked_req = unfinished
    if unfinished is not None:
        unfinished.inflight_middle_chunks += 1
    built = ScheduleBatch.init_new(
        requests,
        scheduler.req_to_token_pool,
        scheduler.token_to_kv_pool_allocator,
        scheduler.tree_cache,
        scheduler.model_config,
        scheduler.enable_overlap,
        scheduler.spec_algorithm,
        chunked_req=unfinished,
    )
    built.contains_last_prefill_chunk = unfinished is None or len(requests) != 1
    built.prepare_for_extend()
    built.decoding_reqs = None
    # For SGLang's log and metrics; 0.5.17 does not do without.
    built.prefill_stats = PrefillStats(
        log_input_tokens=sum(tokens for _, tokens in batch.prefills),
        log_hit_tokens=found_tokens,
        new_token_ratio=scheduler.new_token_ratio_tracker.current,
        num_running_reqs=QueueCount(total=len(scheduler.view.decoding)),
        num_new_seqs=len(requests),
    )
    return built


def within(batch: Batch, free_pages: int, page_size: int) -> Batch:
    """As much of a batch as there are pages for; the rest sits out the step.

    Decodes come first, as the scheduler ordered them, then chunks in their order up to the first
    that does not fit.
    """
    decodes = []
    for request in batch.decodes:
        free_pages -= request.needs_block
        if free_pages < 0:
            break
        decodes.append(request)
    prefills = []
    if len(decodes) == len(batch.decodes):
        for request, tokens in batch.prefills:
            computed = request.computed_tokens
            held = 0 if request.waiting else -(-computed // page_size)
            free_pages -= -(-(computed + tokens) // page_size) - held
            if free_pages < 0:
                break
            prefills.append((request, tokens))
    critical = min(batch.critical_decodes, len(decodes))
    return Batch(decodes, prefills, batch.preempt, batch.wake_s, critical)


def _set_chunk(request: Any, tokens: int) -> bool:
    """Give a request its next chunk; returns whether that ends its prefill."""
    start, whole = cached_tokens(request), len(request.full_untruncated_fill_ids)
    end = min(start + tokens, whole)
    if hasattr(request, "set_extend_range"):
        request.set_extend_range(start, end)  # 0.5.17
    else:
        request.extend_end = end
    return end == whole


def _two_unfinished(first: Any, second: Any) -> str:
    return (
        f"prompts {first.rid} and {second.rid} would both be unfinished: SGLang keeps track of one "
        "unfinished prompt at a time"
    )
