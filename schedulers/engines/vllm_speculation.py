"""What decodes that verify drafted tokens come to in vLLM: counted when they are launched, and when
they are back."""

from __future__ import annotations

from slaibench.schedulers.engines.vllm_flights import Flight


def launched(flight: Flight) -> None:
    """Note what the decodes of a batch verify, and their KV slots with the requests.

    Args:
        flight: its tokens are counted as computed, whether they will turn out right or not.
    """
    ran = flight.batch
    tokens = 0
    for request in ran.decodes:
        tokens += request.computed - (request.inner.num_tokens - 1)
        request.reserved_tokens = max(request.reserved_tokens, request.computed)
    flight.generated = [request.output_tokens for request in ran.decodes]
    ran.work = ran.work._replace(draft_tokens=tokens - len(ran.decodes))


def back(flight: Flight) -> None:
    """Note how many tokens each decode of a batch yielded."""
    ran = flight.batch
    tokens = [request.output_tokens for request in ran.decodes]
    yields = [now - before for now, before in zip(tokens, flight.generated, strict=True)]
    ran.work = ran.work._replace(yields=yields)
