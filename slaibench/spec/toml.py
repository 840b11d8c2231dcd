"""TOML as a study file has it: read by the standard library, written here.

The standard library has no writer. Strings, numbers, switches, lists of them and tables are all
that a study holds; tests read every text back (``tomllib``).
"""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Mapping
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")
WIDTH = 100
"""Columns; a longer list has a line for each of its values."""


def parse_toml(text: str) -> dict[str, Any]:
    """The document in a text.

    Raises:
        ValueError: it is no TOML; the message has the line and the column.
    """
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("values are nested too deeply") from error


def toml(document: Mapping[str, Any]) -> str:
    """A document as text: what stands outside tables, then each table, in the order given.

    Args:
        document: by key: a string, number, switch, a list of these, or a table of such.

    Raises:
        ValueError: a value that TOML lacks: None, half a surrogate pair, any other type.
    """
    return "\n\n".join(_tables((), document)) + "\n"


def _tables(path: tuple[str, ...], table: Mapping[str, Any]) -> list[str]:
    lines = [] if not path else [f"[{'.'.join(map(_key, path))}]"]
    inner = {name: value for name, value in table.items() if isinstance(value, Mapping)}
    lines += [_line(name, value) for name, value in table.items() if name not in inner]
    text = "\n".join(lines)
    parts = [text] if text and (len(lines) > 1 or not path or not inner) else []
    for name, value in inner.items():
        parts += _tables((*path, name), value)
    return parts


def _line(name: str, value: Any) -> str:
    line = f"{_key(name)} = {_value(value)}"
    if isinstance(value, list | tuple) and len(line) > WIDTH:
        items = "".join(f"    {_value(item)},\n" for item in value)
        return f"{_key(name)} = [\n{items}]"
    return line


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _string(name)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else str(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, Mapping):  # inside a list
        pairs = ", ".join(f"{_key(name)} = {_value(item)}" for name, item in value.items())
        return f"{{{pairs}}}"
    raise ValueError(f"a study file cannot hold {value!r}")


def _string(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("a study file is UTF-8 text; a value is not") from error
    # JSON's strings are TOML's basic strings, but for one control character that JSON leaves.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
