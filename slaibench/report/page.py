"""What a kind of page says of itself, and the course that is the same for all kinds."""

from __future__ import annotations

import platform
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar, cast

from slaibench.catalog.fields import CatalogError
from slaibench.report.captions import Caption
from slaibench.report.document import (
    FRAME,
    PICTURES,
    D,
    Made,
    Makers,
    Notes,
    Opening,
    ProfileNotes,
    RunEntry,
)
from slaibench.report.files import ReportFiles, make_folder, pictures_of, with_pictures, write
from slaibench.report.recordings import OnRun
from slaibench.report.template import Figure, Picture, fill
from slaibench.report.words import listed
from slaibench.spec import StudySpec
from slaibench.studies.systems.profiled import profile_of
from slaibench.version import __version__

if TYPE_CHECKING:
    from slaibench.report.figures.drawing import Drawn
    from slaibench.report.figures.panel import Panel

PACKAGES = ("numpy", "scipy", "pandas", "pyarrow", "matplotlib", "seaborn", "jinja2")
S = TypeVar("S")
"""What a kind of page is about, as values: the result of a study."""


@dataclass(frozen=True, slots=True)
class Card:
    """A page in a row of an index (``report.index``).

    Args:
        kind: of the page, in a word or two.
        finding: what it found, in a sentence.
        model, place: what was served, and on what GPU; None: the page does not say.
        backends: that served, as systems under test are called.
    """

    kind: str
    finding: str
    schedulers: tuple[str, ...]
    model: str | None = None
    place: str | None = None
    backends: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """What a page with all of these is, in a line."""
        what = "backend" if len(self.backends) == 1 else "backends"
        return f"{self.kind}: {self.model} on {self.place}, {what} {listed(self.backends)}"


class Page(ABC, Generic[S, D]):
    """One kind of page: how what it is about becomes numbers, drawings and text.

    A kind says how each of these is made; writing them, and making them once more to check a page,
    is the same for all. All that can be read on a page comes from its document (``D``, a typed
    dictionary): plain JSON, which is embedded in it. ``report.pages`` finds the kinds.
    """

    format: ClassVar[str]
    """Names the kind in a document."""
    version: ClassVar[int]
    """Of the document's form; pages of another are not read."""
    template: ClassVar[str]
    """Name of the template, without its ending."""
    package: ClassVar[str] = "slaibench.report"
    """Package whose ``templates/`` the template is in."""
    planned: ClassVar[frozenset[str]] = frozenset()
    """Parts of the numbers that say what was planned: verifying takes them as given."""
    required: ClassVar[frozenset[str]]
    """Parts that every document has: ``D.__required_keys__``."""
    not_recomputed: ClassVar[str] = ""
    """What of a page no recording holds, so that verifying takes it as given, in words."""
    always_shown: ClassVar[frozenset[str]] = frozenset()
    """Figures that are there even without a drawing; others are left out."""

    @abstractmethod
    def numbers(self, subject: S, folder: Path) -> Mapping[str, object]:
        """All numbers of the page (``D`` without its opening), with ``runs``: the recordings behind
        it.

        Args:
            folder: where the page will lie; recordings are named relative to it.

        Raises:
            RecordingError: a recording's run.json cannot be read.
        """

    @abstractmethod
    def notes(self, subject: S) -> Notes:
        """What the page says beside its recordings, as the catalog has it now."""

    @abstractmethod
    def panels(self, subject: S, doc: D) -> dict[str, list[Panel]]:
        """The drawings by figure, in the order of ``captions``; a figure may have none.

        Raises:
            RecordingError: a recording that a figure shows in time cannot be read.
        """

    @abstractmethod
    def captions(self, doc: D) -> dict[str, Caption]:
        """What each figure is called and how it is read, in the page's order."""

    @abstractmethod
    def stem(self, doc: D) -> str:
        """Name of the page without its ending."""

    @abstractmethod
    def content(self, doc: D) -> Mapping[str, object]:
        """What the template takes besides figures and recordings: ``schedulers``, ``kind``,
        ``headline``, ``tables`` and whatever is the template's own."""

    @abstractmethod
    def rebuild(self, doc: D, folder: Path, on_run: OnRun) -> S:
        """What the page is about, from nothing but its document and the recordings.

        Args:
            folder: where the page lies.
            on_run: called after each recording.

        Raises:
            LostRecordings: some are missing, damaged, or not the runs they are said to be.
            ValueError, KeyError, TypeError, IndexError, AttributeError: the document is not what
                this version writes.
        """

    @abstractmethod
    def command(self, doc: D, results: Path) -> str:
        """The command that makes the recordings again, into a folder."""

    def card(self, doc: D) -> Card:
        """The page in a row of an index; a kind that knows more than its content says it here."""
        content = self.content(doc)
        title = getattr(content["headline"], "title", "")
        schedulers = cast("Sequence[str]", content["schedulers"])
        return Card(str(content["kind"]), str(title), tuple(schedulers))

    def runs(self, doc: D) -> Sequence[RunEntry]:
        """The recordings that the page rests on; a kind that has them elsewhere says where."""
        return cast("Mapping[str, Sequence[RunEntry]]", doc)["runs"]

    def results(self, doc: D) -> Mapping[str, object]:
        """The parts of a document that recordings decide."""
        return results_in(doc, self.planned)

    def document(self, subject: S, folder: Path, made: Made | None = None) -> D:
        """All that the page says, but for the names of its drawings.

        Args:
            folder: where the page will lie.
            made: versions and notes of a page that was written; None: those of now.

        Raises:
            RecordingError: as ``numbers``.
        """
        if made is None:
            made = {**makers(), **self.notes(subject)}
        opening: Opening = {"format": self.format, "format_version": self.version, "made": made}
        return cast("D", {**opening, **self.numbers(subject, folder)})

    def draw(self, subject: S, doc: D) -> dict[str, list[Drawn]]:
        """``panels`` as files.

        Raises:
            RecordingError: as ``panels``.
        """
        # Drawing loads matplotlib: a second that whoever only reads shall not wait for.
        from slaibench.report.figures.drawing import finished  # noqa: PLC0415
        from slaibench.report.figures.style import styled  # noqa: PLC0415

        with styled():
            return finished(self.panels(subject, doc))

    def render(self, doc: D, pictures: Mapping[str, Sequence[Picture]]) -> str:
        """The page of a document.

        Args:
            pictures: by figure.
        """
        figures = [
            Figure(name, caption, pictures.get(name, ()))
            for name, caption in self.captions(doc).items()
            if pictures.get(name) or name in self.always_shown
        ]
        content = dict(self.content(doc))
        return fill(
            self.template,
            self.package,
            doc,
            cast("Sequence[str]", content.pop("schedulers")),
            figures=figures,
            runs=self.runs(doc),
            file_name=f"{self.stem(doc)}.html",
            **content,
        )

    def write(self, subject: S, folder: Path) -> ReportFiles:
        """Write a page and its drawings.

        The page is ``<folder>/<stem>.html``, the drawings are in ``<folder>/<stem>/``. Both appear
        when everything is written, in place of what was there; the same input gives the same bytes.

        Args:
            folder: made if it is not there.

        Raises:
            RecordingError: a recording cannot be read.
            ReportError: the page cannot be written.
        """
        make_folder(folder)  # before the seconds that drawing takes
        doc = self.document(subject, folder)
        drawn = self.draw(subject, doc)
        doc = with_pictures(doc, drawn)
        return write(folder, self.stem(doc), self.render(doc, pictures_of(drawn)), drawn)


def results_in(doc: Mapping[str, object], planned: frozenset[str]) -> dict[str, object]:
    """The parts of a document, or of one study in it, that recordings decide."""
    given = {"format", "format_version", "made", PICTURES, *planned}
    return {name: part for name, part in doc.items() if name not in given}


def makers() -> Makers:
    """Versions of what makes a page."""
    versions = {"slaibench": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return {"slaibench": __version__, "versions": versions, "frame": FRAME}


def profile_notes(spec: StudySpec) -> ProfileNotes:
    """Regime and notes of the profile, which recordings do not hold; empty if it is not here."""
    if spec.gpu is None and spec.profile is None:
        return {}
    try:
        profile = profile_of(spec)
    except CatalogError:
        return {}
    return {
        "regime": asdict(profile.regime),
        "licence": profile.licence,
        "notes": list(profile.notes),
    }


def system_parts(system: str) -> list[str]:
    """A system under test in a page's file name; the simulator has no part there."""
    return [] if system == "sim" else system.split(":")
