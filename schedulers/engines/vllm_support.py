"""Which vLLM, started how, a policy of ours can steer."""

from __future__ import annotations

import logging
import os
import re
from typing import Any

OLDEST, NEWEST = (0, 20), (0, 32)
"""Minor versions whose scheduler was read line by line; the newest is the one that tests run."""
TESTED = " to ".join(f"{minor[0]}.{minor[1]}" for minor in (OLDEST, NEWEST))
ANY_VERSION = "SLAIBENCH_ANY_VLLM"
"""Environment variable: 1 tries another version all the same."""
CONFIG = "slaibench"
"""Our key in vLLM's ``additional_config``."""


logger = logging.getLogger(__name__)


class UnsupportedVllmError(RuntimeError):
    """This vLLM, or how it was started, cannot be steered; the message says what to change."""


def check_version(version: str | None = None) -> str:
    """The version of vLLM that is installed.

    Args:
        version: another one, to ask about.

    Raises:
        UnsupportedVllmError: not installed, older than what is supported, or no release.
    """
    if version is None:
        try:
            import vllm  # noqa: PLC0415
        except ImportError as error:
            raise UnsupportedVllmError(f"vLLM cannot be imported: {error}") from error
        version = str(vllm.__version__)
        _warn_of_untested(version)
    minor = _minor(version)
    if (minor is None or minor < OLDEST) and os.environ.get(ANY_VERSION) != "1":
        raise UnsupportedVllmError(
            f"vLLM {version} is not supported: schedulers.engines.vllm steers versions {TESTED} "
            f"and newer ones; install one of them, or set {ANY_VERSION}=1 to try this one"
        )
    return str(version)


def is_untested(version: str) -> bool:
    """Whether a version is newer than what was tested, and nobody has said to try it anyway."""
    minor = _minor(version)
    return minor is not None and minor > NEWEST and os.environ.get(ANY_VERSION) != "1"


def _warn_of_untested(version: str) -> None:
    if is_untested(version):
        logger.warning("vLLM %s is newer than what was tested: %s", version, TESTED)


def _minor(version: str) -> tuple[int, int] | None:
    found = re.match(r"(\d+)\.(\d+)", str(version))
    return (int(found[1]), int(found[2])) if found else None


def check_config(vllm_config: Any, kv_cache_config: Any) -> None:
    """Refuse what cannot be combined with decodes that are withheld for some steps.

    Raises:
        UnsupportedVllmError: with the option that is in the way.
    """
    from vllm.v1.kv_cache_interface import FullAttentionSpec  # noqa: PLC0415

    scheduler, parallel = vllm_config.scheduler_config, vllm_config.parallel_config
    groups = kv_cache_config.kv_cache_groups
    refusals = {
        "asynchronous scheduling decides a batch before the last one is done: start vLLM with "
        "--no-async-scheduling": scheduler.async_scheduling,
        "speculative decoding gives a decode more than one token: leave --speculative-config "
        "out": vllm_config.speculative_config is not None,
        "pipeline parallelism keeps several batches in flight: use "
        "--pipeline-parallel-size 1": parallel.pipeline_parallel_size > 1,
        "context parallelism spreads a KV block over cards: leave it out": getattr(
            parallel, "decode_context_parallel_size", 1
        )
        > 1,
        "KV connectors hold blocks that no policy sees: leave --kv-transfer-config "
        "out": vllm_config.kv_transfer_config is not None,
        "policies cut prompts: leave chunked prefill on": not scheduler.enable_chunked_prefill,
        f"only models that generate can be scheduled (runner {vllm_config.model_config.runner_type}"
        ")": vllm_config.model_config.runner_type != "generate",
        "policies count the KV blocks of one group of full-attention layers, and this model has "
        f"{[type(group.kv_cache_spec).__name__ for group in groups]}": len(groups) != 1
        or not isinstance(groups[0].kv_cache_spec, FullAttentionSpec)
        or bool(getattr(groups[0].kv_cache_spec, "sliding_window", None)),
    }
    for reason, refused in refusals.items():
        if refused:
            raise UnsupportedVllmError(f"schedulers.engines.vllm: {reason}")


def own_config(vllm_config: Any) -> dict[str, Any]:
    """What ``additional_config`` holds for us; empty if nothing.

    Raises:
        UnsupportedVllmError: it is no object, or has a key that we do not know.
    """
    additional = vllm_config.additional_config
    own = additional.get(CONFIG, {}) if isinstance(additional, dict) else {}
    known = ("scheduler", "options", "step_log", "switchable", "device")
    if not isinstance(own, dict) or not set(own) <= set(known):
        raise UnsupportedVllmError(
            f"additional_config[{CONFIG!r}] must be an object with some of {', '.join(known)}, "
            f"not {own!r}"
        )
    return own


def check_limits(
    text: str, token_budget: int, max_active: int, engine_tokens: int, engine_active: int
) -> None:
    """Refuse a policy that may ask for larger batches than the engine was built for.

    Raises:
        UnsupportedVllmError: with both ways out.
    """
    if token_budget > engine_tokens:
        raise UnsupportedVllmError(
            f"scheduler {text!r} makes batches of up to {token_budget} tokens, vLLM was started "
            f"for {engine_tokens}: start it with --max-num-batched-tokens {token_budget}, or give "
            f"the scheduler token_budget={engine_tokens}"
        )
    if max_active > engine_active:
        raise UnsupportedVllmError(
            f"scheduler {text!r} keeps up to {max_active} requests active, vLLM was started for "
            f"{engine_active}: start it with --max-num-seqs {max_active}, or give the scheduler "
            f"max_active={engine_active}"
        )
