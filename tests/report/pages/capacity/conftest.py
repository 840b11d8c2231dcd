"""One real search for two capacities, and its page, for all tests of such pages."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from slaibench.report.files import ReportFiles
from slaibench.report.pages.capacity.document import CapacityDocument
from slaibench.report.pages.capacity.page import PAGE, searched
from slaibench.report.subject import Subject
from slaibench.studies.capacity import CapacityResult
from tests.report.conftest import Written
from tests.studies.studies import find_capacity, study


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("capacity")


@pytest.fixture(scope="session")
def both_results(place: Path) -> list[CapacityResult]:
    spec = study(
        schedulers=("sarathi", "slai"),
        rates=(),
        num_requests=600,
        num_seeds=2,
        slo="ttft_p50<0.05,ttft_p90<1",
    )
    return find_capacity(spec, place / "results", jobs=1)


@pytest.fixture(scope="session")
def both(both_results: list[CapacityResult]) -> Subject:
    return searched(both_results)


@pytest.fixture(scope="session")
def search_doc(both: Subject, place: Path) -> CapacityDocument:
    return PAGE.document(both, place / "reports")


@pytest.fixture(scope="session")
def search_page(both: Subject, place: Path) -> ReportFiles:
    return PAGE.write(both, place / "reports")


@pytest.fixture
def to_spoil(search_page: ReportFiles, place: Path, tmp_path: Path) -> Written:
    """The page and its recordings once more, to be spoilt."""
    for name in ("results", "reports"):
        shutil.copytree(place / name, tmp_path / name)
    html = tmp_path / "reports" / search_page.html.name
    return Written(tmp_path, tmp_path / "results", ReportFiles(html, ()))
