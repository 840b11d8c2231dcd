"""The example notebook runs, and shows what its text says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "docs" / "notebook.ipynb"
nbformat = pytest.importorskip("nbformat", reason="pip install -e .[notebook] brings a kernel")
pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")
EXECUTE = """\
import sys, nbformat
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec
from nbclient import NotebookClient

notebook = nbformat.read(sys.argv[1], as_version=4)
manager = AsyncKernelManager()
argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
manager._kernel_spec = KernelSpec(argv=argv, language="python", display_name="Python")
NotebookClient(notebook, km=manager, timeout=300).execute()
nbformat.write(notebook, sys.argv[2])
"""
"""Run by a process of its own: the client leaves its sockets to the collector. The kernel is this
Python, whichever are registered."""


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The notebook's code cells, run in an empty folder by this Python."""
    folder = tmp_path_factory.mktemp("notebook")
    done = subprocess.run(
        [sys.executable, "-c", EXECUTE, NOTEBOOK, "done.ipynb"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    notebook = nbformat.read(folder / "done.ipynb", as_version=4)
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def shown(cells: list[Any], source: str) -> list[Any]:
    """What the cell that ends in this line shows."""
    (cell,) = [cell for cell in cells if cell.source.splitlines()[-1] == source]
    return [out.get("data", {}) for out in cell.outputs]


def test_the_notebook_has_no_outputs_of_its_own() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") for cell in notebook.cells)


def test_results_are_tables_and_figures_are_shown_once(cells: list[Any]) -> None:
    progress, result = shown(cells, "swept")
    assert progress == {"text/plain": "", "text/html": ""}  # it goes away when all is done
    assert 'id="table-ttft"' in result["text/html"]
    assert result["text/plain"].startswith("<SweepResult: sarathi, slai at 10 to 30 requests/s")
    for source in ("swept.plot()", 'swept.plot("capacity")'):
        (figure,) = shown(cells, source)
        assert figure["image/png"].startswith("iVBOR")
    (ratio,) = shown(cells, "both.capacity_ratio")
    assert ratio["text/plain"].startswith("Estimate(value=")
    (page,) = shown(cells, "both.report()")
    assert ".html" in page["text/plain"]
