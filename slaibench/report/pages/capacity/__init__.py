"""The page of a search for capacities."""

from slaibench.report.pages.capacity.page import PAGE

__all__ = ["PAGE"]
