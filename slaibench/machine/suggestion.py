"""The name that was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, names: Iterable[str], *, cutoff: float = 0.6) -> str:
    """``did you mean 'slai'? ``, to stand before the list of all names; empty: none is near.

    Args:
        names: those that there are; upper and lower case do not count.
        cutoff: least similarity, from 0 to 1 (``difflib.get_close_matches``).
    """
    by_lower = {name.lower(): name for name in names}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=cutoff)
    return f"did you mean {by_lower[near[0]]!r}? " if near else ""
