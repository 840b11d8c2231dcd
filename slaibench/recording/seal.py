"""What ``run.json`` says of the bytes beside it: a SHA-256 of every file, its own included."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

CONTENT = "content"
"""Key of ``run.json``: by file, its ``sha256``, and of a table its number of ``rows``."""
OTHER = "not as it was written, its SHA-256 is another"
_BLANK = "0" * 64
"""Stands in the place of the file's own hash while that is taken."""


class BrokenSealError(ValueError):
    """Bytes are not those that were written; the message says how that shows."""


def sealed(name: str, run: Mapping[str, Any], files: Mapping[str, tuple[bytes, int]]) -> bytes:
    """The bytes of ``run.json``.

    Args:
        name: its file name.
        run: what it says besides.
        files: by name, the bytes of each table and how many rows it has.
    """
    content: dict[str, Any] = {
        file: {"rows": rows, "sha256": hashlib.sha256(data).hexdigest()}
        for file, (data, rows) in files.items()
    }
    content[name] = {"sha256": _BLANK}
    blank = json.dumps({**run, CONTENT: content}, indent=1, sort_keys=True) + "\n"
    content[name] = {"sha256": hashlib.sha256(blank.encode()).hexdigest()}
    return (json.dumps({**run, CONTENT: content}, indent=1, sort_keys=True) + "\n").encode()


def opened(name: str, data: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """What ``run.json`` says, and what it says of the tables beside it.

    Args:
        name: its file name.
        data: its bytes.

    Raises:
        BrokenSealError: it has no hashes, or is not as it was written.
        ValueError, KeyError, TypeError: it is not of that form.
    """
    run: dict[str, Any] = json.loads(data)
    if CONTENT not in run:
        raise BrokenSealError("it has lost its hashes")
    content = dict(run.pop(CONTENT))
    own = str(content.pop(name)["sha256"]).encode()
    blank = data.replace(own, _BLANK.encode())
    if hashlib.sha256(blank).hexdigest().encode() != own:
        raise BrokenSealError(OTHER)
    return run, content


def check(name: str, data: bytes, content: Mapping[str, Any]) -> None:
    """Compare a table's bytes with what ``run.json`` says of them.

    Raises:
        BrokenSealError: they are others.
        KeyError, TypeError: it says nothing of them.
    """
    if hashlib.sha256(data).hexdigest() != content[name]["sha256"]:
        raise BrokenSealError(OTHER)
