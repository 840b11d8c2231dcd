"""One search within two minutes, of the simulator's time, and its page."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from slaibench.report.files import ReportFiles
from slaibench.report.pages.server.document import ServerDocument
from slaibench.report.pages.server.page import PAGE
from slaibench.studies.pace import Pace
from slaibench.studies.paced_result import PacedResult
from tests.report.conftest import Written
from tests.studies.test_paced import simulated


@pytest.fixture(scope="session")
def site_of_server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="session")
def paced_search(site_of_server: Path) -> PacedResult:
    return simulated(site_of_server / "results", Pace(2.0))


@pytest.fixture(scope="session")
def server_doc(paced_search: PacedResult, site_of_server: Path) -> ServerDocument:
    return PAGE.document(paced_search, site_of_server / "reports")


@pytest.fixture(scope="session")
def server_page(paced_search: PacedResult, site_of_server: Path) -> ReportFiles:
    return PAGE.write(paced_search, site_of_server / "reports")


@pytest.fixture
def server_to_spoil(server_page: ReportFiles, site_of_server: Path, tmp_path: Path) -> Written:
    """The page and its recordings once more, to be spoilt."""
    for name in ("results", "reports"):
        shutil.copytree(site_of_server / name, tmp_path / name)
    html = tmp_path / "reports" / server_page.html.name
    return Written(tmp_path, tmp_path / "results", ReportFiles(html, ()))
