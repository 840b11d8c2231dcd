"""Finding profiles: the ones that ship, and a user's own file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from slaibench.catalog.fields import CatalogError, read_object, unknown
from slaibench.catalog.profile import Profile, parse_profile

_NUMBERS = re.compile(r"\[[-+.\w\s,]*\]")
"""A list of numbers in a text of JSON."""


@cache
def _shipped() -> dict[tuple[str, str], str]:
    """(GPU, model) -> file stem ``<gpu>_<model>``."""
    stems = {}
    for entry in files("slaibench.catalog.data.profiles").iterdir():
        if entry.name.endswith(".json"):
            gpu, _, model = entry.name.removesuffix(".json").partition("_")
            stems[gpu, model] = entry.name.removesuffix(".json")
    return dict(sorted(stems.items()))


def list_profiles() -> tuple[tuple[str, str], ...]:
    """(GPU, model) of every profile that ships, sorted."""
    return tuple(_shipped())


def get_profile(gpu: str, model: str) -> Profile:
    """The profile of a pair.

    Raises:
        CatalogError: there is none; the message names what there is.
    """
    pairs = _shipped()
    if (gpu, model) in pairs:
        return _load(pairs[gpu, model])
    gpus = {pair[0] for pair in pairs}
    if gpu not in gpus:
        raise unknown("GPU", gpu, gpus, "or a profile of your own, with --profile FILE")
    models = {pair[1] for pair in pairs if pair[0] == gpu}
    raise unknown(
        f"profile for {gpu}: model", model, models, "or a profile of your own, with --profile FILE"
    )


def load_profile(path: str | Path) -> Profile:
    """A profile from a file: one of your own, in the format of those that ship.

    ``"extends"`` may name a profile that ships (``"rtx4090_llama-3.1-8b"``) whose values stand
    wherever the file gives none.

    Raises:
        CatalogError: unreadable, or a value is missing, unknown or out of range.
    """
    return parse_profile(profile_values(path), str(path))


def profile_values(path: str | Path) -> dict[str, Any]:
    """A profile's file, with what it extends. Errors as ``load_profile``."""
    file = Path(path)
    return _resolved(read_object(file), str(file))


def profile_text(values: Mapping[str, Any]) -> str:
    """A profile's file: an axis or a table's values on one line."""
    text = json.dumps(values, indent=2)
    return f"{_NUMBERS.sub(lambda row: ' '.join(row[0].split()), text)}\n"


@cache
def _load(stem: str) -> Profile:
    return parse_profile(shipped_values(stem), f"profile {stem}")


def shipped_values(stem: str) -> dict[str, Any]:
    """A shipped profile as its file has it (``rtx4090_llama-3.1-8b``), with what it extends."""
    values = read_object(files("slaibench.catalog.data.profiles") / f"{stem}.json")
    return _resolved(values, f"profile {stem}")


def _resolved(values: dict[str, Any], where: str) -> dict[str, Any]:
    """Values with what they extend underneath; one level, so that no circle can form."""
    base = values.pop("extends", None)
    if base is None:
        return values
    if base not in _shipped().values():
        raise unknown(f"profile that {where} extends:", str(base), _shipped().values())
    under = read_object(files("slaibench.catalog.data.profiles") / f"{base}.json")
    if "extends" in under:
        raise CatalogError(f"{where} extends {base}, which extends another; name that one instead")
    for key, other in (("step_overhead_ms", "host"), ("host", "step_overhead_ms")):
        if key in values:
            under.pop(other, None)  # one stands for the other
    return under | values
