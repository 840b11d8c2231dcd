"""The document of a page of capacity bounds."""

from __future__ import annotations

from slaibench.report.document import PageDocument, ProfileEntry, RunEntry
from slaibench.studies.bound.forms import BoundResultForm


class BoundRun(RunEntry):
    """A recording, and the part of the study that it is of."""

    part: str


class BoundNumbers(BoundResultForm):
    """A result, with the system under test of its first run and the recordings behind it."""

    place: str
    model: str
    venue: str
    kv_blocks: int
    profile: ProfileEntry | None
    recorded_by: str
    runs: list[BoundRun]


class BoundDocument(PageDocument, BoundNumbers):
    """The whole document."""
