"""How a result shows itself: in a line, in a notebook, as a figure.

A line is made here, of the result alone. Tables and figures are those of pages, which stand above
the studies: ``report.display`` registers them, once ``slaibench.api`` is imported.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import singledispatch
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


MOST_NAMED = 4
"""Schedulers that a line names."""


@singledispatch
def html(result: object) -> str | None:
    """A result as HTML without a document around it; None: there is no form for it."""
    del result
    return None


@singledispatch
def figure(result: object, name: str) -> Figure:
    """One of the figures that a result's page has.

    Args:
        name: a figure of the page (``ttft``) or one of its drawings; empty: the page's first.

    Raises:
        ValueError: the page has no such figure, or there is nothing to draw.
        RecordingError: a recording that is drawn cannot be read.
    """
    del name
    raise ValueError(f"there is no figure of a {type(result).__name__}")


@singledispatch
def page(result: object, folder: Path) -> Path:
    """Write a result's page.

    Returns:
        The page.

    Raises:
        ValueError: it has none.
        RecordingError: a recording that a figure shows cannot be read.
        ReportError: the page cannot be written.
    """
    del folder
    raise ValueError(f"there is no page of a {type(result).__name__}")


class Shown:
    """What every study's result does in a notebook. A dataclass says ``repr=False`` beside it."""

    @property
    def in_words(self) -> str:
        """The answer in a line."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.in_words}>"

    def _repr_html_(self) -> str | None:
        return html(self)

    def plot(self, name: str = "") -> Figure:
        """One of the figures of the result's page, by the page's own drawing code.

        It is drawn without pyplot: a notebook shows it where it is a cell's value, and nowhere
        else.

        Args:
            name: of a figure (``ttft``, ``capacity``) or of one of its drawings
                (``02-tbt-paying``); empty: the page's first.

        Raises:
            ValueError: the page has no such figure; the message names those that it has.
            RecordingError: a recording that is drawn cannot be read.
        """
        return figure(self, name)

    def report(self, folder: str | Path = "reports") -> Path:
        """Write the result's page, as the command does: one HTML file, its drawings beside it.

        Returns:
            The page.

        Raises:
            ValueError: such a result has no page.
            RecordingError: a recording that a figure shows cannot be read.
            ReportError: the page cannot be written.
        """
        return page(self, Path(folder))


def named(names: Iterable[str]) -> str:
    """Names in a line; of many, the first and how many more."""
    every = list(dict.fromkeys(names))
    more = len(every) - MOST_NAMED
    return ", ".join(every[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def rates_in_words(rates: Iterable[float]) -> str:
    """``5 requests/s``, ``5 to 20 requests/s (4 rates)``."""
    every = sorted(set(rates))
    if not every:
        return "no rate"
    if len(every) == 1:
        return f"{every[0]:g} requests/s"
    return f"{every[0]:g} to {every[-1]:g} requests/s ({len(every)} rates)"
