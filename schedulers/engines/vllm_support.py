"""Which vLLM, started how, a scheduler of ours can steer."""

from __future__ import annotations

from typing import Any

from slaibench.schedulers.engines.support import EngineLimits, Releases, UnsupportedEngineError
from slaibench.schedulers.engines.vllm_refusals import refused

RELEASES = Releases("vLLM", "vllm", (0, 20), (0, 33), "SLAIBENCH_ANY_VLLM")
"""Minor versions whose scheduler was read line by line; tests run 0.32, and were run on 0.33."""
ASYNCHRONOUS_SINCE = (0, 29)
"""Versions before it count the tokens of batches in flight in another way, which was not read."""
CONFIG = "slaibench"
"""Our key in vLLM's ``additional_config``."""
KEYS = ("scheduler", "options", "step_log", "switchable", "device")


def check_config(vllm_config: Any, kv_cache_config: Any) -> None:
    """Refuse what cannot be combined with decodes that are withheld for some steps.

    Raises:
        UnsupportedEngineError: with the option that is in the way.
    """
    from vllm.v1.kv_cache_interface import FullAttentionSpec  # noqa: PLC0415

    check_flags(vllm_config, own_rule=True)
    check_mode(vllm_config, RELEASES.check())
    groups = kv_cache_config.kv_cache_groups
    spec = groups[0].kv_cache_spec if len(groups) == 1 else None
    if not isinstance(spec, FullAttentionSpec) or getattr(spec, "sliding_window", None):
        kinds = [type(group.kv_cache_spec).__name__ for group in groups]
        raise UnsupportedEngineError(
            "slaibench.schedulers.engines.vllm: schedulers count the KV blocks of one group of "
            f"full-attention layers, and this model has {kinds}"
        )


def check_mode(vllm_config: Any, version: str) -> None:
    """Refuse asynchronous scheduling where vLLM's books of tokens in flight are others.

    Args:
        version: of vLLM.

    Raises:
        UnsupportedEngineError: with the flag to start it with.
    """
    if vllm_config.scheduler_config.async_scheduling and RELEASES.is_before(
        ASYNCHRONOUS_SINCE, version
    ):
        since = ".".join(map(str, ASYNCHRONOUS_SINCE))
        raise UnsupportedEngineError(
            f"slaibench.schedulers.engines.vllm: --async-scheduling: vLLM {version} counts tokens "
            f"of batches in flight in another way than {since} and later: start it with "
            "--no-async-scheduling"
        )


def check_flags(vllm_config: Any, *, own_rule: bool) -> None:
    """Refuse flags that a scheduler does not go with (``vllm_refusals``).

    Args:
        own_rule: whether vLLM's own rule decides, which goes with more of them.

    Raises:
        UnsupportedEngineError: with the flag, and what to do instead.
    """
    refusal = refused(vllm_config, own_rule=own_rule)
    if refusal is not None:
        raise UnsupportedEngineError(
            f"slaibench.schedulers.engines.vllm: --{refusal.flag}: {refusal.why}"
        )


def own_config(vllm_config: Any) -> dict[str, Any]:
    """What ``additional_config`` holds for us; empty if nothing.

    Raises:
        UnsupportedEngineError: it is no object, or has a key that we do not know.
    """
    additional = vllm_config.additional_config
    own = additional.get(CONFIG, {}) if isinstance(additional, dict) else {}
    if not isinstance(own, dict) or not set(own) <= set(KEYS):
        raise UnsupportedEngineError(
            f"additional_config[{CONFIG!r}] must be an object with some of {', '.join(KEYS)}, "
            f"not {own!r}"
        )
    return own


def engine_limits(scheduler_config: Any, decode_tokens: int = 1) -> EngineLimits:
    """The limits that bind, of those that vLLM has: a batch's tokens, and who may be active.

    Args:
        decode_tokens: of a batch, what a decode takes.
    """
    tokens, tokens_flag = scheduler_config.max_num_batched_tokens, "--max-num-batched-tokens"
    active, active_flag = scheduler_config.max_num_seqs, "--max-num-seqs"
    fewer = getattr(scheduler_config, "max_num_scheduled_tokens", None)
    if fewer is not None and fewer < tokens:
        tokens, tokens_flag = fewer, "--max-num-scheduled-tokens"
    fewer = getattr(scheduler_config, "max_num_active_seqs", None)
    if fewer is not None and fewer < active:
        active, active_flag = fewer, "--max-num-active-seqs"
    return EngineLimits("vLLM", tokens, tokens_flag, active, active_flag, decode_tokens)
