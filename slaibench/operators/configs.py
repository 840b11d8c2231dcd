"""A model's ``config.json`` as the library of operators takes it: a folder, by whatever name."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from slaibench.catalog import hub
from slaibench.catalog.bundled import bundled_config, quantization_of
from slaibench.catalog.fields import CatalogError, read_object
from slaibench.catalog.model import find_by_name
from slaibench.machine.atomic_write import write_whole
from slaibench.workloads.cache import cache_dir

QUANTIZATION = "hf_quant_config.json"
"""What NVIDIA's checkpoints say of their number formats, beside ``config.json``."""
SAME_LAYERS = {"MistralForCausalLM": "LlamaForCausalLM"}
"""Architectures that the library refuses by name, and one whose layers are the same."""
_KEYS = {
    "architecture": "architectures",
    "layers": "num_hidden_layers",
    "hidden": "hidden_size",
    "intermediate": "intermediate_size",
    "heads": "num_attention_heads",
    "kv_heads": "num_key_value_heads",
    "head_dim": "head_dim",
    "vocab": "vocab_size",
    "max_context_tokens": "max_position_embeddings",
    "tied_embeddings": "tie_word_embeddings",
}


def config_folder(name: str) -> Path:
    """A folder with the ``config.json`` of a model: of the catalog, a file or folder, or a Hugging
    Face id (what the library brings along, the hub's cache, then the hub).

    Raises:
        CatalogError: there is no such model.
    """
    model = find_by_name(name)
    bundled = bundled_config(model.hf_id) if model is not None and model.hf_id else None
    if bundled is not None:
        return _folder(bundled, quantization_of(bundled))
    if model is not None:
        values: dict[str, Any] = {key: getattr(model, ours) for ours, key in _KEYS.items()}
        return _kept({**values, "architectures": [model.architecture], "torch_dtype": "bfloat16"})
    path = Path(name)
    if path.is_dir() or name.endswith(".json"):
        folder = path if path.is_dir() else path.parent
        return _folder(folder / hub.CONFIG if path.is_dir() else path, folder / QUANTIZATION)
    on_hub = hub.HubId.parse(name)
    if on_hub is None:
        raise CatalogError(
            f"no model {name!r}: give a name of the catalog (slaibench models), a Hugging Face id "
            "(owner/name), or a folder with a config.json"
        )
    bundled = None if on_hub.revision else bundled_config(on_hub.repository)
    if bundled is not None:
        return _folder(bundled, quantization_of(bundled))
    file = hub.config_file(on_hub)
    return _folder(file, file.with_name(QUANTIZATION))


def _folder(config: Path, quantization: Path) -> Path:
    extra = read_object(quantization) if quantization.is_file() else None
    return _kept(read_object(config), extra)


def _kept(config: dict[str, Any], quantization: dict[str, Any] | None = None) -> Path:
    """The folder in the cache that holds these, written if it is not there."""
    named = config.get("architectures") or ["unknown"]
    config = {**config, "architectures": [SAME_LAYERS.get(named[0], named[0])]}
    if SAME_LAYERS.get(named[0]):
        config["model_type"] = "llama"
    text = json.dumps([config, quantization], sort_keys=True)
    folder = cache_dir() / "configs" / hashlib.sha256(text.encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / hub.CONFIG, json.dumps(config, indent=1, sort_keys=True))
    if quantization is not None:
        write_whole(folder / QUANTIZATION, json.dumps(quantization, indent=1, sort_keys=True))
    return folder
