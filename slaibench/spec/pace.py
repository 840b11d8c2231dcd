"""How long a search on a server may take, and how much load it may offer."""

from __future__ import annotations

from typing import Annotated

from slaibench.spec.option import Option
from slaibench.spec.serving import Part

DEFAULT_MINUTES = 5.0
MAX_RATE_RPS = 100.0
"""The largest load that is offered unless somebody allows more."""


class PacePart(Part):
    """What only a search of the capacity of a server takes that is there already
    (``studies.pace``, which has the bounds).

    Args:
        minutes: the budget of all runs together.
        max_rate_rps: requests a second; more are never offered.
    """

    minutes: Annotated[
        float | None, Option(f"Time that the search may take. Default: {DEFAULT_MINUTES:g}.")
    ] = None
    max_rate_rps: Annotated[
        float | None,
        Option(
            f"Never offer more requests/s than this. Default: {MAX_RATE_RPS:g}.", flag="max-rate"
        ),
    ] = None
