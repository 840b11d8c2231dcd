"""The document of the paper's page."""

from __future__ import annotations

from collections.abc import Mapping

from slaibench.report.document import PageDocument, ProfileEntry, RunEntry, RunFacts
from slaibench.reproductions.bari2025.forms import PaperForm


class PaperServed(RunFacts):
    """The system under test of the first run."""

    venue: str
    place: str
    model: str


class PaperRun(RunEntry):
    """A recording, the load or figure that it is of, and what its scheduler ran with."""

    part: str
    scheduler_options: Mapping[str, object]


class PaperNumbers(PaperForm):
    """A result, with the system under test and the recordings behind it."""

    served: PaperServed
    profile: ProfileEntry | None
    runs: list[PaperRun]


class PaperDocument(PageDocument, PaperNumbers):
    """The whole document."""
