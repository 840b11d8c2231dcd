"""A regression run's files on disk."""

from __future__ import annotations

import os
from pathlib import Path

from slaibench.machine.atomic_write import write_whole
from slaibench.report.errors import ReportError


def check(file: Path | None, option: str) -> None:
    """Refuse a file that cannot be written, before any work is done.

    Raises:
        ValueError: its folder is not there, or it is a folder itself.
    """
    if file is None:
        return
    if file.is_dir():
        raise ValueError(f"{option} {str(file)!r} is a folder: name a file")
    if not os.access(file.parent, os.W_OK):
        raise ValueError(f"{option} {str(file)!r}: its folder is missing or cannot be written")


def write(file: Path, text: str) -> None:
    """Write a file, whole or not at all.

    Raises:
        ReportError: the file system refused.
    """
    try:
        write_whole(file, text)
    except OSError as error:
        raise ReportError(f"cannot write {str(file)!r}: {error}") from error
