"""The one error of this package."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class WorkloadError(ValueError):
    """A workload cannot be had as it was named; the message names the value and the way out."""


MOST_SHOWN = 400
"""Characters of somebody's text that a message shows."""


def printable(text: str) -> str:
    """A text out of a file as a message can hold it: not too long, and what no encoding has
    escaped."""
    shown = text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."
    return shown.encode("utf-8", "backslashreplace").decode("utf-8")


def unknown(what: str, value: str, accepted: Iterable[str]) -> WorkloadError:
    """Error for a name that is not ``accepted``: the nearest one, then all of them."""
    names = sorted(str(name) for name in accepted)
    near = difflib.get_close_matches(value.lower(), names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return WorkloadError(f"unknown {what} {value!r}{hint} Known: {', '.join(names)}")
