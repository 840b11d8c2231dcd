"""The engine's settings, from the ``meta.json`` beside a log."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from slaibench.catalog.fields import CatalogError, Fields, read_object
from slaibench.catalog.host import is_asynchronous
from slaibench.studies.validation.columns import IncompleteLogError, LogError
from slaibench.studies.validation.observed import EngineSettings

NAMES: dict[str, tuple[str, ...]] = {
    "kv_blocks": ("kv_blocks", "num_kv_blocks", "num_gpu_blocks"),
    "block_size": ("block_size", "page_size"),
    "token_budget": ("token_budget", "max_num_batched_tokens"),
    "max_active": ("max_active", "max_num_seqs", "max_running_requests"),
    "max_context_tokens": ("max_context_tokens", "max_model_len", "context_length"),
    "prefix_caching": ("prefix_caching", "enable_prefix_caching"),
    "asynchronous": ("async_scheduling",),
    "watermark": ("watermark",),
    "chunked_prefill": ("enable_chunked_prefill",),
    "policy": ("scheduling_policy",),
    "vllm": ("vllm_version",),
    "engine": ("engine",),
    "model": ("model",),
    "device": ("device_name",),
    "quantization": ("quantization",),
    "kv_cache_dtype": ("kv_cache_dtype",),
}
"""What each setting may be called, at any depth of the file."""
NULL_BLOCKS = {"num_gpu_blocks": 1}
"""Blocks that a count includes and no request may hold: vLLM keeps its first one for itself."""
UNGUESSED = {
    "engine": "which engine ran: add vllm_version, or engine",
    "kv_blocks": "the size of the KV cache: add num_gpu_blocks, or give --kv-blocks",
    "block_size": "block_size, the tokens in a KV block: add it",
    "device": "which GPU it was: add device_name, or give --gpu or --profile",
    "model": "which model it was: add model, or give --model or --profile",
    "scheduler": "how its scheduler works, as far as one of ours stands for it: add max_num_seqs "
    "and max_num_batched_tokens of a vLLM with its own rule, or give --scheduler, e.g. "
    "sarathi:token_budget=2048,max_active=256,watermark=0",
}
"""What cannot be guessed, and the way out."""
PARALLEL = ("tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size")


def read_settings(
    path: Path, kv_blocks: int | None = None, needed: Collection[str] = ()
) -> EngineSettings:
    """Engine settings from a file; what vLLM does by default where it says nothing.

    Args:
        kv_blocks: instead of the file's.
        needed: what nobody says if the file does not: ``device``, ``model``, ``scheduler``.

    Raises:
        IncompleteLogError: with all that is missing and cannot be guessed.
        LogError: the file cannot be read, or contradicts itself.
    """
    try:
        values = read_object(path)
    except CatalogError as error:
        raise IncompleteLogError(
            [
                f"{error}: a log needs its engine's settings beside it. Write {path.name} with "
                "vllm_version, num_gpu_blocks, block_size, max_num_seqs, max_num_batched_tokens, "
                "model and device_name, or name another file with --meta"
            ]
        ) from error
    settings = _by_our_names(values, path)
    version = settings.get("vllm")
    name = settings.get("engine") or (f"vLLM {version}" if version else None)
    fields = Fields(settings, str(path))
    try:
        scheduler = _scheduler(fields, settings) if version else None
        present = {
            "engine": name,
            "kv_blocks": kv_blocks or settings.get("kv_blocks"),
            "block_size": settings.get("block_size"),
            "scheduler": scheduler,
            **{key: settings.get(key) for key in ("device", "model")},
        }
        wanted = {"engine", "kv_blocks", "block_size", *needed}
        lacks = [UNGUESSED[key] for key in UNGUESSED if key in wanted and present[key] is None]
        if lacks:
            raise IncompleteLogError([f"{path.name} does not say {lack}" for lack in lacks])
        context = "max_context_tokens"
        return EngineSettings(
            engine=str(name),
            kv_blocks=kv_blocks or fields.whole("kv_blocks"),
            block_size=fields.whole("block_size"),
            max_context_tokens=fields.whole(context) if context in settings else None,
            prefix_caching=fields.flag("prefix_caching", version is not None),
            asynchronous=fields.flag("asynchronous", _is_ahead(version)),
            scheduler=scheduler,
            model=settings.get("model"),
            device=settings.get("device"),
            parallel={
                key: value
                for key, value in _leaves(values)
                if key in PARALLEL and value not in (None, 1)
            },
            formats=_formats(settings),
        )
    except CatalogError as error:
        raise LogError(str(error)) from error


def _formats(settings: Mapping[str, Any]) -> dict[str, str]:
    """Number formats that are not the model's own, by the names that vLLM has for them."""
    plain = (None, "auto", "none", "bfloat16", "float16", False)
    return {
        key: str(settings[key])
        for key in ("quantization", "kv_cache_dtype")
        if settings.get(key) not in plain
    }


def _by_our_names(values: Mapping[str, Any], path: Path) -> dict[str, Any]:
    key_of = {name: key for key, names in NAMES.items() for name in names}
    settings: dict[str, Any] = {}
    for name, value in _leaves(values):
        key = key_of.get(name)
        if key is None or value is None:
            continue
        usable = value - NULL_BLOCKS.get(name, 0) if type(value) is int else value
        if key in settings and settings[key] != usable:
            raise LogError(f"{path} has two values of {key}: {settings[key]!r} and {usable!r}")
        settings[key] = usable
    return settings


def _leaves(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value)
        else:
            yield name, value


def _is_ahead(version: Any) -> bool:
    if version is None:
        return False
    parts = str(version).lstrip("v").split(".")[:2]
    if len(parts) < 2 or not all(part.isdigit() for part in parts):
        raise LogError(
            f"vllm_version {version!r} is not understood: write it as 0.19.0, and async_scheduling "
            "(true or false) beside it"
        )
    return is_asynchronous("vllm", ".".join(parts))


def _scheduler(fields: Fields, settings: Mapping[str, Any]) -> str | None:
    """vLLM's own rule as a scheduler of ours; None: none of ours is, or its limits are not given.

    Decodes first, then chunks of prompts, first come, first served; a prompt is admitted when the
    blocks of all of it are free, without a watermark. Who is preempted is who was admitted last,
    which is who arrived last.

    Source: vLLM 0.19.0, ``Scheduler.schedule`` and ``SchedulerConfig.scheduler_reserve_full_isl``.

    Raises:
        CatalogError: a limit that cannot be.
    """
    fcfs = settings.get("policy", "fcfs") == "fcfs"
    ours = fcfs and fields.flag("chunked_prefill", True)
    if not ours or "token_budget" not in settings or "max_active" not in settings:
        return None
    token_budget, max_active = fields.whole("token_budget"), fields.whole("max_active")
    watermark = settings.get("watermark", 0.0)
    if type(watermark) not in (int, float) or not 0 <= watermark < 1:
        raise CatalogError(
            f"{fields.where}: watermark must be a share from 0 to below 1, not {watermark!r}"
        )
    return f"sarathi:token_budget={token_budget},max_active={max_active},watermark={watermark:g}"
