"""Files that users wrote for earlier versions: what they import is elsewhere now.

``schedulers`` and ``workloads`` were top-level packages. Where nothing else by such a name can be
found, it means ours, by whatever name it is imported: the modules are the same objects.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

HOME = __name__.split(".", maxsplit=1)[0]
PACKAGES = ("schedulers", "workloads")
MODULES = {"schedulers.steps": "schedulers.batching"}
"""Modules that have another name beside that of their package."""


class _FormerPackages(MetaPathFinder, Loader):
    """Finds our modules under their former names."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package = fullname.partition(".")[0]
        if package not in PACKAGES:
            return None
        if fullname == package:
            return None if _is_somebody_elses(package) else ModuleSpec(fullname, self)
        ours = sys.modules.get(f"{HOME}.{package}")
        if sys.modules[package] is not ours or find_spec(_present_name(fullname)) is None:
            return None
        return ModuleSpec(fullname, self)

    def exec_module(self, module: ModuleType) -> None:
        """The import ends with what ``sys.modules`` holds then, not with the empty module."""
        sys.modules[module.__name__] = import_module(_present_name(module.__name__))


def _present_name(former: str) -> str:
    return f"{HOME}.{MODULES.get(former, former)}"


def _is_somebody_elses(package: str) -> bool:
    """Whether the import finds a package that is not ours; from a source tree it finds ours."""
    for finder in sys.meta_path:
        spec = None if isinstance(finder, _FormerPackages) else finder.find_spec(package, None)
        if spec is not None:
            ours = (Path(__file__).parent / package).resolve()
            places = spec.submodule_search_locations or ()
            return not any(Path(place).resolve() == ours for place in places)
    return False


def allow_former_names() -> None:
    """Before a user's file is imported; once is enough."""
    if not any(isinstance(finder, _FormerPackages) for finder in sys.meta_path):
        # First: of a package's modules, others would make second copies.
        sys.meta_path.insert(0, _FormerPackages())
