"""vLLM's own limits of a batch, which depend on the GPU: what it takes where nobody says any."""

from __future__ import annotations

from dataclasses import replace

from slaibench.backends.base import BackendError
from slaibench.backends.engines.base import AsShipped, StartLimits
from slaibench.backends.engines.options import EngineOptions
from slaibench.catalog.gpu import Gpu, find_gpu
from slaibench.schedulers.engine_class import EngineClass
from slaibench.schedulers.engine_default import EngineDefault

GIB = 2**30
LARGEST_BYTES, LARGE_BYTES = 160 * GIB, 70 * GIB
TOO_SLOW = "a100"
"""In a GPU's name: it has the small limits, however large it is."""

SYNCHRONOUS_CLASS = (
    "a synchronous class in the asynchronous loop (it extends Scheduler and not AsyncScheduler), "
    "where a request is in no batch before its last token is back: what that costs is not its "
    "rule's doing"
)
"""Source: vLLM 0.32.0, ``SchedulerConfig.get_scheduler_cls``, which warns of it, and
``EngineCore.step_with_batch_queue``, which runs it all the same. Under load requests fall into two
groups whose batches alternate."""


def limits_on(gpu: Gpu, max_context_tokens: int) -> StartLimits:
    """The limits of vLLM's server (its usage context ``OPENAI_API_SERVER``) on a GPU.

    Source: vLLM 0.32.0, ``vllm/engine/arg_utils.py``: ``get_batch_defaults`` and
    ``_set_default_max_num_seqs_and_batched_tokens_args``.
    """
    if gpu.memory_bytes >= LARGEST_BYTES:
        tokens, active = 16384, 1024
    elif gpu.memory_bytes >= LARGE_BYTES and TOO_SLOW not in gpu.full_name.lower():
        tokens, active = 8192, 1024
    else:
        tokens, active = 2048, 256
    tokens = min(tokens, active * max_context_tokens)
    return StartLimits(tokens, min(active, tokens))


def as_shipped(scheduler: EngineDefault, options: EngineOptions) -> AsShipped:
    """How vLLM is started for its own scheduler, or for a class in its place: with the limits that
    were given, and for the rest with what it takes by itself.

    On an emulated GPU that is what it takes there; a real one it knows.

    Raises:
        BackendError: the catalog lacks the emulated GPU, and they were not given.
    """
    tokens, active = map(scheduler.limits.get, ("token_budget", "max_active"))
    stock = _stock(options)
    if stock is not None:
        if tokens is None:
            most = (active or stock.max_active) * options.max_context_tokens
            tokens = min(stock.token_budget, most)
        active = active or min(stock.max_active, tokens)
    elif options.emulated_gpu is not None and (tokens is None or active is None):
        raise BackendError(
            f"what vLLM takes for {scheduler.name} depends on the memory of the GPU, and the "
            f"catalog has no {options.emulated_gpu}: give it token_budget= and max_active="
        )
    own = replace(options, token_budget=tokens, max_active=active)
    return AsShipped(own, _words(scheduler, own, stock), {"as_shipped": True})


def _stock(options: EngineOptions) -> StartLimits | None:
    """What vLLM takes by itself; None: that is not known here."""
    gpu = options.emulated_gpu and find_gpu(options.emulated_gpu)
    return limits_on(gpu, options.max_context_tokens) if gpu else None


def _words(scheduler: EngineDefault, options: EngineOptions, stock: StartLimits | None) -> str:
    what, others = "vLLM as shipped", []
    if isinstance(scheduler, EngineClass):
        what = f"{scheduler.facts.words} in the place of vLLM's own scheduler"
        if options.asynchronous and not scheduler.facts.asynchronous:
            others.append(SYNCHRONOUS_CLASS)
    limits = {"token_budget": options.token_budget, "max_active": options.max_active}
    for name, limit in limits.items():
        usual = stock and getattr(stock, name)
        if limit is not None and limit != usual:
            others.append(f"{name}={limit:,}" + (f" (stock {usual:,})" if usual else ""))
    if not options.asynchronous:
        others.append("synchronous scheduling (stock: asynchronous)")
    if not options.prefix_caching:
        others.append("no prefix caching (stock: on)")
    tokens, active = limits.values()
    have = "its own limits"
    if tokens is not None and active is not None:
        have = f"batches of {tokens:,} tokens, {active:,} requests"
    words = f"{what}: {have}"
    return f"{words}; differs from stock: {', '.join(others)}" if others else words
