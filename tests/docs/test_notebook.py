"""The example notebook runs, and shows what its text says."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebook.ipynb"
nbformat = pytest.importorskip("nbformat", reason="pip install -e .[test] brings a kernel")
pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

# The kernel's client leaves its sockets to the collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The notebook's code cells, run in an empty folder by this Python."""
    from jupyter_client import AsyncKernelManager  # noqa: PLC0415
    from jupyter_client.kernelspec import KernelSpec  # noqa: PLC0415
    from nbclient import NotebookClient  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("notebook")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    manager = AsyncKernelManager()
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    manager._kernel_spec = KernelSpec(argv=argv, language="python", display_name="Python")
    NotebookClient(
        notebook, km=manager, timeout=300, resources={"metadata": {"path": str(folder)}}
    ).execute()
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
