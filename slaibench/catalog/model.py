"""Model shapes: all that timing and memory depend on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from slaibench.catalog import hub
from slaibench.catalog.bundled import bundled_config
from slaibench.catalog.config_json import values_of
from slaibench.catalog.fields import CatalogError, Fields, read_object, unknown


@dataclass(frozen=True, slots=True)
class Experts:
    """The mixture of experts in place of a layer's MLP.

    Args:
        count: experts of a layer, of which each token goes through ``per_token``.
        intermediate: hidden size of one.
        shared: experts of that size which every token goes through besides.
        dense_layers: layers, the first ones, that have a plain MLP instead.
    """

    count: int
    per_token: int
    intermediate: int
    shared: int = 0
    dense_layers: int = 0


@dataclass(frozen=True, slots=True)
class Latent:
    """Attention whose cache holds one compressed vector a token (MLA, DeepSeek-V2, 2024).

    Args:
        kv_rank, rope: sizes of the compressed vector's two parts.
        query_rank: of the queries' compression; None: they are not compressed.
        nope, value: sizes of a head's keys (without ``rope``) and values.
    """

    kv_rank: int
    rope: int
    query_rank: int | None
    nope: int
    value: int


@dataclass(frozen=True, slots=True)
class Model:
    """Shape of a decoder with gated MLP: dense (the Llama and Mistral families), or with experts,
    or with latent attention.

    Args:
        hf_id: its public id, or None.
        heads: query heads of a layer; ``kv_heads`` of them are kept in the cache.
        vocab: rows of the embedding and of the output head.
        max_context_tokens: longest prompt + output it was trained for.
        bytes_per_value: of weights and cache (2: fp16, bf16).
        bytes_per_weight: of a checkpoint in another format than its cache, scales included; None:
            ``bytes_per_value``.
        tied_embeddings: the output head is the embedding.
        experts, latent: None: it has none.
        window: tokens that some layers look back at most; None: all look at everything.
        partial_attention: how some layers attend to a part of the tokens before that is no window,
            in a word (``chunked``, ``sparse``); None: no layer does.
        source: where the numbers are from.
    """

    name: str
    hf_id: str | None
    architecture: str
    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_dim: int
    vocab: int
    max_context_tokens: int
    source: str
    bytes_per_value: int = 2
    bytes_per_weight: float | None = None
    tied_embeddings: bool = False
    experts: Experts | None = None
    latent: Latent | None = None
    window: int | None = None
    partial_attention: str | None = None

    def __post_init__(self) -> None:
        if self.heads % self.kv_heads:
            raise CatalogError(
                f"model {self.name!r}: {self.heads} heads cannot share {self.kv_heads} KV heads"
            )

    @property
    def num_params(self) -> int:
        """Weights, counted from the shape: projections, gated MLPs, router, norms, embedding and
        head."""
        embeddings = (1 if self.tied_embeddings else 2) * self.vocab * self.hidden
        norms = (2 * self.layers + 1) * self.hidden
        return self.layers * self._attention_params + self._mlp_params + norms + embeddings

    @property
    def _attention_params(self) -> int:
        latent = self.latent
        if latent is None:
            return 2 * self.hidden * self.head_dim * (self.heads + self.kv_heads)
        per_head = latent.nope + latent.rope
        queries = self.heads * per_head * (latent.query_rank or self.hidden)
        queries += self.hidden * (latent.query_rank or 0)
        keys = self.hidden * (latent.kv_rank + latent.rope)
        keys += latent.kv_rank * self.heads * (latent.nope + latent.value)
        return queries + keys + self.heads * latent.value * self.hidden

    @property
    def _mlp_params(self) -> int:
        """Of all layers."""
        dense = 3 * self.hidden * self.intermediate
        experts = self.experts
        if experts is None:
            return self.layers * dense
        one = 3 * self.hidden * experts.intermediate
        sparse = (experts.count + experts.shared) * one + self.hidden * experts.count
        return experts.dense_layers * dense + (self.layers - experts.dense_layers) * sparse

    @property
    def weight_bytes(self) -> int:
        """Memory that the weights take, all in one format."""
        return int(self.num_params * (self.bytes_per_weight or self.bytes_per_value))

    @property
    def kv_bytes_per_token(self) -> int:
        """Keys and values of one token in all layers; a window's layers count as the others."""
        if self.latent is not None:
            return self.layers * (self.latent.kv_rank + self.latent.rope) * self.bytes_per_value
        return 2 * self.layers * self.kv_heads * self.head_dim * self.bytes_per_value


@cache
def _shipped() -> dict[str, Model]:
    values = read_object(files("slaibench.catalog.data") / "models.json")
    return {name: _parse(name, entry) for name, entry in values.items()}


def _parse(name: str, values: dict[str, Any]) -> Model:
    entry = Fields(values, f"model {name!r}")
    model = Model(
        name=name,
        hf_id=entry.optional_text("hf_id"),
        architecture=entry.text("architecture"),
        layers=entry.whole("layers"),
        hidden=entry.whole("hidden"),
        intermediate=entry.whole("intermediate"),
        heads=entry.whole("heads"),
        kv_heads=entry.whole("kv_heads"),
        head_dim=entry.whole("head_dim"),
        vocab=entry.whole("vocab"),
        max_context_tokens=entry.whole("max_context_tokens"),
        bytes_per_weight=entry.number("bytes_per_weight", 0, positive=False) or None,
        tied_embeddings=entry.flag("tied_embeddings", False),
        experts=Experts(**experts) if (experts := entry.mapping("experts")) else None,
        latent=Latent(**latent) if (latent := entry.mapping("latent")) else None,
        window=entry.whole("window", 0, at_least=0) or None,
        source=entry.text("source"),
    )
    entry.done()
    return model


def list_models() -> tuple[Model, ...]:
    """Every model the catalog has, by name."""
    return tuple(model for _, model in sorted(_shipped().items()))


def get_model(name: str) -> Model:
    """A model by its name here, by a Hugging Face id, or by the path of a ``config.json``.

    An id that the catalog lacks is looked up among the bundled ones, in the hub's cache on this
    machine, then on the hub.

    Raises:
        CatalogError: no such model (with the nearest name), or a bad ``config.json``.
    """
    models = _shipped()
    name_here = catalog_name(name)
    if name_here in models:
        return models[name_here]
    if name.endswith(".json") or Path(name).is_dir():
        if (
            hub.ID.fullmatch(name)
            and Path(name).is_dir()
            and not (Path(name) / hub.CONFIG).exists()
        ):
            raise CatalogError(
                f"folder {name!r} has no config.json; if the Hugging Face model of that name is "
                f"meant, go to another folder, or fill this one: hf download {name} --local-dir "
                f"{name}"
            )
        return model_from_config(name)
    if (on_hub := hub.HubId.parse(name)) is not None:
        bundled = None if on_hub.revision else bundled_config(on_hub.repository)
        model = model_from_config(bundled or hub.config_file(on_hub))
        return replace(
            model, name=on_hub.name, hf_id=on_hub.repository, source=f"config.json of {on_hub}"
        )
    hint = "or a Hugging Face id (owner/name), or the path of a config.json or of its folder"
    raise unknown("model", name, models, hint)


def find_by_name(name: str) -> Model | None:
    """The catalog's model of this name or Hugging Face id; None: none has it."""
    return _shipped().get(catalog_name(name))


def catalog_name(name: str) -> str:
    """The catalog's name of a model that is given by its Hugging Face id; else what is given."""
    for model in _shipped().values():
        if model.hf_id is not None and name.lower() == model.hf_id.lower():
            return model.name
    return name


def find_model(name: str) -> Model | None:
    """The catalog's model that a log calls so; None: none of them.

    By its name or Hugging Face id, and by the last part of either or of a path, since a model
    tuned for instructions has the shape of the one it was tuned from.
    """
    wanted = _plain(name)
    for model in _shipped().values():
        if wanted in {_plain(model.name), _plain(model.hf_id or model.name)}:
            return model
    return None


def _plain(name: str) -> str:
    """``meta-llama/Llama-3.1-8B-Instruct`` -> ``llama-3.1-8b``."""
    return name.strip().rstrip("/").rpartition("/")[2].casefold().replace("-instruct", "")


def model_from_config(path: str | Path) -> Model:
    """A model from a Hugging Face ``config.json``, or from the folder that holds it.

    Its name is the folder's.

    Raises:
        CatalogError: unreadable, or a shape is missing.
    """
    file = Path(path)
    if file.is_dir():
        file = file / "config.json"
    values = values_of(file)
    experts, latent = values.pop("experts"), values.pop("latent")
    return Model(
        name=file.resolve().parent.name,
        hf_id=None,
        experts=None if experts is None else Experts(**experts),
        latent=None if latent is None else Latent(**latent),
        source=str(file),
        **values,
    )
