"""Reading checked values out of JSON objects, and what is said of those that cannot be right."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from importlib.resources.abc import Traversable
from itertools import pairwise
from pathlib import Path
from typing import Any

from slaibench.machine.suggestion import did_you_mean

MISSING = object()


class CatalogError(ValueError):
    """A name that the catalog lacks, or data that fail its checks; says what to do instead."""


def unknown(kind: str, name: str, names: Iterable[str], hint: str = "") -> CatalogError:
    """The error for a name that is not there, with the nearest one that is."""
    names = sorted(names)
    guess = did_you_mean(name, names, cutoff=0.5)
    return CatalogError(
        f"unknown {kind} {name!r}: {guess}Known: {', '.join(names)}{'; ' + hint if hint else ''}"
    )


def read_object(source: Path | Traversable) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        CatalogError: no such file, not JSON, or not an object.
    """
    try:
        value = json.loads(source.read_text(encoding="utf-8"))
    except OSError as error:
        raise CatalogError(f"cannot read {source}: {error.strerror or error}") from error
    except ValueError as error:
        raise CatalogError(f"{source} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise CatalogError(f"{source} must hold a JSON object, not {type(value).__name__}")
    return value


class Fields:
    """Takes an object's values one by one, each checked, and knows which ones were never taken.

    Args:
        values: the JSON object.
        where: what the errors call it.

    Raises:
        CatalogError: from every method, when a value is missing, of the wrong kind or out of range.
    """

    def __init__(self, values: Mapping[str, Any], where: str) -> None:
        if not isinstance(values, Mapping):
            raise CatalogError(f"{where} must be an object, not {values!r}")
        self._values = values
        self._taken: set[str] = set()
        self.where = where

    def _take(self, key: str, default: Any = MISSING) -> Any:
        self._taken.add(key)
        value = self._values.get(key, default)
        if value is MISSING:
            raise CatalogError(f"{self.where} lacks {key!r}")
        return value

    def text(self, key: str, default: Any = MISSING) -> str:
        """A text that is not empty."""
        value = self._take(key, default)
        if not isinstance(value, str) or not value:
            raise CatalogError(f"{self.where}: {key} must be a text, not {value!r}")
        return value

    def optional_text(self, key: str) -> str | None:
        """The same; None where it is absent or null."""
        return None if self._take(key, None) is None else self.text(key)

    def whole(self, key: str, default: Any = MISSING, at_least: int = 1) -> int:
        """A whole number."""
        value = self._take(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < at_least:
            raise CatalogError(
                f"{self.where}: {key} must be a whole number of at least {at_least}, not {value!r}"
            )
        return value

    def number(self, key: str, default: Any = MISSING, positive: bool = True) -> float:
        """A finite number that is not negative; with ``positive``, not 0 either."""
        value = self._take(key, default)
        ok = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not ok or value < 0 or (positive and value == 0):
            kind = "a positive number" if positive else "a number that is not negative"
            raise CatalogError(f"{self.where}: {key} must be {kind}, not {value!r}")
        return float(value)

    def signed(self, key: str) -> float:
        """A finite number of either sign."""
        value = self._take(key)
        ok = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not ok:
            raise CatalogError(f"{self.where}: {key} must be a number, not {value!r}")
        return float(value)

    def flag(self, key: str, default: Any = MISSING) -> bool:
        """True or false."""
        value = self._take(key, default)
        if not isinstance(value, bool):
            raise CatalogError(f"{self.where}: {key} must be true or false, not {value!r}")
        return value

    def numbers(
        self, key: str, length: int | None = None, *, positive: bool = True
    ) -> tuple[float, ...]:
        """A list of numbers, of this length if one is given.

        Args:
            positive: 0 is refused as well, not only what is below it.
        """
        value = self._take(key)
        if not isinstance(value, list) or not value:
            raise CatalogError(f"{self.where}: {key} must be a list of numbers")
        for item in value:
            ok = isinstance(item, int | float) and not isinstance(item, bool)
            if not ok or not math.isfinite(item) or item < 0 or (positive and item == 0):
                kind = "a positive number" if positive else "a number that is not negative"
                raise CatalogError(f"{self.where}: {key} holds {item!r}, not {kind}")
        if length is not None and len(value) != length:
            raise CatalogError(f"{self.where}: {key} has {len(value)} values where {length} belong")
        return tuple(float(item) for item in value)

    def axis(self, key: str, at_least: int = 1) -> tuple[int, ...]:
        """A strictly increasing list of whole numbers: the places where a table was measured."""
        value = self._take(key)
        whole = isinstance(value, list) and all(
            isinstance(item, int) and not isinstance(item, bool) for item in value
        )
        if not whole or len(value) < 2 or value[0] < at_least:
            raise CatalogError(
                f"{self.where}: {key} must list two or more whole numbers from {at_least} up"
            )
        if any(high <= low for low, high in pairwise(value)):
            raise CatalogError(f"{self.where}: {key} must increase from value to value")
        return tuple(value)

    def inner(self, key: str, default: Any = MISSING) -> Fields:
        """An object in this one."""
        return Fields(self._take(key, default), f"{self.where}, {key}")

    def objects(self, key: str) -> list[Fields]:
        """A list of objects."""
        value = self._take(key)
        if not isinstance(value, list):
            raise CatalogError(f"{self.where}: {key} must be a list of objects, not {value!r}")
        return [
            Fields(item, f"{self.where}, {key} number {place}")
            for place, item in enumerate(value, start=1)
        ]

    def mapping(self, key: str) -> dict[str, Any]:
        """An object as it is, its values unchecked; empty where it is absent."""
        value = self._take(key, {})
        if not isinstance(value, dict):
            raise CatalogError(f"{self.where}: {key} must be an object, not {value!r}")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; empty where it is absent."""
        value = self._take(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise CatalogError(f"{self.where}: {key} must be a list of texts, not {value!r}")
        return tuple(value)

    def done(self) -> None:
        """Refuse what was never taken: a misspelt name would be ignored in silence."""
        extra = sorted(set(self._values) - self._taken)
        if extra:
            raise CatalogError(
                f"{self.where} has unknown names: {', '.join(extra)}; "
                f"known: {', '.join(sorted(self._taken))}"
            )
