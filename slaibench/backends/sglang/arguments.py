"""Options as SGLang's ``ServerArgs`` takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from slaibench.backends.engines.options import EngineOptions
from slaibench.catalog.model import Model

CPU: dict[str, Any] = {
    "device": "cpu",
    "dtype": "float32",
    "attention_backend": "torch_native",
    "sampling_backend": "pytorch",
    # Structured output needs triton.
    "grammar_backend": "none",
    "disable_cuda_graph": True,
    "mem_fraction_static": 0.5,
}
"""What SGLang's command line must say on a machine without a GPU."""


SPARE_CONTEXT_TOKENS = 8
"""SGLang takes prompts of up to seven tokens less than its context, and ends requests two short."""


def engine_args(options: EngineOptions, model: str | Path) -> dict[str, Any]:
    """Options as ``sglang.srt.server_args.ServerArgs`` takes them; a flag is there for each."""
    args: dict[str, Any] = {
        "model_path": str(model),
        "context_length": options.max_context_tokens + SPARE_CONTEXT_TOKENS,
        "page_size": options.block_size,
        "disable_radix_cache": not options.prefix_caching,
        "disable_overlap_schedule": not options.asynchronous,
        # Chunks run beside decodes.
        "enable_mixed_chunk": True,
        "random_seed": options.seed,
    }
    if options.token_budget is not None:
        args["chunked_prefill_size"] = options.token_budget
    if options.max_active is not None:
        args["max_running_requests"] = options.max_active
    if options.checkpoint is None:
        args["load_format"] = "dummy"
    if options.kv_blocks is not None:
        args["max_total_tokens"] = options.kv_blocks * options.block_size
    return args


def flags(args: dict[str, Any]) -> Sequence[str]:
    """The same on a command line; what is false is left out."""
    words: list[str] = []
    for name, value in args.items():
        flag = f"--{name.replace('_', '-')}"
        if value is True:
            words.append(flag)
        elif value is not False:
            words += [flag, str(value)]
    return words


def narrow(model: Model) -> Model:
    """One thin layer with a model's vocabulary and context: what an emulated device holds of it.

    SGLang's scheduler knows no more of a model; its KV cache is counted in tokens, and is filled
    with zeros when it is made, so that one of the real width would not fit into a CPU's memory.
    That holds of latent attention too, whose cache is handed out by the same allocator, and of a
    model on several GPUs: each rank of SGLang's keeps the same tokens of its own heads, so that one
    rank decides as all would. (With more than one, each would be a process with a scheduler.)
    """
    return replace(
        model,
        layers=1,
        hidden=16,
        intermediate=16,
        heads=2,
        kv_heads=1,
        head_dim=8,
        bytes_per_value=4,
        tied_embeddings=False,
        latent=None,
    )
