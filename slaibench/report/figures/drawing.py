"""All figures of a report, drawn in its order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from slaibench.recording import store
from slaibench.report.figures.arrivals import arrivals
from slaibench.report.figures.capacity import capacity
from slaibench.report.figures.change import change
from slaibench.report.figures.chart import ChartForm, form_of
from slaibench.report.figures.course import engine, first_cells, in_system
from slaibench.report.figures.data import drawn_digest
from slaibench.report.figures.deadlines import deadlines
from slaibench.report.figures.distribution import distribution
from slaibench.report.figures.latency import tbt, ttft
from slaibench.report.figures.lengths import lengths
from slaibench.report.figures.panel import Panel
from slaibench.report.figures.server import server
from slaibench.report.figures.style import looks, pdf, png, svg
from slaibench.report.study_document import StudyNumbers
from slaibench.report.subject import Subject
from slaibench.report.words import short_names


@dataclass(frozen=True, slots=True)
class Drawn:
    """One panel's files.

    Args:
        name: file name without ending.
        alt: what it shows.
        width_px, height_px: its size on a page.
        data: digest of what is drawn (``data.drawn_digest``).
        svg, png, pdf: its bytes.
        chart: its interactive form, as a document has it.
    """

    name: str
    alt: str
    width_px: int
    height_px: int
    data: str
    svg: bytes
    png: bytes
    pdf: bytes
    chart: ChartForm | None = None

    @property
    def files(self) -> Mapping[str, bytes]:
        """What lies beside a page, by ending."""
        return {"png": self.png, "svg": self.svg, "pdf": self.pdf}


def panels(subject: Subject, doc: StudyNumbers) -> dict[str, list[Panel]]:
    """Panels by figure, as ``captions.CAPTIONS`` names them; a figure may have none.

    Raises:
        RecordingError: a recording that a figure shows in time cannot be read.
    """
    look = looks(subject.schedulers, short_names(subject.schedulers))
    cells = first_cells(subject, subject.focus_rate_rps)
    at_focus = {name: store.read(cell.folder) for name, cell in cells.items()}
    return {
        "ttft": ttft(subject, look),
        "tbt": tbt(subject, look),
        "capacity": capacity(subject, look),
        "change": change(subject, look),
        "distribution": distribution(subject, look),
        "lengths": lengths(doc["lengths"], look),
        "engine": engine(subject, look, at_focus),
        "server": server(subject, look),
        "deadlines": deadlines(subject, look),
        "arrivals": arrivals(subject),
        "in-system": in_system(subject, look, at_focus),
    }


def finished(by_figure: Mapping[str, Sequence[Panel]]) -> dict[str, list[Drawn]]:
    """Panels by figure as files."""
    return {name: [_drawn(panel) for panel in panels] for name, panels in by_figure.items()}


def _drawn(panel: Panel) -> Drawn:
    width, height = panel.figure.get_size_inches()
    return Drawn(
        panel.name,
        panel.alt,
        round(96 * float(width)),
        round(96 * float(height)),
        drawn_digest(panel.figure),
        svg(panel.figure),
        png(panel.figure),
        pdf(panel.figure),
        None if panel.chart is None else form_of(panel.chart),
    )
