"""The one error of this package."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class WorkloadError(ValueError):
    """A workload cannot be had as asked for; the message names the value and the way out."""


def unknown(what: str, value: str, known: Iterable[str]) -> WorkloadError:
    """Error for a name that is not among ``known``: the nearest one, then all of them."""
    names = sorted(str(name) for name in known)
    near = difflib.get_close_matches(value.lower(), names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return WorkloadError(f"unknown {what} {value!r}{hint} Known: {', '.join(names)}")
