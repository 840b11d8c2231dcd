"""Which vLLM, started how, a scheduler of ours can steer."""

from __future__ import annotations

import logging
import os
import re
from dataclasses import dataclass
from typing import Any

from slaibench.schedulers.engines.vllm_refusals import refused

OLDEST, NEWEST = (0, 20), (0, 33)
"""Minor versions whose scheduler was read line by line; tests run 0.32, and were run on 0.33."""
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

    check_flags(vllm_config, own_rule=True)
    groups = kv_cache_config.kv_cache_groups
    spec = groups[0].kv_cache_spec if len(groups) == 1 else None
    if not isinstance(spec, FullAttentionSpec) or getattr(spec, "sliding_window", None):
        kinds = [type(group.kv_cache_spec).__name__ for group in groups]
        raise UnsupportedVllmError(
            "slaibench.schedulers.engines.vllm: schedulers count the KV blocks of one group of "
            f"full-attention layers, and this model has {kinds}"
        )


def check_flags(vllm_config: Any, *, own_rule: bool) -> None:
    """Refuse flags that a scheduler does not go with (``vllm_refusals``).

    Args:
        own_rule: whether vLLM's own rule decides, which goes with more of them.

    Raises:
        UnsupportedVllmError: with the flag, and what to do instead.
    """
    refusal = refused(vllm_config, own_rule=own_rule)
    if refusal is not None:
        raise UnsupportedVllmError(
            f"slaibench.schedulers.engines.vllm: --{refusal.flag}: {refusal.why}"
        )


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


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """The largest batches that vLLM was started for, and the flags that say so."""

    tokens: int
    tokens_flag: str
    active: int
    active_flag: str


def engine_limits(scheduler_config: Any) -> EngineLimits:
    """The limits that bind, of those that vLLM has: a batch's tokens, and who may be active."""
    tokens, tokens_flag = scheduler_config.max_num_batched_tokens, "--max-num-batched-tokens"
    active, active_flag = scheduler_config.max_num_seqs, "--max-num-seqs"
    fewer = getattr(scheduler_config, "max_num_scheduled_tokens", None)
    if fewer is not None and fewer < tokens:
        tokens, tokens_flag = fewer, "--max-num-scheduled-tokens"
    fewer = getattr(scheduler_config, "max_num_active_seqs", None)
    if fewer is not None and fewer < active:
        active, active_flag = fewer, "--max-num-active-seqs"
    return EngineLimits(tokens, tokens_flag, active, active_flag)


def check_limits(text: str, token_budget: int, max_active: int, limits: EngineLimits) -> None:
    """Refuse a scheduler that may ask for larger batches than the engine was built for.

    Raises:
        UnsupportedVllmError: with both ways out.
    """
    if token_budget > limits.tokens:
        raise UnsupportedVllmError(
            f"scheduler {text!r} makes batches of up to {token_budget} tokens, vLLM was started "
            f"for {limits.tokens}: start it with {limits.tokens_flag} {token_budget}, or give "
            f"the scheduler token_budget={limits.tokens}"
        )
    if max_active > limits.active:
        raise UnsupportedVllmError(
            f"scheduler {text!r} keeps up to {max_active} requests active, vLLM was started for "
            f"{limits.active}: start it with {limits.active_flag} {max_active}, or give the "
            f"scheduler max_active={limits.active}"
        )
