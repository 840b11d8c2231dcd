"""The page of the paper's figures: claims, conventions, drawings."""

from slaibench.reproductions.bari2025.page.page import PAGE

__all__ = ["PAGE"]
