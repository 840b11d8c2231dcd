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


def too_few_recorded(
    name: str, num_recorded: int, num_requests: int, max_total_tokens: int | None
) -> WorkloadError:
    """Error for more requests at recorded times than a source has."""
    within = f" of at most {max_total_tokens} tokens" if max_total_tokens else ""
    return WorkloadError(
        f"{name} has {num_recorded} requests{within}, {num_requests} were asked for: ask for no "
        "more, or use poisson or gamma arrivals"
    )


def too_few_left(name: str, num_left: int, of: str, max_total_tokens: int | None) -> WorkloadError:
    """Error for a ``max_total_tokens`` that leaves next to nothing.

    Args:
        of: of how many of what, as in ``100 requests``.
    """
    return WorkloadError(
        f"{name}: only {num_left} of {of} have at most max_total_tokens={max_total_tokens} tokens; "
        "raise it or use shorter lengths"
    )
