"""Errors of the catalog: an unknown name, a fact that cannot be right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class CatalogError(ValueError):
    """A name the catalog does not have, or data that fail its checks; says what to do instead."""


def unknown(kind: str, name: str, known: Iterable[str], hint: str = "") -> CatalogError:
    """The error for a name that is not there, with the nearest one that is."""
    names = sorted(known)
    near = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.5)
    guess = f"did you mean {near[0]!r}? " if near else ""
    return CatalogError(
        f"unknown {kind} {name!r}: {guess}Known: {', '.join(names)}{'; ' + hint if hint else ''}"
    )
