"""What can go wrong with a report's file."""

from __future__ import annotations


class ReportError(RuntimeError):
    """A report cannot be written or read; the message names the path and the way out."""
