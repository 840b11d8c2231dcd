"""One comparison of closed loops and its page."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from slaibench.report.files import ReportFiles
from slaibench.report.pages.closed_loop.document import ClosedDocument
from slaibench.report.pages.closed_loop.page import PAGE
from slaibench.studies.closed_result import ClosedResult
from tests.report.conftest import Written
from tests.studies.closed import closed


@pytest.fixture(scope="session")
def site_of_loops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("closed_loop")


@pytest.fixture(scope="session")
def closed_loops(site_of_loops: Path) -> ClosedResult:
    return closed(site_of_loops / "results")


@pytest.fixture(scope="session")
def closed_doc(closed_loops: ClosedResult, site_of_loops: Path) -> ClosedDocument:
    return PAGE.document(closed_loops, site_of_loops / "reports")


@pytest.fixture(scope="session")
def closed_page(closed_loops: ClosedResult, site_of_loops: Path) -> ReportFiles:
    return PAGE.write(closed_loops, site_of_loops / "reports")


@pytest.fixture
def closed_to_spoil(closed_page: ReportFiles, site_of_loops: Path, tmp_path: Path) -> Written:
    """The page and its recordings once more, to be spoilt."""
    for name in ("results", "reports"):
        shutil.copytree(site_of_loops / name, tmp_path / name)
    html = tmp_path / "reports" / closed_page.html.name
    return Written(tmp_path, tmp_path / "results", ReportFiles(html, ()))
