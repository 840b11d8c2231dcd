"""One real study of bounds, and its page, for all tests of such pages."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from slaibench.report.files import ReportFiles
from slaibench.report.pages.bound import PAGE
from slaibench.report.pages.bound.document import BoundDocument
from slaibench.studies.bound.result import BoundResult
from slaibench.studies.bound.study import plan, run
from tests.report.conftest import Written
from tests.studies.bound.specs import small


@pytest.fixture(scope="session")
def top(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("theory")


@pytest.fixture(scope="session")
def result(top: Path) -> BoundResult:
    return run(plan(small(), top / "results", jobs=1))


@pytest.fixture(scope="session")
def numbers(result: BoundResult, top: Path) -> BoundDocument:
    return PAGE.document(result, top / "reports")


@pytest.fixture(scope="session")
def page(result: BoundResult, top: Path) -> ReportFiles:
    return PAGE.write(result, top / "reports")


@pytest.fixture
def spoilt(page: ReportFiles, top: Path, tmp_path: Path) -> Written:
    """The page and its recordings once more, to be spoilt."""
    for name in ("results", "reports"):
        shutil.copytree(top / name, tmp_path / name)
    html = tmp_path / "reports" / page.html.name
    return Written(tmp_path, tmp_path / "results", ReportFiles(html, ()))
