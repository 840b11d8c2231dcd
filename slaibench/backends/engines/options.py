"""What an engine is started with, the same for every engine and every way of starting it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from slaibench.backends.speculation import Speculation
from slaibench.catalog.model import Model
from slaibench.machine import hardware


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Engine arguments that a study decides.

    Args:
        model: shapes; nothing is downloaded.
        checkpoint: a folder or Hugging Face id; None: random weights, and a folder with nothing
            but shapes and a tokenizer (``model_folder``).
        max_context_tokens: longest prompt + output that is taken.
        token_budget: most tokens of any batch: the largest of the study's schedulers.
        max_active: most requests that hold KV blocks: likewise.
        kv_blocks: KV blocks that requests may hold; None: what the engine finds room for.
        block_size: tokens in a KV block.
        prefix_caching: whether common beginnings of prompts are kept.
        seed: of random weights and sampling.
        tp: GPUs that share each layer.
        asynchronous: whether it decides a batch while the one before runs.
        speculation: what decodes draft, on an emulated device; None: nothing.
        more: further words of a server's command line, which win over all of the above.
    """

    model: Model
    checkpoint: str | None
    max_context_tokens: int
    token_budget: int
    max_active: int
    kv_blocks: int | None
    block_size: int = 16
    prefix_caching: bool = False
    seed: int = 0
    tp: int = 1
    asynchronous: bool = False
    speculation: Speculation | None = None
    more: tuple[str, ...] = ()

    @property
    def is_local(self) -> bool:
        """Whether nothing has to be fetched from the hub."""
        return self.checkpoint is None or Path(self.checkpoint).exists()


CPU_KV_SHARE = 0.25
"""Of the free memory: what the KV cache takes when nobody says how large it is."""


def kv_blocks_on_cpu(options: EngineOptions, bytes_per_token: int) -> int:
    """KV blocks that requests may hold.

    What the options say; else room for every request that may be active at once, but not more than
    a share of what is free, and in any case for one request.
    """
    if options.kv_blocks is not None:
        return options.kv_blocks
    of_one = -(-options.max_context_tokens // options.block_size)
    share = int(hardware.free_memory_bytes() * CPU_KV_SHARE) // (
        options.block_size * bytes_per_token
    )
    return max(of_one, min(of_one * options.max_active, share))
