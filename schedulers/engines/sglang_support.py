"""Which SGLang, started how, a scheduler of ours can steer."""

from __future__ import annotations

import json
import logging
import os
import re
from typing import Any

from slaibench.schedulers.engines.sglang_flags import refused

OLDEST, NEWEST = (0, 5, 17), (0, 5, 23)
"""Releases whose scheduler was read line by line; both and 0.5.22 ran our tests, 0.5.23 does."""
TESTED = " to ".join(".".join(map(str, each)) for each in (OLDEST, NEWEST))
ANY_VERSION = "SLAIBENCH_ANY_SGLANG"
"""Environment variable: 1 tries another version all the same."""
VARIABLE = "SLAIBENCH_SGLANG"
"""Environment variable that holds our configuration as JSON: SGLang's options have no place."""
KEYS = ("scheduler", "step_log", "switchable", "device")


logger = logging.getLogger(__name__)


class UnsupportedSglangError(RuntimeError):
    """This SGLang, or how it was started, cannot be steered; the message says what to change."""


def check_version(version: str | None = None) -> str:
    """The version of SGLang that is installed.

    Args:
        version: another one, to ask about.

    Raises:
        UnsupportedSglangError: not installed, older than what is supported, or no release.
    """
    if version is None:
        try:
            import sglang  # noqa: PLC0415
        except ImportError as error:
            raise UnsupportedSglangError(f"SGLang cannot be imported: {error}") from error
        version = str(sglang.__version__)
        _warn_of_untested(version)
    release = _release(version)
    if (release is None or release < OLDEST) and os.environ.get(ANY_VERSION) != "1":
        raise UnsupportedSglangError(
            f"SGLang {version} is not supported: schedulers.engines.sglang steers versions "
            f"{TESTED} and newer ones; install one of them, or set {ANY_VERSION}=1 to try this one"
        )
    return version


def is_untested(version: str) -> bool:
    """Whether a version is newer than what was tested, and nobody has said to try it anyway."""
    release = _release(version)
    return release is not None and release > NEWEST and os.environ.get(ANY_VERSION) != "1"


def _warn_of_untested(version: str) -> None:
    if is_untested(version):
        logger.warning("SGLang %s is newer than what was tested: %s", version, TESTED)


def _release(version: str) -> tuple[int, ...] | None:
    found = re.match(r"(\d+)\.(\d+)\.(\d+)", version)
    return tuple(map(int, found.groups())) if found else None


def check_config(scheduler: Any) -> None:
    """Refuse what no scheduler can be combined with, and no step log.

    Args:
        scheduler: SGLang's, as far as it is built when ours is set up.

    Raises:
        UnsupportedSglangError: with the option that is in the way.
    """
    args = scheduler.server_args
    refusals = {
        "the overlap loop decides a batch before the last one is done: start SGLang with "
        "--disable-overlap-schedule": scheduler.enable_overlap,
        "batches hold prefill chunks and decodes together: start SGLang with "
        "--enable-mixed-chunk": not args.enable_mixed_chunk,
        "speculative decoding gives a decode more than one token: leave it "
        "out": not scheduler.spec_algorithm.is_none(),
        "schedulers count the KV blocks of one pool, and this model has several (sliding windows, "
        "state space)": bool(scheduler.is_hybrid_swa or scheduler.is_hybrid_ssm),
    }
    for reason, is_refused in refusals.items():
        if is_refused:
            raise UnsupportedSglangError(f"slaibench.schedulers.engines.sglang: {reason}")
    check_flags(args, own_rule=True)


def check_flags(args: Any, *, own_rule: bool) -> None:
    """Refuse flags that a scheduler, or SGLang's own rule under us, cannot be combined with.

    Args:
        args: SGLang's ``ServerArgs``.

    Raises:
        UnsupportedSglangError: with the flag, its value and the way out.
    """
    for refusal, value in refused(args, own_rule=own_rule):
        raise UnsupportedSglangError(f"slaibench.schedulers.engines.sglang: {refusal.words(value)}")


def own_config() -> dict[str, Any]:
    """What the environment holds for us; empty if nothing.

    Raises:
        UnsupportedSglangError: it is no JSON object, or has a key that we do not know.
    """
    text = os.environ.get(VARIABLE, "{}")
    try:
        own = json.loads(text)
    except ValueError as error:
        raise UnsupportedSglangError(f"{VARIABLE} is not JSON ({error}): {text}") from error
    if not isinstance(own, dict) or not set(own) <= set(KEYS):
        raise UnsupportedSglangError(
            f"{VARIABLE} must be an object with some of {', '.join(KEYS)}, not {text}"
        )
    return own


def check_limits(
    text: str, token_budget: int, max_active: int, engine_tokens: int | None, engine_active: int
) -> None:
    """Refuse a scheduler that may ask for larger batches than the engine was built for.

    Args:
        engine_tokens: None: the engine sets no limit.

    Raises:
        UnsupportedSglangError: with both ways out.
    """
    if engine_tokens is not None and token_budget > engine_tokens:
        raise UnsupportedSglangError(
            f"scheduler {text!r} makes batches of up to {token_budget} tokens, SGLang was started "
            f"for {engine_tokens}: start it with --chunked-prefill-size {token_budget}, or give "
            f"the scheduler token_budget={engine_tokens}"
        )
    if max_active > engine_active:
        raise UnsupportedSglangError(
            f"scheduler {text!r} keeps up to {max_active} requests active, SGLang was started for "
            f"{engine_active}: start it with --max-running-requests {max_active}, or give the "
            f"scheduler max_active={engine_active}"
        )


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
