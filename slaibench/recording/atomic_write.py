"""A text file that appears whole or not at all."""

from __future__ import annotations

import os
import uuid
from pathlib import Path


def write_whole(file: Path, text: str) -> None:
    """Write beside the file, then take its place; whoever reads it meanwhile reads the old one.

    Raises:
        OSError: the file system refused; what was there stays.
    """
    temporary = file.with_name(f".{file.name}-{uuid.uuid4().hex}")
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, file)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
