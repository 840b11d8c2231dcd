"""The page of a search of a server's capacity within minutes."""

from slaibench.report.pages.server.page import PAGE

__all__ = ["PAGE"]
