"""The page of a crosscheck: the same study on several backends, side by side."""

from slaibench.report.pages.crosscheck.page import PAGE

__all__ = ["PAGE"]
