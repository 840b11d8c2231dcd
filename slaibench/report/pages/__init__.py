"""The kinds of page: each module here has one, ``PAGE``.

Another package brings its own by an entry point of the group ``slaibench.pages``: its name is the
page's format, its value a ``report.page.Page``.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pkgutil import iter_modules
from typing import Any

from slaibench.report.files import ReportError
from slaibench.report.page import Page

GROUP = "slaibench.pages"
AnyPage = Page[Any, Any]  # type: ignore[explicit-any]
"""A kind of page: which, and so what its documents and subjects are, only a document says."""


def formats() -> list[str]:
    """The formats of all kinds of page that can be had here."""
    return [*_own(), *_brought()]


def page_of(name: str) -> AnyPage | None:
    """The kind of page whose documents name this format; None: there is none.

    Raises:
        ReportError: another package has it, and cannot be loaded.
    """
    if page := _own().get(name):
        return page
    point = _brought().get(name)
    if point is None:
        return None
    try:
        loaded = point.load()
    except Exception as error:  # whatever another package's code raises
        raise ReportError(
            f"pages of format {name!r} need {point.value!r}, which cannot be loaded ({error!r}); "
            "repair that package or remove it"
        ) from error
    if not isinstance(loaded, Page):
        raise ReportError(
            f"pages of format {name!r} need {point.value!r}, which is no page but a "
            f"{type(loaded).__name__}; repair that package or remove it"
        )
    return loaded


def _own() -> dict[str, AnyPage]:
    modules = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
    return {module.PAGE.format: module.PAGE for module in modules}


def _brought() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}
