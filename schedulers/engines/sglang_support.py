"""Which SGLang, started how, a policy of ours can steer; and where its versions differ."""

from __future__ import annotations

import inspect
import json
import os
from typing import Any

SUPPORTED = ("0.5.17", "0.5.23")
"""Releases whose scheduler was read line by line, and that the adapter ran on."""
ANY_VERSION = "SLAIBENCH_ANY_SGLANG"
"""Environment variable: 1 tries another version all the same."""
VARIABLE = "SLAIBENCH_SGLANG"
"""Environment variable that holds our configuration as JSON: SGLang's options have no place."""
KEYS = ("scheduler", "step_log", "switchable", "device")


class UnsupportedSglangError(RuntimeError):
    """This SGLang, or how it was started, cannot be steered; the message says what to change."""


def check_version(version: str | None = None) -> str:
    """The version of SGLang that is installed.

    Args:
        version: another one, to ask about.

    Raises:
        UnsupportedSglangError: not installed, or not a supported release.
    """
    if version is None:
        try:
            import sglang  # noqa: PLC0415
        except ImportError as error:
            raise UnsupportedSglangError(f"SGLang cannot be imported: {error}") from error
        version = str(sglang.__version__)
    if version not in SUPPORTED and os.environ.get(ANY_VERSION) != "1":
        raise UnsupportedSglangError(
            f"SGLang {version} is not supported: schedulers.engines.sglang steers versions "
            f"{' and '.join(SUPPORTED)}; install one of them, or set {ANY_VERSION}=1 to try this "
            "one"
        )
    return version


def check_config(scheduler: Any) -> None:
    """Refuse what cannot be combined with decodes that are withheld for some steps.

    Args:
        scheduler: SGLang's, as far as it is built when its policy is set up.

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
        "pipeline parallelism keeps several batches in flight: use --pp-size 1": args.pp_size > 1,
        "data-parallel attention runs in lockstep with other replicas: leave --enable-dp-attention "
        "out": bool(args.enable_dp_attention),
        "prefill and decode must be in one server: leave --disaggregation-mode "
        "out": args.disaggregation_mode not in (None, "null"),
        "hierarchical caches hold blocks that no policy sees: leave them out": bool(
            args.enable_hierarchical_cache
        ),
        "policies count the KV blocks of one pool, and this model has several (sliding windows, "
        "state space)": bool(scheduler.is_hybrid_swa or scheduler.is_hybrid_ssm),
    }
    for reason, refused in refusals.items():
        if refused:
            raise UnsupportedSglangError(f"schedulers.engines.sglang: {reason}")


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
    """Refuse a policy that may ask for larger batches than the engine was built for.

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


def cached_tokens(request: Any) -> int:
    """Tokens of a request that the last look into the cache found there."""
    if hasattr(request, "prefix_len"):
        return int(request.prefix_len)
    return len(request.prefix_indices)  # 0.5.17


def tokens_to_prefill(request: Any) -> int:
    """Length of what the next prefill of a request must reach."""
    return len(request.full_untruncated_fill_ids)


def set_chunk(request: Any, tokens: int) -> bool:
    """Give a request its next chunk; returns whether that ends its prefill."""
    start = cached_tokens(request)
    end = min(start + tokens, tokens_to_prefill(request))
    if hasattr(request, "set_extend_range"):
        request.set_extend_range(start, end)  # 0.5.17
    else:
        request.extend_end = end
    return end == tokens_to_prefill(request)


def lock_prefix(request: Any, tree_cache: Any) -> None:
    """Keep what was found in the cache from being evicted while the request needs it."""
    if hasattr(tree_cache, "lock"):
        request.lock = tree_cache.lock(request.last_node)
    else:
        tree_cache.inc_lock_ref(request.last_node)  # 0.5.17


def release(scheduler: Any, request: Any) -> None:
    """Take a request's KV blocks, as SGLang does when it retracts one."""
    from sglang.srt.managers.schedule_batch import release_req  # noqa: PLC0415

    arguments = {
        "req": request,
        "remaing_req_count": 0,
        "req_to_token_pool": scheduler.req_to_token_pool,
        "token_to_kv_pool_allocator": scheduler.token_to_kv_pool_allocator,
        "tree_cache": scheduler.tree_cache,
        "hisparse_coordinator": None,
    }
    if "server_args" in inspect.signature(release_req).parameters:
        arguments["server_args"] = scheduler.server_args  # 0.5.17
    release_req(**arguments)
