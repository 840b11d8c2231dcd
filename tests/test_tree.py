"""The source tree: what imports what."""

from __future__ import annotations

from graphlib import TopologicalSorter
from pathlib import Path

import grimp


def test_no_module_imports_itself_through_others() -> None:
    # Imports inside functions count: they hide a circle, and do not open it.
    graph = grimp.build_graph("slaibench", cache_dir=None)
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    TopologicalSorter(imports).prepare()  # raises CycleError, with the modules of a circle
