"""A finished drawing and what it is called."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slaibench.report.figures.chart import Chart

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Panel:
    """One drawing of a figure.

    Args:
        name: file name without ending.
        alt: what it shows, for those who do not see it.
        figure: the drawing.
        chart: the same values as plain data, for a page's interactive form; None: it has none.
    """

    name: str
    alt: str
    figure: Figure
    chart: Chart | None = None


def file_name(*parts: str) -> str:
    """Parts joined to a name that any file system takes."""
    return re.sub(r"[^A-Za-z0-9.=-]+", "-", "-".join(parts)).strip("-.")[:80]
