"""Is a profile of the GPU and the model that it is used for?"""

from __future__ import annotations

from dataclasses import dataclass

from slaibench.catalog.gpu import find_gpu
from slaibench.catalog.model import Model, find_model
from slaibench.catalog.profile import Profile
from slaibench.catalog.tables import FormulaAttention

SHAPE = ("layers", "hidden", "intermediate", "heads", "kv_heads", "head_dim", "bytes_per_value")
"""What a batch's time follows from: linear layers and attention. The vocabulary comes on top, in
the output head and the sampler alone."""


@dataclass(frozen=True, slots=True)
class ModelMismatch:
    """One thing in which a profile is not of what it is used for, or may not be.

    Args:
        words: what, without an end: ``... ran on an rtx4090, and the profile is of an h100``.
        certain: it surely is another one; False: it may be, or the difference is small.
        keeps: whether errors of such a run may be kept with the profile all the same: what is not
            known stands on the user's word, unless it is a profile that everybody uses.
    """

    words: str
    certain: bool
    keeps: bool = False


def gpu_mismatch(device: str, profile: Profile, whose: str) -> ModelMismatch | None:
    """A GPU by name against a profile's.

    Args:
        device: as the catalog or a driver calls it.
        whose: GPU it is, e.g. ``the log's GPU``.
    """
    named, own = find_gpu(device), find_gpu(profile.gpu)
    if device.casefold() == profile.gpu.casefold() or (named is not None and named == own):
        return None
    if named is not None and own is not None:
        words = f"{whose} is {device}, and profile {profile.name} is of an {own.full_name}"
        return ModelMismatch(words, certain=True)
    unknown = device if named is None else profile.gpu
    words = (
        f"{whose} is {device}, and profile {profile.name} is of {profile.gpu}: whether they are "
        f"the same is not known, since {unknown} is none of the catalog's names"
    )
    return ModelMismatch(words, certain=False, keeps=own is None)


def model_mismatch(
    name: str, model: Model | None, profile: Profile, whose: str
) -> ModelMismatch | None:
    """A model by its shape, where it is known, else by its name, against a profile's.

    Args:
        name: as it was given.
        model: its shape; None: the catalog has none of that name.
        whose: model it is, e.g. ``the log's model``.
    """
    own = find_model(profile.model)
    if model is None:
        if name == profile.model:
            return None
        words = (
            f"{whose} is {name}, and profile {profile.name} is of {profile.model}: whether they "
            f"have one shape is not known, since {name} is none of the catalog's names"
        )
        return ModelMismatch(words, certain=False, keeps=own is None)
    differing = _differences(model, own, profile)
    beginning = f"{whose} is {name}, and profile {profile.name} is of a model with"
    if differing:
        return ModelMismatch(f"{beginning} {', '.join(differing)}", certain=True)
    if own is not None and own.vocab != model.vocab:
        words = (
            f"{beginning} the same layers and another vocabulary ({own.vocab:,} tokens, not "
            f"{model.vocab:,}): the output head's and the sampler's times are that model's"
        )
        return ModelMismatch(words, certain=False)
    if own is None and model.name != profile.model:
        words = (
            f"{whose} is {name}, and profile {profile.name} is of {profile.model}: of its shape "
            "only the attention is known, and that is the same"
        )
        return ModelMismatch(words, certain=False, keeps=True)
    return None


def _differences(model: Model, own: Model | None, profile: Profile) -> list[str]:
    """Sizes in which the profile's model differs; of the attention's, if no others do."""
    pairs = {"layers": (model.layers, profile.attention.layers)}
    # Of several GPUs a profile has one's share, and latent attention has other sizes.
    whole = profile.tp == 1 and model.latent is None
    if isinstance(profile.attention, FormulaAttention) and whole:
        size = model.heads * model.head_dim
        pairs["query heads * head size"] = (size, profile.attention.hidden)
        kv_bytes = profile.attention.kv_bytes_per_token
        pairs["KV bytes a token"] = (model.kv_bytes_per_token, kv_bytes)
    shapes = {} if own is None else {f: (getattr(model, f), getattr(own, f)) for f in SHAPE}
    for sizes in (shapes, pairs):
        differing = [
            f"{what.replace('_', ' ')} {its:,}, not {mine:,}"
            for what, (mine, its) in sizes.items()
            if mine != its
        ]
        if differing:
            return differing
    return []
