"""One real crosscheck, and its page, for all tests of such pages: the simulator against itself, and
against itself with too few KV blocks."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from slaibench.report.files import ReportFiles
from slaibench.report.pages.crosscheck import PAGE
from slaibench.report.pages.crosscheck.document import CrosscheckDocument
from slaibench.report.pages.crosscheck.subject import Crosscheck, make_crosscheck
from slaibench.studies.crosscheck.study import CrosscheckResult
from slaibench.studies.systems import table
from tests.report.conftest import Written
from tests.studies.crosscheck.test_study import Small, Twin, run

BETWEEN = ("sim", "twin", "small")


@contextmanager
def other_backends() -> Iterator[None]:
    """While it lasts there are two more backends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(table.SYSTEMS, "twin", Twin)
        patch.setitem(table.SYSTEMS, "small", Small)
        yield


@pytest.fixture(autouse=True)
def others() -> Iterator[None]:
    with other_backends():
        yield


@pytest.fixture(scope="session")
def top(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("crosscheck")


@pytest.fixture(scope="session")
def validated(top: Path) -> CrosscheckResult:
    """At the lower rate nobody is short of memory, at the higher one ``small`` is."""
    with other_backends():
        return run(top / "results", BETWEEN, rates=(2.0, 15.0), num_requests=300)


@pytest.fixture(scope="session")
def crosscheck(validated: CrosscheckResult) -> Crosscheck:
    with other_backends():
        return make_crosscheck(validated)


@pytest.fixture(scope="session")
def numbers(crosscheck: Crosscheck, top: Path) -> CrosscheckDocument:
    with other_backends():
        return PAGE.document(crosscheck, top / "reports")


@pytest.fixture(scope="session")
def page(crosscheck: Crosscheck, top: Path) -> ReportFiles:
    with other_backends():
        return PAGE.write(crosscheck, top / "reports")


@pytest.fixture
def spoilt(page: ReportFiles, top: Path, tmp_path: Path) -> Written:
    """The page and its recordings once more, to be spoilt."""
    for name in ("results", "reports"):
        shutil.copytree(top / name, tmp_path / name)
    html = tmp_path / "reports" / page.html.name
    return Written(tmp_path, tmp_path / "results", ReportFiles(html, ()))
