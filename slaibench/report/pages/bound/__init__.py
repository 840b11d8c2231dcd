"""The page of capacity bounds."""

from slaibench.report.pages.bound.page import PAGE

__all__ = ["PAGE"]
