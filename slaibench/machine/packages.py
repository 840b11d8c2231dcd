"""Versions of packages that decide times, read without importing what takes seconds."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path


def versions_of(names: Iterable[str]) -> dict[str, str]:
    """Of those distributions that are installed."""
    found = {}
    for name in names:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def versions_of_torch() -> dict[str, str]:
    """Of Python, PyTorch, and the CUDA that it was built for, as far as they are here."""
    found = {"python": platform.python_version(), **versions_of(["torch"])}
    if cuda := re.search(r"^cuda\b.*= '([\d.]+)'$", _torch_says(), re.MULTILINE):
        found["cuda"] = cuda[1]
    return found


def torch_is_debug() -> bool:
    """Whether PyTorch is here, built for debugging."""
    return re.search(r"^debug\b.*= True$", _torch_says(), re.MULTILINE) is not None


def _torch_says() -> str:
    """PyTorch's ``version.py``; empty without PyTorch."""
    spec = find_spec("torch")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        with suppress(OSError):
            return (Path(folder) / "version.py").read_text(encoding="utf-8")
    return ""
