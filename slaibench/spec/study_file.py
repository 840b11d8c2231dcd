"""A study as a TOML file: its kind, its schedulers, and a table for each part of a specification.

Where a field stands is in ``study_layout``; its own bounds and sentences check its value.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import ValidationError

from slaibench.endpoint.dialect import Dialect
from slaibench.rates import concurrency_of, rates_of
from slaibench.spec.option import options_of
from slaibench.spec.study import StudySpec
from slaibench.spec.study_layout import (
    BODY,
    DIALECT,
    FIELDS,
    HEADERS,
    HIDDEN,
    KIND,
    PARTS,
    PLACES,
    RUNNING,
    SCHEDULERS,
    StudyKind,
    as_json,
    kind_of,
    no_such,
    table_of,
)
from slaibench.spec.toml import parse_toml, toml
from slaibench.workloads.joined import JOIN

MOST_BYTES = 1_000_000  # a file that is larger is no study
TYPES: Mapping[type, tuple[tuple[type, ...], str]] = {
    bool: ((bool,), "true or false"),
    int: ((int,), "a whole number"),
    float: ((int, float), "a number"),
    str: ((str,), "text in quotes"),
    Path: ((str,), "text in quotes"),
}
"""By the type of a field: what a file may give, and its name; a switch is a number of Python's."""
LOADS: Mapping[str, Callable[[Any], Any]] = {"rates": rates_of, "concurrency": concurrency_of}
"""Fields that a file may give as a number, a list or a text, and how these are read."""
_FILES = re.compile(r".+\.(csv|parquet|jsonl|json|py)(\.gz)?", re.IGNORECASE)
_OWN_PLACE = ("./", "../")


@dataclass(frozen=True, slots=True)
class StudyFile:
    """What a study file says.

    Args:
        path: of the file; messages name it.
        fields: of ``StudySpec``, as the file has them; names of files are as the file's reader
            opens them from where it runs.
        more: by dotted key: what decides how a study runs, and what only its kind has
            (``running.jobs``, ``bound.eps``).
    """

    path: Path
    kind: StudyKind
    fields: Mapping[str, Any]
    more: Mapping[str, Any]

    def refusal(self, place: str, why: str, value: Any = None) -> ValueError:
        """An error that names the file, the dotted key and the value (None: it is not shown)."""
        shown = "" if value is None else f" {as_json(value)}"
        return ValueError(f"{self.path}: {place}{shown}: {why}")

    def spec(self) -> StudySpec:
        """The validated specification; what the file leaves out has its default.

        Raises:
            ValueError: a value is wrong; the message names file, key and value.
        """
        values = dict(self.fields)
        if self.kind is StudyKind.REPLAY or "url" in values:
            values |= {
                "backend": "endpoint",
                SCHEDULERS: [self.more.get("replay.label", "endpoint")],
            }
        for name in LOADS.keys() & values.keys():
            try:
                values[name] = LOADS[name](values[name])
            except (TypeError, ValueError) as error:
                raise self.refusal(PLACES[name], str(error), values[name]) from error
        if isinstance(workload := values.get("workload"), list):
            values["workload"] = JOIN.join(map(str, workload))
        if isinstance(names := values.get(SCHEDULERS), str):
            values[SCHEDULERS] = [names]
        if isinstance(dialect := values.get(DIALECT), dict):
            values[DIALECT] = dialect = self._with_body(dialect)
            for name in dialect:
                place = f"{PLACES[DIALECT]}.{name}"
                if name not in Dialect.model_fields:
                    raise self.refusal(place, no_such(name, Dialect.model_fields, self.kind))
                self.check_type(place, Dialect.model_fields[name].annotation, dialect[name])
        for name, value in values.items():
            self.check_type(PLACES.get(name, name), StudySpec.model_fields[name].annotation, value)
        try:
            return StudySpec(**values)
        except ValidationError as error:
            first = error.errors()[0]
            why = first["msg"].removeprefix("Value error, ").replace("Input should", "must")
            if not first["loc"]:
                raise ValueError(f"{self.path}: {why}") from error
            field, *inner = map(str, first["loc"])
            place = ".".join((PLACES.get(field, field), *inner))
            value = None if field in HIDDEN else first["input"]
            raise self.refusal(place, why, value) from error

    def check_type(self, place: str, annotation: Any, value: Any) -> None:
        """Refuse what another type would have to be made of: ``seeds = "3"``.

        Raises:
            ValueError: as ``refusal``.
        """
        is_union = get_origin(annotation) in (Union, UnionType)
        for item in get_args(annotation) if is_union else (annotation,):
            for kind, (accepted, words) in TYPES.items():
                if isinstance(item, type) and get_origin(item) is None and issubclass(item, kind):
                    if type(value) not in accepted:
                        shown = None if place.startswith("endpoint.") else value
                        raise self.refusal(place, f"must be {words}", shown)
                    return

    def _with_body(self, dialect: Mapping[str, Any]) -> dict[str, Any]:
        if not isinstance(text := dialect.get(BODY), str):
            return dict(dialect)
        try:
            return {**dialect, BODY: json.loads(text)}
        except (ValueError, RecursionError) as error:  # its words could repeat a secret
            place = f"{PLACES[DIALECT]}.{BODY}"
            why = "it is no JSON: write a table, or a text like '{\"top_p\": null}'"
            raise self.refusal(place, why) from error


def read(path: Path) -> StudyFile:
    """The study in a file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no study; the message names the file, the line or key, and the way out.
    """
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"{path}: a study file has at most {MOST_BYTES:,} bytes")
    try:
        return parse(content.decode(), path)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: a study file is UTF-8 text; this is not") from error


def parse(text: str, path: Path) -> StudyFile:
    """The study in a text, as it would stand in ``path``.

    Raises:
        ValueError: as ``read``.
    """
    try:
        document = parse_toml(text)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    kind = kind_of(document.pop(KIND, None), path)
    fields: dict[str, Any] = {}
    more: dict[str, Any] = {}
    for name, value in document.items():
        if name == SCHEDULERS:
            fields[name] = value
            continue
        others = {other.value for other in StudyKind} - {kind.value}
        tables = [t for t in dict.fromkeys((*PARTS, RUNNING, kind.value)) if t not in others]
        if name not in tables:
            raise ValueError(f"{path}: {no_such(name, (KIND, SCHEDULERS, *tables), kind)}")
        if not isinstance(value, dict):
            raise ValueError(f"{path}: {name} {as_json(value)}: it is a table: write [{name}]")
        for key, item in value.items():
            if key in FIELDS.get(name, {}):
                fields[FIELDS[name][key]] = item
            elif name in PARTS or table_of(key) is not None:
                reason = no_such(key, FIELDS.get(name, {}), kind)
                raise ValueError(f"{path}: {name}.{key}: {reason}")
            else:
                more[f"{name}.{key}"] = item
    return StudyFile(path, kind, _relative(fields, path), more)


def written(kind: StudyKind, spec: StudySpec) -> str:
    """A specification as a study file: what differs from the defaults. ``parse`` and ``spec``
    bring it back.

    Raises:
        ValueError: it has a field that no file has.
    """
    dumped = spec.model_dump(exclude_defaults=True)
    values = {name: value for name, value in dumped.items() if value is not None}
    if spec.early_stop is not None:
        raise ValueError(f"early_stop {spec.early_stop}: a study file has no such key")
    if spec.dialect is not None:
        dialect = spec.dialect.model_dump(exclude_defaults=True)
        if BODY in dialect:
            dialect[BODY] = json.dumps(spec.dialect.plain_body())  # its null is none of TOML's
        if HEADERS in dialect:
            dialect[HEADERS] = spec.dialect.plain_headers()
        values[DIALECT] = dialect
    return document(kind, values, {})


def document(kind: StudyKind, fields: Mapping[str, Any], more: Mapping[str, Any]) -> str:
    """The text of a study file.

    Args:
        fields, more: as a ``StudyFile`` has them.
    """
    result: dict[str, Any] = {KIND: kind.value}
    if SCHEDULERS in fields:
        result[SCHEDULERS] = list(fields[SCHEDULERS])
    places = [(PLACES[name], fields[name]) for name in PLACES if name in fields]
    for place, value in [*places, *more.items()]:
        table, dot, key = place.partition(".")
        if dot:
            result.setdefault(table, {})[key] = value
    return toml(result)


def relocated(text: str, move: Callable[[str], str | None]) -> str:
    """A value that may name files (``a.csv``, ``mine.py:Mine:batch=3``), with others in place.

    Args:
        move: the name that stands for a relative one; None: it stays.
    """
    parts = re.split(r"([:,]|" + re.escape(JOIN) + ")", text)
    moved = [
        part
        if "=" in part or not part or Path(part).is_absolute() or part[0] == "~"
        else move(part)
        for part in parts
    ]
    return "".join(part if new is None else new for part, new in zip(parts, moved, strict=True))


def moved(fields: Mapping[str, Any], move: Callable[[str, str], str | None]) -> dict[str, Any]:
    """Fields whose names of files are others; ``move`` takes the field and the relative name."""
    files = [name for name, option in options_of(StudySpec) if option.file]
    result = dict(fields)
    for field in (SCHEDULERS, *files):
        value = fields.get(field)

        def other(name: str, field: str = field) -> str | None:
            return move(field, name)

        if isinstance(value, str):
            result[field] = relocated(value, other)
        elif isinstance(value, list | tuple):
            result[field] = [
                relocated(item, other) if isinstance(item, str) else item for item in value
            ]
    return result


def _relative(fields: Mapping[str, Any], path: Path) -> dict[str, Any]:
    def move(field: str, name: str) -> str | None:
        place = path.parent / name
        is_file = name.startswith(_OWN_PLACE) or _FILES.fullmatch(name) is not None
        if (is_file or os.sep in name) and place.exists():
            return str(place)
        if is_file:
            raise ValueError(
                f"{path}: {PLACES[field]} {name!r}: there is no {os.path.abspath(place)}; a name "
                "is relative to the study file"
            )
        return None

    return moved(fields, move)


def load_study(path: str | Path) -> StudySpec:
    """The specification in a study file (docs/study-files.md).

    ``slaibench.sweep(**slaibench.load_study("study.toml").model_dump(exclude_unset=True))`` runs
    it. How cells run (``[running]``) is for the command line; other fields have their defaults.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no study; the message names the file, the key, the value and the way out.
    """
    return read(Path(path)).spec()
