"""The files whose code a scheduler's is: its own, and what that imports of its own package."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

from slaibench.schedulers.contained import OURS, in_package


def files_of(module: ModuleType) -> set[Path]:
    """A module's file, and those of what it imports from its own package or from ours."""
    own = {module.__name__.partition(".")[0]} - {"builtins", OURS.partition(".")[0]}
    packages = {*own, OURS}
    names = {module.__name__}
    for value in vars(module).values():
        origin = value.__name__ if isinstance(value, ModuleType) else _origin(value)
        names.add(origin)
    modules = (
        sys.modules.get(name)
        for name in names
        if any(in_package(name, package) for package in packages)
    )
    files = (getattr(module, "__file__", None) for module in modules)
    return {Path(file) for file in files if file}


def _origin(value: object) -> str:
    origin = getattr(value, "__module__", None)
    return origin if isinstance(origin, str) else ""
