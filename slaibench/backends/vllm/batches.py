"""What a batch of vLLM's asks of a device, read off the scheduler's output as a worker reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from slaibench.workloads.content import GENERATED_TOKEN


@dataclass(slots=True)
class DeviceBatch:
    """A batch in a cost model's terms, and its outcome.

    Args:
        contexts: of requests that each compute one token after their prefill, or some drafted ones
            as well: the KV tokens that they read, their own new ones among them.
        prefills: (chunk tokens, tokens before the chunk).
        request_ids: all of them, in vLLM's order.
        sampled: new token ids of each; empty while its prefill is not through.
        draft_tokens: that decodes verify beside one token each.
    """

    contexts: list[int]
    prefills: list[tuple[int, int]]
    request_ids: list[str]
    sampled: list[list[int]]
    draft_tokens: int = 0

    @property
    def num_tokens(self) -> int:
        return len(self.contexts) + self.draft_tokens + sum(tokens for tokens, _ in self.prefills)


@dataclass(slots=True)
class _Lengths:
    prompt_tokens: int
    output_tokens: int
    prefill_tokens: int
    """Where its prefill ends: the prompt, plus what was generated before a preemption."""


class BatchReader:
    """Keeps what a worker keeps of requests: how long they are, and how far their prefill goes.

    Attributes:
        yields: of requests whose decodes verify drafted tokens (``Speculation.yields``), by id.
    """

    def __init__(self) -> None:
        self.yields: dict[str, Sequence[int]] = {}
        self._lengths: dict[str, _Lengths] = {}

    def take(self, output: Any) -> DeviceBatch:
        """Read one ``SchedulerOutput``; whoever is through with its prefill gets a token."""
        for request_id in output.finished_req_ids:
            self._lengths.pop(request_id, None)
            self.yields.pop(request_id, None)
        starts: dict[str, int] = {}
        for new in output.scheduled_new_reqs:
            self._begin(new)
            starts[new.req_id] = new.num_computed_tokens
        cached = output.scheduled_cached_reqs
        resumed = cached.resumed_req_ids
        for request_id, start, tokens in zip(
            cached.req_ids, cached.num_computed_tokens, cached.num_output_tokens, strict=True
        ):
            starts[request_id] = start
            if request_id in resumed:
                lengths = self._lengths[request_id]
                lengths.output_tokens = tokens  # vLLM may have thrown the last one away
                lengths.prefill_tokens = lengths.prompt_tokens + lengths.output_tokens
        work = DeviceBatch([], [], [], [])
        for request_id, tokens in output.num_scheduled_tokens.items():
            lengths, start = self._lengths[request_id], starts[request_id]
            is_decode = start >= lengths.prefill_tokens
            if is_decode:
                work.contexts.append(start + tokens)
                work.draft_tokens += tokens - 1
            else:
                work.prefills.append((tokens, start))
            through = start + tokens >= lengths.prompt_tokens + lengths.output_tokens
            given = int(through)
            if is_decode and tokens > 1:
                given = min(self.yields[request_id][lengths.output_tokens], tokens)
            lengths.output_tokens += given
            work.request_ids.append(request_id)
            work.sampled.append([GENERATED_TOKEN] * given)
        return work

    def _begin(self, new: Any) -> None:
        """A request's first batch, or (vLLM's second model runner) its first after a preemption."""
        # A prompt of embeddings may have no ids.
        prompt = len(new.prompt_embeds if new.prompt_token_ids is None else new.prompt_token_ids)
        whole = getattr(new, "prefill_token_ids", None)
        prefill = prompt if whole is None else len(whole)
        self._lengths[new.req_id] = _Lengths(prompt, prefill - prompt, prefill)
