"""Which requests two backends' runs have in common, whatever the order in which they were due."""

from __future__ import annotations

import numpy as np

from slaibench.recording.record import IntArray, Recording, RequestTable


def rows_in_both(a: RequestTable, b: RequestTable) -> tuple[IntArray, IntArray]:
    """Rows of the requests that were due in both runs, by their ids: row i of the one is the same
    request as row i of the other."""
    _, first, second = np.intersect1d(
        a.request_id, b.request_id, assume_unique=True, return_indices=True
    )
    return first, second


def check_same_requests(a: Recording, b: Recording) -> None:
    """Refuse runs of other requests.

    When a later turn of a session was due is not compared: it may depend on the backend.

    Raises:
        ValueError: with what differs, and from which request on.
    """
    rows = rows_in_both(a.requests, b.requests)
    own_time = a.requests.turn[rows[0]] <= 1
    for name in ("due_s", "prompt_tokens", "output_tokens", "tier"):
        x, y = (getattr(run.requests, name)[own] for run, own in zip((a, b), rows, strict=True))
        differs = (x != y) & (own_time if name == "due_s" else True)
        if differs.any():
            raise ValueError(
                f"the runs have other requests: their {name} differ from request "
                f"{int(a.requests.request_id[rows[0]][differs][0])} on"
            )
