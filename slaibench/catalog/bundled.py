"""Files ``config.json`` that the library of measured operators brings along, by Hugging Face id.

They are read where the library lies; none of its code is run, and without it there are none.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

PACKAGE = "aiconfigurator_core"
CONFIG = "_config.json"
QUANTIZATION = "_hf_quant_config.json"
RENAMED = {
    "meta-llama/Llama-3.1-8B": "meta-llama/Meta-Llama-3.1-8B",
    "meta-llama/Llama-3.1-70B": "meta-llama/Meta-Llama-3.1-70B",
    "meta-llama/Llama-3.1-405B": "meta-llama/Meta-Llama-3.1-405B",
}
"""Repositories that were renamed on the hub, and what they are called there."""


@cache
def bundled() -> dict[str, Path]:
    """By Hugging Face id: its ``config.json``, sorted."""
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return {}
    folder = Path(next(iter(spec.submodule_search_locations))) / "model_configs"
    return {
        file.name.removesuffix(CONFIG).replace("--", "/", 1): file
        for file in sorted(folder.glob(f"*{CONFIG}"))
        if not file.name.endswith(QUANTIZATION)
    }


def bundled_config(repository: str) -> Path | None:
    """The ``config.json`` of a Hugging Face id, in any case of letters; None: none is there."""
    wanted = RENAMED.get(repository, repository).casefold()
    return next((file for name, file in bundled().items() if name.casefold() == wanted), None)


def quantization_of(config: Path) -> Path:
    """Where NVIDIA's file on a checkpoint's number formats lies beside a bundled ``config.json``;
    it need not exist."""
    return config.with_name(config.name.removesuffix(CONFIG) + QUANTIZATION)
