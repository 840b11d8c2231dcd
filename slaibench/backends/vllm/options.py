"""What a vLLM engine is started with, the same for every way of starting it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from slaibench.catalog.model import Model


class Device(StrEnum):
    """What computes."""

    EMULATED = "emulated"
    CPU = "cpu"
    CUDA = "cuda"


@dataclass(frozen=True, slots=True)
class VllmOptions:
    """Engine arguments that a study decides.

    Args:
        model: shapes; what is downloaded is nothing.
        folder: holds the model's ``config.json`` (``model_folder``), or the checkpoint.
        dummy_weights: random weights instead of a checkpoint's.
        max_context_tokens: longest prompt + output that is taken.
        token_budget: most tokens of any batch (``max_num_batched_tokens``): the largest of the
            study's schedulers.
        max_active: most requests that hold KV blocks (``max_num_seqs``): likewise.
        kv_blocks: KV blocks that requests may hold; None: what the engine finds room for. vLLM
            keeps one block more for itself, so it is started with ``kv_blocks + 1``.
        block_size: tokens in a KV block.
        seed: of dummy weights and sampling.
    """

    model: Model
    folder: Path
    dummy_weights: bool
    max_context_tokens: int
    token_budget: int
    max_active: int
    kv_blocks: int | None
    block_size: int = 16
    prefix_caching: bool = False
    seed: int = 0

    def engine_args(self) -> dict[str, Any]:
        """As ``vllm.EngineArgs`` takes them; ``vllm serve`` has a flag for each."""
        args: dict[str, Any] = {
            "model": str(self.folder),
            "max_model_len": self.max_context_tokens,
            "max_num_batched_tokens": self.token_budget,
            "max_num_seqs": self.max_active,
            "block_size": self.block_size,
            "enable_prefix_caching": self.prefix_caching,
            # Batches are decided from the outcome of the one before (schedulers.engines.vllm).
            "async_scheduling": False,
            "seed": self.seed,
        }
        if self.dummy_weights:
            args["load_format"] = "dummy"
        if self.kv_blocks is not None:
            args["num_gpu_blocks_override"] = self.kv_blocks + 1
        return args
