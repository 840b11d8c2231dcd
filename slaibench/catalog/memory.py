"""How many KV blocks an engine can hold."""

from __future__ import annotations

from slaibench.catalog.errors import CatalogError
from slaibench.catalog.gpu import Gpu
from slaibench.catalog.model import Model

# What vLLM 0.19 kept back beside weights and cache (activations of its largest batch, CUDA graphs,
# context) when it served Llama-3.1-8B on an RTX 4090 with 2,588 blocks at 0.9 utilization.
RESERVE_BYTES = 1_237_000_000


def kv_blocks(
    model: Model,
    gpu: Gpu,
    *,
    utilization: float = 0.9,
    reserve_bytes: int = RESERVE_BYTES,
    block_size: int = 16,
) -> int:
    """KV blocks left once the weights and the reserve are in: memory * utilization - both.

    The reserve is one measured constant. Real engines measure theirs at start, and it grows with
    the largest batch they allow: expect some per cent of error.

    Raises:
        CatalogError: the model does not fit.
    """
    if not 0 < utilization <= 1:
        raise CatalogError(f"utilization must be in (0, 1], not {utilization}")
    room = gpu.memory_bytes * utilization - model.weight_bytes - reserve_bytes
    blocks = int(room // (block_size * model.kv_bytes_per_token))
    if blocks < 1:
        raise CatalogError(
            f"{model.name} ({model.weight_bytes / 1e9:.1f} GB of weights) does not fit {gpu.name}: "
            f"{utilization:g} of {gpu.memory_bytes / 1e9:.1f} GB leaves no room for a KV cache; "
            "choose a larger GPU or a smaller model"
        )
    return blocks
