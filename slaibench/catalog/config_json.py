"""A model's shape as its Hugging Face ``config.json`` has it, whose keys differ by family."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from slaibench.catalog.fields import CatalogError, Fields, read_object

COUNT = ("num_local_experts", "n_routed_experts", "num_experts")
PER_TOKEN = ("num_experts_per_tok", "experts_per_token", "top_k_experts")
OF_ONE = ("moe_intermediate_size", "intermediate_size")
BYTES_PER_WEIGHT = {"fp8": 1.0, "mxfp4": 17 / 32}
"""By quantization method; MXFP4 has an 8-bit scale for 32 values of 4 bits."""

OTHER_LAYERS = {
    "hybrid_override_pattern": "Mamba",
    "mamba_num_heads": "Mamba",
    "mamba_n_heads": "Mamba",
    "mamba_d_state": "Mamba",
    "linear_num_value_heads": "linear attention",
    "linear_attn_config": "linear attention",
}
"""Keys of families whose layers are of several kinds."""
OTHER_ATTENTION = {
    "attention_chunk_size": "chunked",
    "index_topk": "sparse",
    "sparse_attention_config": "sparse",
    "compress_ratios": "compressed",
}
"""Keys of families whose layers attend to a part of the tokens before, besides windows."""


def values_of(file: Path) -> dict[str, Any]:
    """The fields of ``Model`` that a ``config.json`` says; ``experts`` and ``latent`` as mappings,
    or None.

    Raises:
        CatalogError: unreadable, a shape is missing, or some layers keep no keys and values.
    """
    values = read_object(file)
    if isinstance(inner := values.get("text_config"), dict):
        values = {**values, **inner, "architectures": values.get("architectures")}
    if kind := _other_cache(values):
        raise CatalogError(
            f"{file} has {kind} layers beside attention: a cache of several kinds is not modelled, "
            "so give a model all of whose layers are attention's"
        )
    entry = Fields(values, str(file))
    heads, hidden = entry.whole("num_attention_heads"), entry.whole("hidden_size")
    named = values.get("architectures") or ["unknown"]
    dtype = values.get("torch_dtype") or values.get("dtype") or "bfloat16"
    experts = _experts(values, entry)
    intermediate = "intermediate_size"
    return {
        "architecture": str(named[0]),
        "layers": entry.whole("num_hidden_layers"),
        "hidden": hidden,
        "intermediate": experts["intermediate"]
        if experts and values.get(intermediate) is None
        else entry.whole(intermediate),
        "heads": heads,
        "kv_heads": heads
        if values.get("num_key_value_heads") is None
        else entry.whole("num_key_value_heads"),
        "head_dim": hidden // heads if values.get("head_dim") is None else entry.whole("head_dim"),
        "vocab": entry.whole("vocab_size"),
        "max_context_tokens": entry.whole("max_position_embeddings"),
        "bytes_per_value": 4 if dtype == "float32" else 2,
        "bytes_per_weight": _bytes_per_weight(values),
        "tied_embeddings": bool(values.get("tie_word_embeddings", False)),
        "experts": experts,
        "latent": _latent(values, entry),
        "window": _window(values),
        "partial_attention": _partial_attention(values),
    }


def _experts(values: Mapping[str, Any], entry: Fields) -> dict[str, int] | None:
    count = _first(values, COUNT)
    if count is None:
        return None
    dense = values.get("mlp_only_layers")
    return {
        "count": entry.whole(count),
        "per_token": entry.whole(_first(values, PER_TOKEN) or PER_TOKEN[0]),
        "intermediate": entry.whole(_first(values, OF_ONE) or OF_ONE[0]),
        "shared": int(values.get("n_shared_experts") or 0),
        "dense_layers": int(values.get("first_k_dense_replace") or 0)
        or (len(dense) if isinstance(dense, list) else 0),
    }


def _latent(values: Mapping[str, Any], entry: Fields) -> dict[str, int | None] | None:
    if not values.get("kv_lora_rank"):
        return None
    return {
        "kv_rank": entry.whole("kv_lora_rank"),
        "rope": entry.whole("qk_rope_head_dim"),
        "query_rank": entry.whole("q_lora_rank") if values.get("q_lora_rank") else None,
        "nope": entry.whole("qk_nope_head_dim"),
        "value": entry.whole("v_head_dim"),
    }


def _bytes_per_weight(values: Mapping[str, Any]) -> float | None:
    """Of a checkpoint whose ``config.json`` says that it is quantized; scales included."""
    quantization = values.get("quantization_config")
    if not isinstance(quantization, dict):
        return None
    method, bits = str(quantization.get("quant_method")), quantization.get("bits")
    if method in BYTES_PER_WEIGHT:
        return BYTES_PER_WEIGHT[method]
    return bits / 8 if isinstance(bits, int) and bits > 0 else None


def _other_cache(values: Mapping[str, Any]) -> str | None:
    """What some layers are that keep no keys and values; None: all do."""
    for key, kind in OTHER_LAYERS.items():
        if values.get(key):
            return kind
    by_number = values.get("attn_type_list")  # MiniMax-01: 1 is attention
    if isinstance(by_number, list) and 0 in by_number:
        return "linear attention"
    kinds = values.get("layer_types")
    for kind in kinds if isinstance(kinds, list) else ():
        if "attention" not in str(kind) or "linear" in str(kind):
            return str(kind)
    return None


def _partial_attention(values: Mapping[str, Any]) -> str | None:
    """As ``Model`` has it."""
    key = _first(values, tuple(OTHER_ATTENTION))
    return None if key is None else OTHER_ATTENTION[key]


def _window(values: Mapping[str, Any]) -> int | None:
    window = values.get("sliding_window")
    kinds = values.get("layer_types")
    if not isinstance(window, int) or not values.get("use_sliding_window", True):
        return None
    if isinstance(kinds, list) and not any("sliding" in str(kind) for kind in kinds):
        return None
    return window


def _first(values: Mapping[str, Any], keys: tuple[str, ...]) -> str | None:
    """The first of some keys that has a value."""
    return next((key for key in keys if values.get(key)), None)
