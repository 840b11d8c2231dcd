"""Where things that took long to make are kept between runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from slaibench.workloads.errors import WorkloadError

CACHE_VARIABLE = "SLAIBENCH_CACHE"
"""Environment variable that names the cache folder."""


def cache_dir() -> Path:
    """``$SLAIBENCH_CACHE``, else ``slaibench`` in ``$XDG_CACHE_HOME`` or ``~/.cache``.

    The folder need not exist. A relative ``$XDG_CACHE_HOME`` is ignored, as its specification asks.
    """
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named).expanduser()
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "slaibench"


@contextmanager
def kept_file(path: Path) -> Iterator[Path]:
    """Where to write what shall be at ``path``, whose folder is made: it comes there whole or not
    at all, since another process may be writing the same file.

    Raises:
        WorkloadError: it cannot be written.
    """
    unfinished = path.with_suffix(f".{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield unfinished
        unfinished.replace(path)
    except OSError as error:
        raise WorkloadError(
            f"cannot write {path}: {error}; set {CACHE_VARIABLE} to a folder that can be written"
        ) from error
