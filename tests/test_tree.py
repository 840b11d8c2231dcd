"""The source tree: what imports what, and how long a file is."""

from __future__ import annotations

import subprocess
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]
MAX_LINES = 300


def test_no_module_imports_itself_through_others() -> None:
    # Imports inside functions count: they hide a circle, and do not open it.
    graph = grimp.build_graph("slaibench", cache_dir=None)
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    TopologicalSorter(imports).prepare()  # raises CycleError, with the modules of a circle


def test_every_file_is_read_in_a_few_screens() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("no work tree")
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z", "*.py"], capture_output=True, text=True, check=True
    )
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    lengths = {
        str(file.relative_to(ROOT)): len(file.read_text(encoding="utf-8").splitlines())
        for file in files
        if file.is_file()
    }
    assert {name: lines for name, lines in lengths.items() if lines > MAX_LINES} == {}
