"""Versions of packages that decide times, read without importing what takes seconds."""

from __future__ import annotations

import platform
import re
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path


def versions_of_torch() -> dict[str, str]:
    """Of Python, PyTorch, and the CUDA that it was built for, as far as they are here."""
    found = {"python": platform.python_version()}
    with suppress(PackageNotFoundError):
        found["torch"] = version("torch")
    spec = find_spec("torch")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        with suppress(OSError):
            text = (Path(folder) / "version.py").read_text(encoding="utf-8")
            if cuda := re.search(r"^cuda\b.*= '([\d.]+)'$", text, re.MULTILINE):
                found["cuda"] = cuda[1]
    return found
