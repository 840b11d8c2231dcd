"""Where things that took long to make are kept between runs."""

from __future__ import annotations

import os
from pathlib import Path

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
