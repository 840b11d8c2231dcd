"""The JSON Schema of study files, by which editors complete, explain and check them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

from slaibench.cli.study_keys import Key
from slaibench.endpoint.dialect import Dialect
from slaibench.spec import StudySpec
from slaibench.spec.study_layout import BODY, DIALECT, KIND, PARTS, RUNNING, SCHEDULERS, StudyKind

TEXTS = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
NUMBERS: dict[str, Any] = {
    "anyOf": [
        {"type": "string"},
        {"type": "number", "exclusiveMinimum": 0},
        {"type": "array", "items": {"type": "number", "exclusiveMinimum": 0}},
    ]
}
ITEMS: dict[str, Any] = {"type": ["string", "number"]}
_TYPES: Mapping[type, str] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    Path: "string",
}


def schema_of(keys: Mapping[StudyKind, Sequence[Key]]) -> dict[str, Any]:
    """The schema (draft 2020-12's keywords, as far as draft 7 has them).

    Args:
        keys: by kind of study: what it may hold.
    """
    tables: dict[str, dict[str, Any]] = {}
    for kind in keys:
        for key in keys[kind]:
            table, _, name = key.place.partition(".")
            if name and key.field != DIALECT:
                tables.setdefault(table, {}).setdefault(name, _value(key))
    if any(key.field == DIALECT for kind in keys for key in keys[kind]):
        tables["endpoint"][DIALECT] = _dialect()
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A study of slaibench",
        "type": "object",
        "additionalProperties": False,
        "required": [KIND],
        "properties": {
            KIND: {"enum": [kind.value for kind in keys], "description": "What is asked."},
            SCHEDULERS: {**TEXTS, "description": "Names, name:option=value, or file.py:Class."},
            **{name: _table(properties) for name, properties in tables.items()},
        },
        "allOf": [_only(kind, keys[kind], tables) for kind in keys],
    }


def _table(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": dict(properties)}


def _only(
    kind: StudyKind, keys: Sequence[Key], tables: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """What a file of a kind cannot hold, though files of other kinds can."""
    own = {key.place for key in keys}
    has_dialect = any(key.field == DIALECT for key in keys)
    refused: dict[str, Any] = {}
    for table, properties in tables.items():
        if table not in (*PARTS, RUNNING) and table != kind.value:
            refused[table] = False
            continue
        absent = {
            name: False
            for name in properties
            if (not has_dialect if name == DIALECT else f"{table}.{name}" not in own)
        }
        if absent:
            refused[table] = {"properties": absent}
    return {"if": {"properties": {KIND: {"const": kind.value}}}, "then": {"properties": refused}}


def _value(key: Key) -> dict[str, Any]:
    return {**_type(key), "description": key.help}


def _type(key: Key) -> dict[str, Any]:
    if key.field == "rates":
        return NUMBERS
    if key.several:
        return TEXTS
    if key.field is not None:
        return _field(StudySpec, key.field)
    if issubclass(key.kind, Enum):
        return {"enum": [choice.value for choice in key.kind]}
    if key.kind is str:  # lists of numbers are text on a command line
        return {"anyOf": [ITEMS, {"type": "array", "items": ITEMS}]}
    least = {} if key.least is None else {"minimum": key.least}
    return {"type": _TYPES[key.kind], **least}


def _dialect() -> dict[str, Any]:
    properties = {name: _field(Dialect, name) for name in Dialect.model_fields}
    body = {"anyOf": [{"type": "object"}, {"type": "string"}]}
    headers = {"type": "object", "additionalProperties": {"type": "string"}}
    return _table({**properties, BODY: body, "headers": headers})


def _field(model: type[StudySpec] | type[Dialect], field: str) -> dict[str, Any]:
    """A field's own schema, without None and without its default, which a file leaves out."""
    whole = model.model_json_schema()
    schema: dict[str, Any] = whole["properties"][field]
    options = [item for item in schema.get("anyOf", [schema]) if item.get("type") != "null"]
    (option,) = options
    if "$ref" in option:
        option = whole["$defs"][option["$ref"].rpartition("/")[2]]
    return {
        name: value
        for name, value in option.items()
        if name not in ("default", "title", "description")
    }
