"""Flags of vLLM's that a scheduler of ours does not go with; each is refused at start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Refusal:
    """One flag.

    Args:
        flag: as the command line has it, without dashes in front.
        why: what is in its way, and what to do instead.
        is_set: whether a ``VllmConfig`` has it.
        own_rule: whether vLLM's own rule (``engine``) is refused as well.
    """

    flag: str
    why: str
    is_set: Callable[[Any], bool]
    own_rule: bool = True


def _scheduler(field: str, default: Any) -> Callable[[Any], bool]:
    return lambda config: getattr(config.scheduler_config, field, default) != default


def _parallel(field: str) -> Callable[[Any], bool]:
    return lambda config: getattr(config.parallel_config, field, 1) > 1


def _given(field: str) -> Callable[[Any], bool]:
    return lambda config: getattr(config, field, None) is not None


def _has_ranks(config: Any) -> bool:
    parallel = config.parallel_config
    # A rank of its own takes itself for the only one; its number stays.
    return bool(parallel.data_parallel_size > 1 or getattr(parallel, "data_parallel_index", 0) > 0)


METHOD = "ngram"
"""Of drafting: words of the request's own, which need no KV slots of theirs, and no model."""


def _drafts(config: Any) -> bool:
    """Whether it speculates in another way than a study in virtual time has it do."""
    speculation = getattr(config, "speculative_config", None)
    device = getattr(config.parallel_config, "distributed_executor_backend", None)
    if speculation is None:
        return False
    return not (
        getattr(device, "SPECULATES", False) and getattr(speculation, "method", None) == METHOD
    )


REFUSALS = (
    Refusal(
        "speculative-config",
        "a model's drafts were checked with no scheduler of ours, and some take KV slots that none "
        "counts: leave it out; a study in virtual time takes --speculative-tokens instead",
        _drafts,
    ),
    Refusal(
        "diffusion-config",
        "a diffusion model computes a block of tokens at a time, which no scheduler counts: "
        "serve another model",
        lambda config: (
            getattr(config, "diffusion_config", None) is not None
            or getattr(config.model_config, "is_diffusion", False) is True
        ),
    ),
    Refusal(
        "pipeline-parallel-size",
        "several batches would be in flight at a time: use --pipeline-parallel-size 1",
        _parallel("pipeline_parallel_size"),
    ),
    Refusal(
        "decode-context-parallel-size",
        "context parallelism spreads a KV block over cards: leave it out",
        _parallel("decode_context_parallel_size"),
    ),
    Refusal(
        "prefill-context-parallel-size",
        "context parallelism spreads a prompt over cards: leave it out",
        _parallel("prefill_context_parallel_size"),
    ),
    Refusal(
        "data-parallel-size",
        "each rank would decide for itself and write into one step log: start a server a rank, "
        "with a load balancer in front",
        _has_ranks,
    ),
    Refusal(
        "kv-transfer-config",
        "KV connectors (and --kv-offloading-size, which is one) hold blocks that no scheduler "
        "sees: leave it out",
        _given("kv_transfer_config"),
    ),
    Refusal(
        "ec-transfer-config",
        "a prompt whose images are still on their way would be taken for one that can run: leave "
        "it out",
        _given("ec_transfer_config"),
    ),
    Refusal(
        "mm-encoder-only",
        "its requests end without a token: serve the whole model",
        lambda config: getattr(config, "is_mm_encoder_only", False) is True,
    ),
    Refusal(
        "enable-chunked-prefill",
        "schedulers cut prompts: leave chunked prefill on",
        lambda config: not config.scheduler_config.enable_chunked_prefill,
    ),
    Refusal(
        "runner",
        "only models that generate can be scheduled, none for pooling: use --runner generate",
        lambda config: config.model_config.runner_type != "generate",
    ),
    Refusal(
        "long-prefill-token-threshold",
        "chunks are the scheduler's, and what vLLM cuts off them nobody else would get: leave it "
        "out, or use the scheduler engine",
        _scheduler("long_prefill_token_threshold", 0),
        own_rule=False,
    ),
    Refusal(
        "watermark",
        "the blocks that an admission leaves free are the scheduler's: give it watermark= "
        "instead, or use the scheduler engine",
        _scheduler("watermark", 0.0),
        own_rule=False,
    ),
    Refusal(
        "prefill-schedule-interval",
        "when prompts go on is the scheduler's: leave it out, or use the scheduler engine",
        _scheduler("prefill_schedule_interval", 1),
        own_rule=False,
    ),
)


def refused(vllm_config: Any, *, own_rule: bool) -> Refusal | None:
    """The first flag that is in the way; None: there is none.

    Args:
        own_rule: whether vLLM's own rule decides.
    """
    for refusal in REFUSALS:
        if (refusal.own_rule or not own_rule) and refusal.is_set(vllm_config):
            return refusal
    return None
