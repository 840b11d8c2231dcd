"""The code that decides a recording, besides the scheduler's own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from slaibench.machine.deciding import commit_of, fingerprint, modules

if TYPE_CHECKING:
    from slaibench.spec import Clock
    from slaibench.studies.systems.base import SystemUnderTest

SYSTEMS = "slaibench.studies.systems."
COMMON = (
    "slaibench.workloads.registry",
    "slaibench.workloads.generate",
    "slaibench.measure.steady",
)
"""What arrives, and when a saturated run is stopped: the same for every backend."""
ALONE = ("slaibench.studies.prepared", "slaibench.studies.cell_run")
"""Put a run together of parts that are named here, or that a cell holds."""
APART = (
    *("slaibench.schedulers.registry", "slaibench.spec", "slaibench.version"),
    "slaibench.backends.engines.self_check",
)
"""What they decide is in a cell by itself: the scheduler's code and options, the fields; the last
decides whether there is a run at all, and nothing in it."""


@dataclass(frozen=True, slots=True)
class Code:
    """Which code makes recordings.

    Args:
        fingerprint: of its syntax, 16 hex digits (``slaibench.machine.deciding``).
        commit: the last one that changed it, 40 hex digits; None: unknown.
    """

    fingerprint: str
    commit: str | None


def code_of(system: type[SystemUnderTest], clock: Clock) -> Code:
    """Of recordings that a system makes under a clock."""
    own = (kind.__module__ for kind in system.__mro__)
    return _code(system.modules(clock), tuple(name for name in own if name.startswith(SYSTEMS)))


@lru_cache(maxsize=64)
def _code(roots: tuple[str, ...], systems: tuple[str, ...]) -> Code:
    files = modules((*COMMON, *roots), alone=(*ALONE, *systems), apart=APART)
    return Code(fingerprint(files), commit_of(files.values()))
