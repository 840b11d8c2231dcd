"""What an SGLang engine is started with, the same for every way of starting it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slaibench.catalog.model import Model


@dataclass(frozen=True, slots=True)
class SglangOptions:
    """Engine arguments that a study decides.

    Args:
        model: shapes; nothing is downloaded.
        folder: holds the model's ``config.json``, or the checkpoint; None: the emulated device
            makes one of its own.
        dummy_weights: random weights instead of a checkpoint's.
        max_context_tokens: longest prompt + output that is taken.
        token_budget: most tokens of any batch: the largest of the study's schedulers.
        max_active: most requests that hold KV blocks: likewise.
        kv_blocks: KV blocks (pages) that requests may hold; None: what the engine finds room for.
        block_size: tokens in a KV block.
        prefix_caching: whether the radix cache keeps what requests leave behind.
        seed: of dummy weights and sampling.
    """

    model: Model
    folder: Path | None
    dummy_weights: bool
    max_context_tokens: int
    token_budget: int
    max_active: int
    kv_blocks: int | None
    block_size: int = 16
    prefix_caching: bool = False
    seed: int = 0

    def engine_args(self) -> dict[str, Any]:
        """As ``sglang.srt.server_args.ServerArgs`` takes them; its server has a flag for each."""
        args: dict[str, Any] = {
            "context_length": self.max_context_tokens,
            "chunked_prefill_size": self.token_budget,
            "max_running_requests": self.max_active,
            "page_size": self.block_size,
            "disable_radix_cache": not self.prefix_caching,
            # Batches are decided from the outcome of the one before, chunks beside decodes.
            "disable_overlap_schedule": True,
            "enable_mixed_chunk": True,
            "random_seed": self.seed,
        }
        if self.folder is not None:
            args["model_path"] = str(self.folder)
        if self.dummy_weights:
            args["load_format"] = "dummy"
        if self.kv_blocks is not None:
            args["max_total_tokens"] = self.kv_blocks * self.block_size
        return args
