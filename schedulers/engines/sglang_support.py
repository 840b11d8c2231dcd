"""Which SGLang, started how, a scheduler of ours can steer."""

from __future__ import annotations

import json
import os
from typing import Any

from slaibench.schedulers.engines.sglang_flags import refused
from slaibench.schedulers.engines.support import Releases, UnsupportedEngineError

RELEASES = Releases("SGLang", "sglang", (0, 5, 17), (0, 5, 23), "SLAIBENCH_ANY_SGLANG")
"""Releases whose scheduler was read line by line; both and 0.5.22 ran our tests, 0.5.23 does."""
OVERLAP_SINCE = (0, 5, 22)
"""Releases before it were not run with their overlap loop: our environments cannot hold them."""
VARIABLE = "SLAIBENCH_SGLANG"
"""Environment variable that holds our configuration as JSON: SGLang's options have no place."""
KEYS = ("scheduler", "step_log", "switchable", "device", "plugins")


def check_config(scheduler: Any) -> None:
    """Refuse what no scheduler can be combined with, and no step log.

    Args:
        scheduler: SGLang's, as far as it is built when ours is set up.

    Raises:
        UnsupportedEngineError: with the option that is in the way.
    """
    args = scheduler.server_args
    refusals = {
        "batches hold prefill chunks and decodes together: start SGLang with "
        "--enable-mixed-chunk": not args.enable_mixed_chunk,
        "speculative decoding gives a decode more than one token: leave it "
        "out": not scheduler.spec_algorithm.is_none(),
        "schedulers count the KV blocks of one pool, and this model has several (sliding windows, "
        "state space)": bool(scheduler.is_hybrid_swa or scheduler.is_hybrid_ssm),
    }
    for reason, is_refused in refusals.items():
        if is_refused:
            raise UnsupportedEngineError(f"slaibench.schedulers.engines.sglang: {reason}")
    check_flags(args, own_rule=True)


def check_loop(overlaps: bool, version: str) -> None:
    """Refuse the overlap loop of a release in which it was not tried.

    Args:
        version: of SGLang.

    Raises:
        UnsupportedEngineError: with the flag to start it with.
    """
    if overlaps and RELEASES.is_before(OVERLAP_SINCE, version):
        since = ".".join(map(str, OVERLAP_SINCE))
        raise UnsupportedEngineError(
            f"slaibench.schedulers.engines.sglang: the overlap loop of SGLang {version} was not "
            f"tried, that of {since} and later was: start it with --disable-overlap-schedule"
        )


def check_flags(args: Any, *, own_rule: bool) -> None:
    """Refuse flags that a scheduler, or SGLang's own rule under us, cannot be combined with.

    Args:
        args: SGLang's ``ServerArgs``.

    Raises:
        UnsupportedEngineError: with the flag, its value and the way out.
    """
    for refusal, value in refused(args, own_rule=own_rule):
        raise UnsupportedEngineError(f"slaibench.schedulers.engines.sglang: {refusal.words(value)}")


def own_config() -> dict[str, Any]:
    """What the environment holds for us; empty if nothing.

    Raises:
        UnsupportedEngineError: it is no JSON object, or has a key that we do not know.
    """
    text = os.environ.get(VARIABLE, "{}")
    try:
        own = json.loads(text)
    except ValueError as error:
        raise UnsupportedEngineError(f"{VARIABLE} is not JSON ({error}): {text}") from error
    if not isinstance(own, dict) or not set(own) <= set(KEYS):
        raise UnsupportedEngineError(
            f"{VARIABLE} must be an object with some of {', '.join(KEYS)}, not {text}"
        )
    return own


def limits(view: Any, scheduler: Any) -> str:
    """What holds whatever is decided, in words.

    Args:
        view: what a scheduler is shown.
        scheduler: None: SGLang's own rule.
    """
    blocks = f"{view.total_blocks} KV blocks of {view.block_size} tokens"
    if scheduler is None:
        return blocks
    return (
        f"at most {scheduler.token_budget} tokens a batch, {scheduler.max_active} requests active, "
        f"{view.max_prefilling} prompt prefilling; {blocks}"
    )
