"""Options as vLLM's ``EngineArgs`` takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from slaibench.backends.engines.options import EngineOptions
from slaibench.schedulers.engines.vllm_refusals import METHOD


def engine_args(options: EngineOptions, model: str | Path) -> dict[str, Any]:
    """Options as ``vllm.EngineArgs`` takes them; ``vllm serve`` has a flag for each."""
    args: dict[str, Any] = {
        "model": str(model),
        "max_model_len": options.max_context_tokens,
        "max_num_batched_tokens": options.token_budget,
        "max_num_seqs": options.max_active,
        "block_size": options.block_size,
        "enable_prefix_caching": options.prefix_caching,
        "async_scheduling": options.asynchronous,
        "seed": options.seed,
    }
    if options.checkpoint is None:
        args["load_format"] = "dummy"
    if options.speculation is not None:
        args["speculative_config"] = {
            "method": METHOD,
            "num_speculative_tokens": options.speculation.draft_tokens,
        }
    if options.tp > 1:
        args["tensor_parallel_size"] = options.tp
    if options.kv_blocks is not None:
        # vLLM keeps one block for itself.
        args["num_gpu_blocks_override"] = options.kv_blocks + 1
    return args


def flags(args: Mapping[str, Any]) -> Sequence[str]:
    """The same on a command line; what is false has a flag that says no."""
    words: list[str] = []
    for name, value in args.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            words += [f"--{flag}", str(value)]
    return words
