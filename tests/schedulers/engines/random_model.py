"""A small model with random weights, for engines that compute."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path


def random_model(folder: Path) -> Path:
    """A small Mistral whose next token depends on all that came before, in float32.

    Engines' own dummy weights are so small that every request says the same.
    """
    import torch
    from transformers import AutoConfig, MistralForCausalLM

    from slaibench.backends.engines.model_folder import model_folder
    from slaibench.catalog.model import get_model

    shape = replace(
        get_model("tiny-mistral"),
        name="random",
        hidden=128,
        intermediate=256,
        heads=4,
        kv_heads=2,
        head_dim=32,
        vocab=600,
        bytes_per_value=4,
    )
    shutil.copytree(model_folder(shape, folder / "cache"), folder / "model")
    config = AutoConfig.from_pretrained(folder / "model")
    config.initializer_range = 0.3
    torch.manual_seed(0)
    MistralForCausalLM(config).to(torch.float32).save_pretrained(folder / "model")
    return folder / "model"
