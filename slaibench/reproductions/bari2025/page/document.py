"""The document of the paper's page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from slaibench.report.document import PageDocument, ProfileEntry, RunEntry
from slaibench.reproductions.bari2025.forms import PaperForm


class PaperServed(TypedDict):
    """The system under test of the first run."""

    venue: str
    place: str
    model: str
    backend: Mapping[str, object]
    versions: Mapping[str, object]
    hardware: Mapping[str, object]
    kv_blocks: int
    block_size: int


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
