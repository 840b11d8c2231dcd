"""vLLM's own limits of a batch, which depend on the GPU: what it takes where nobody says any."""

from __future__ import annotations

from slaibench.backends.base import BackendError
from slaibench.backends.engines.options import BatchLimits, EngineOptions
from slaibench.catalog.gpu import Gpu
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


def limits_on(gpu: Gpu, max_context_tokens: int) -> BatchLimits:
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
    return BatchLimits(tokens, min(active, tokens))


def own_limits(scheduler: EngineDefault, options: EngineOptions) -> BatchLimits:
    """The limits that vLLM's own scheduler, or a class in its place, has: those that were given,
    for the rest what vLLM then takes.

    Raises:
        BackendError: they are not known, of a GPU that the catalog does not have.
    """
    tokens, active = map(scheduler.limits.get, ("token_budget", "max_active"))
    if tokens is not None and active is not None:
        return BatchLimits(tokens, active)
    stock = options.stock
    if stock is None:
        raise BackendError(
            f"what vLLM takes for {scheduler.name} depends on the GPU's memory, which is not known "
            "of a GPU that the catalog lacks: give it token_budget= and max_active="
        )
    if tokens is None:
        most = (active or stock.max_active) * options.max_context_tokens
        tokens = min(stock.token_budget, most)
    return BatchLimits(tokens, min(stock.max_active, tokens) if active is None else active)


def differences(scheduler: EngineDefault, options: EngineOptions) -> str:
    """In words: with which limits vLLM ran, and what else is not as it is shipped."""
    limits, stock = own_limits(scheduler, options), options.stock
    what = "vLLM as shipped"
    others = []
    if isinstance(scheduler, EngineClass):
        what = f"{scheduler.facts.words} in the place of vLLM's own scheduler"
        if options.asynchronous and not scheduler.facts.asynchronous:
            others.append(SYNCHRONOUS_CLASS)
    if stock is not None:
        others += [
            f"{name}={getattr(limits, name):,} (stock {getattr(stock, name):,})"
            for name in ("token_budget", "max_active")
            if getattr(limits, name) != getattr(stock, name)
        ]
    if not options.asynchronous:
        others.append("synchronous scheduling (stock: asynchronous)")
    if not options.prefix_caching:
        others.append("no prefix caching (stock: on)")
    words = f"{what}: {limits}"
    return f"{words}; differs from stock: {', '.join(others)}" if others else words
