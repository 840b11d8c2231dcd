"""A profile from shape and datasheet alone, for who lacks measured operators: a lower bound."""

from __future__ import annotations

import json
from typing import Any

from slaibench.catalog.fields import CatalogError
from slaibench.catalog.gpu import RESERVE_BYTES, Gpu
from slaibench.catalog.model import Model
from slaibench.catalog.profile import ROOFLINE, SCHEMA_VERSION, Status
from slaibench.operators.deployment import Deployment, Precision

TOKENS = (1, *range(8, 512, 8), *range(512, 2048, 64), *range(2048, 8193, 256), 16384)
SEQUENCES = (1, 1024)
BLOCK_SIZE = 16
UTILIZATION = 0.9
BYTES = {Precision.BF16: 2.0, Precision.FP8: 1.0, Precision.FP4: 9 / 16}
"""Of a weight; NVFP4 has an 8-bit scale for 16 of them."""
FASTER = {Precision.BF16: 1.0, Precision.FP8: 2.0, Precision.FP4: 4.0}
"""Peak of the matrix products, as a multiple of the 16-bit one."""

_WINDOW = ("Layers that look back a window only are taken as if they looked at everything.",)


def roofline_values(deployment: Deployment, model: Model, gpu: Gpu) -> dict[str, Any]:
    """The values of a profile's file: each part takes as long as reading what it needs, or as its
    products, whichever is longer, at the datasheet's peaks.

    Left out: kernels that reach less, communication between GPUs, the engine's own time.

    Raises:
        CatalogError: the model does not fit.
    """
    weight, faster = _format(deployment.precision, model)
    share, bandwidth = 1 / deployment.tp, gpu.bandwidth_gbps * 1e9
    peak = gpu.fp16_tflops * 1e12 * faster
    weights = model.num_params * weight * share
    # A latent vector is on every GPU, and so is a KV head where there are more GPUs than heads.
    kv_share = 1.0 if model.latent else max(share, 1 / model.kv_heads)
    kv_bytes = model.kv_bytes_per_token * kv_share
    room = gpu.memory_bytes * UTILIZATION - weights - RESERVE_BYTES
    blocks = int(room // (BLOCK_SIZE * kv_bytes))
    if blocks < 1:
        raise CatalogError(
            f"{deployment.words} does not fit: {weights / 1e9:.1f} GB of weights a GPU, of "
            f"{gpu.memory_bytes / 1e9:.1f} GB; give a larger --tp, or --precision fp8"
        )
    head = model.vocab * model.hidden

    def token_ms(tokens: int) -> float:
        read = _read_params(model, tokens) * weight * share / bandwidth
        return max(read, products_s(deployment, model, gpu, tokens)) * 1e3

    def head_ms(sequences: int) -> float:
        return max(2 * head * share / bandwidth, 2 * head * sequences * share / peak) * 1e3

    heads = model.heads * (
        model.head_dim
        if model.latent is None
        else (model.latent.nope + model.latent.rope + model.latent.value) // 2
    )
    values = {
        "schema_version": SCHEMA_VERSION,
        "gpu": gpu.name,
        "model": deployment.model,
        "status": Status.DATASHEET.value,
        "engine": f"{ROOFLINE}, {weight:g} bytes a weight, tensor parallel {deployment.tp}",
        "tensor_parallel": deployment.tp,
        "source": f"shape of {model.source}; {gpu.source}",
        "licence": "facts",
        "notes": [
            "Nothing was measured: each part takes what its bytes or its products take at the "
            "datasheet's peaks, and no batch is faster.",
            "Left out: what kernels lose against these peaks, communication between GPUs, and the "
            "engine's time between steps.",
            *(_WINDOW if model.window else ()),
        ],
        "regime": {
            "batch_tokens": TOKENS[-1],
            "context_tokens": model.max_context_tokens,
            "decodes": SEQUENCES[-1],
            "mixed_decodes": SEQUENCES[-1],
        },
        "errors": {},
        "kv": {
            "blocks": blocks,
            "block_size": BLOCK_SIZE,
            "source": f"memory at {UTILIZATION} utilization, less weights and a reserve",
        },
        "step_overhead_ms": 0.0,
        "linear": {"tokens": TOKENS, "ms": [token_ms(tokens) for tokens in TOKENS]},
        "per_sequence": {"sequences": SEQUENCES, "ms": [head_ms(n) for n in SEQUENCES]},
        "attention": {
            "kind": "formula",
            "layers": model.layers,
            "hidden": max(int(heads * share), 1),
            "kv_bytes_per_token": int(kv_bytes),
            "kv_bandwidth_gbps": gpu.bandwidth_gbps,
            "prefill_tflops": gpu.fp16_tflops,
            "decode_launch_us": 0.0,
            "prefill_launch_us": 0.0,
            "own_share": 0.5,
            "mixed_decode_factor": 1.0,
            "row_tile": 1,
            "wave_tokens": 1,
        },
    }
    loaded: dict[str, Any] = json.loads(json.dumps(values))
    return loaded


def products_s(deployment: Deployment, model: Model, gpu: Gpu, tokens: int) -> float:
    """What the matrix products of so many tokens take one GPU at its peak; without attention and
    output head."""
    _, faster = _format(deployment.precision, model)
    peak = gpu.fp16_tflops * 1e12 * faster
    return 2 * _active_params(model) * tokens / deployment.tp / peak


def _format(precision: Precision | None, model: Model) -> tuple[float, float]:
    """Bytes of a weight, and the peak of the matrix products as a multiple of the 16-bit one.

    Weights in a format that the products do not have (MXFP4 with 16-bit activations) are read in
    theirs and multiplied in 16 bits.
    """
    if precision is not None:
        return BYTES[precision], FASTER[precision]
    weight = model.bytes_per_weight or float(model.bytes_per_value)
    return weight, FASTER[Precision.FP8] if weight == BYTES[Precision.FP8] else 1.0


def _body_params(model: Model) -> int:
    """All weights but the embedding, which is looked up, and the head, which is counted apart."""
    return model.num_params - (1 if model.tied_embeddings else 2) * model.vocab * model.hidden


def _expert_params(model: Model) -> tuple[int, int]:
    """Weights of one expert in one layer, and layers that have experts."""
    experts = model.experts
    assert experts is not None
    return 3 * model.hidden * experts.intermediate, model.layers - experts.dense_layers


def _active_params(model: Model) -> int:
    """Weights that one token goes through."""
    if model.experts is None:
        return _body_params(model)
    one, layers = _expert_params(model)
    return _body_params(model) - layers * one * (model.experts.count - model.experts.per_token)


def _read_params(model: Model, tokens: int) -> float:
    """Weights that a batch reads: of experts those that some token goes to, if all are equally
    likely."""
    if model.experts is None:
        return _body_params(model)
    one, layers = _expert_params(model)
    experts = model.experts
    unread = (1 - experts.per_token / experts.count) ** tokens
    return _body_params(model) - layers * one * experts.count * unread
