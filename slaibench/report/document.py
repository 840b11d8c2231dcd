"""The documents of pages: plain JSON that is embedded in a page and holds all that it says.

A page of a kind has an opening (``PageDocument``) and the kind's own numbers. Of what others wrote
(``run.json``, a profile) a form names what pages read; the rest is shown as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict, TypeVar, cast

from slaibench.report.figures.chart import ChartForm
from slaibench.studies.forms import Ends

PICTURES = "pictures"
"""Names a page's drawings (``files.with_pictures``)."""
D = TypeVar("D", bound="PageDocument")
"""The document of one kind of page."""


class ProfileNotes(TypedDict, total=False):
    """What the catalog says of a profile besides; empty where the profile is not here."""

    regime: Mapping[str, object]
    licence: str
    notes: list[str]


class Notes(TypedDict, total=False):
    """What a page says beside its recordings: of its profile, or of each backend's."""

    profile: ProfileNotes
    profiles: Mapping[str, ProfileNotes]


FRAME = 3
"""Which frame a page has: 1 is text and drawings alone; 2 had contents, dark colours and the first
interactive figures; 3 has all of those, and the study file. Pages of the first are still rendered
in it, those of the second no more: their numbers and drawings are verified, their text is not."""
RENDERED = (1, FRAME)


class Framed(TypedDict, total=False):
    """The frame of a page; the first where it is not named."""

    frame: int


class Makers(Framed):
    """Versions of what makes a page."""

    slaibench: str
    versions: Mapping[str, str]


class Made(Makers, Notes):
    """Versions and notes of a page that was written."""


class Later(TypedDict, total=False):
    """What drawings have since later: hashes of further files, and the values of an interactive
    form, where there is one."""

    svg_sha256: str
    pdf_sha256: str
    chart: ChartForm


class PictureEntry(Later):
    """One drawing: its files, hashes of them and of the image in the page, and what is drawn."""

    name: str
    png_sha256: str
    image_sha256: str
    data: str


class Opening(TypedDict):
    """How every document begins."""

    format: str
    format_version: int
    made: Made


class PageDocument(Opening, total=False):
    """What all kinds of page have; ``pictures``, by figure, once they are drawn."""

    pictures: Mapping[str, Sequence[PictureEntry]]


class LoopEntry(TypedDict, total=False):
    """Of a closed loop: its clients."""

    concurrency: int


class RunEntry(LoopEntry):
    """A recording that a page rests on: where it lies, seen from the page; which cell it is of,
    with the code that made it and (``asks``) without; and that code. A closed loop offers no rate:
    its ``rate_rps`` is 0."""

    folder: str
    spec_hash: str
    asks: str
    scheduler: str
    rate_rps: float
    seed: int
    code: Mapping[str, str | None]


def ends_of(ci95: Ends | None) -> list[float]:
    """Both ends of an interval; empty where one is not known."""
    ends = [end for end in ci95 or () if end is not None]
    return ends if len(ends) == 2 else []


class RunFacts(TypedDict):
    """What ``run.json`` says of a system under test."""

    backend: Mapping[str, object]
    versions: Mapping[str, object]
    hardware: Mapping[str, object]
    kv_blocks: int
    block_size: int


def run_facts(run: Mapping[str, object]) -> RunFacts:
    """Of a recording's ``run.json``."""
    return cast("RunFacts", {name: run[name] for name in RunFacts.__annotations__})


class ValidationEntry(TypedDict):
    """A validation of a profile, as ``run.json`` has it."""

    against: str
    errors: Mapping[str, float]
    grades: Mapping[str, str]
    engine: str
    num_requests: int
    source: str


class ProfileEntry(TypedDict, total=False):
    """A profile, as ``run.json`` has it."""

    errors: Mapping[str, float]
    validations: Sequence[ValidationEntry]
