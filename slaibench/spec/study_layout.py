"""Where each field of a specification stands in a study file, and by what key.

Both are made from the field: its part names the table, its option the key. ``load.seeds`` is
``LoadPart.num_seeds``, ``--seeds`` on the command line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path

from slaibench.machine.suggestion import did_you_mean
from slaibench.spec.load import LoadPart
from slaibench.spec.option import flag, options_of
from slaibench.spec.pace import PacePart
from slaibench.spec.serving import (
    BackendPart,
    DeploymentPart,
    EndpointPart,
    EnginePart,
    MetricsPart,
    Part,
    SpeculationPart,
)
from slaibench.spec.study import StudySpec
from slaibench.spec.targets import TargetPart

KIND, SCHEDULERS, RUNNING, DIALECT = "kind", "schedulers", "running", "dialect"
BODY, HEADERS = "extra_body", "headers"
"""Of a dialect; the fields for every request may be a text of JSON, which has a null."""
PARTS: Mapping[str, tuple[type[Part], ...]] = {
    "serving": (BackendPart, EnginePart, SpeculationPart, DeploymentPart),
    "endpoint": (EndpointPart, MetricsPart),
    "load": (LoadPart,),
    "targets": (TargetPart,),
    "capacity": (PacePart,),
}
"""Tables of a file, and the parts whose fields they hold."""


class StudyKind(StrEnum):
    """What a file asks for: the command that runs it."""

    SWEEP = "sweep"
    COMPARE = "compare"
    CAPACITY = "capacity"
    REPLAY = "replay"
    BOUND = "bound"
    VALIDATE = "validate"


def key_of(field: str) -> str:
    """A field's key, as its table has it."""
    option = dict(options_of(StudySpec)).get(field)
    return field if option is None else flag(field, option).replace("-", "_")


FIELDS: Mapping[str, Mapping[str, str]] = {
    table: {
        key_of(name): name
        for part in parts
        for name in part.model_fields
        if name in dict(options_of(part)) or name == DIALECT
    }
    for table, parts in PARTS.items()
}
"""By table: by key: the field of ``StudySpec``."""
PLACES: Mapping[str, str] = {
    **{name: f"{table}.{key}" for table, keys in FIELDS.items() for key, name in keys.items()},
    SCHEDULERS: SCHEDULERS,
}
"""By field: where it stands in a file (``load.seeds``)."""
HIDDEN = ("url", "metrics_url", DIALECT, "engine_args")
"""Fields whose value may hold a secret, which no message repeats."""


def table_of(key: str) -> str | None:
    """The table that has a key."""
    return next((table for table, keys in FIELDS.items() if key in keys), None)


def no_such(name: str, names: Iterable[str], kind: StudyKind) -> str:
    """Why a key is refused: where it belongs, or which one was probably meant."""
    home = table_of(name)
    if home is not None:
        return f"{name} belongs in the table [{home}]"
    if name in [kind.value for kind in StudyKind]:
        own, other = json.dumps(name), json.dumps(kind.value)
        return f"the table [{name}] goes with kind = {own}, not with {other}"
    names = list(names)
    return f"there is no key {name!r} here: {did_you_mean(name, names)}Keys: {', '.join(names)}"


def kind_of(value: object, path: Path) -> StudyKind:
    """What a file asks for.

    Raises:
        ValueError: nothing, or something else; with what there is.
    """
    kinds = [kind.value for kind in StudyKind]
    if value is None:
        raise ValueError(
            f'{path}: {KIND} is missing: begin with {KIND} = "sweep". It may be: {", ".join(kinds)}'
        )
    if value not in kinds:
        near = did_you_mean(str(value), kinds)
        raise ValueError(f"{path}: {KIND} {as_json(value)}: {near}It may be: {', '.join(kinds)}")
    return StudyKind(value)


def as_json(value: object) -> str:
    """A value as a message shows it."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except TypeError:
        return str(value)
