"""One real validation, and its page, for all tests of such pages: the simulator against itself, and
against itself with too few KV blocks."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from slaibench.report.files import ReportFiles
from slaibench.report.numbers import Document
from slaibench.report.page import makers
from slaibench.report.validation.numbers import document
from slaibench.report.validation.page import write_validation
from slaibench.report.validation.subject import Validation, make_validation
from slaibench.studies.crosscheck.study import ValidateResult
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
    return tmp_path_factory.mktemp("validation")


@pytest.fixture(scope="session")
def validated(top: Path) -> ValidateResult:
    """At the lower rate nobody is short of memory, at the higher one ``small`` is."""
    with other_backends():
        return run(top / "results", BETWEEN, rates=(2.0, 15.0), num_requests=300)


@pytest.fixture(scope="session")
def validation(validated: ValidateResult) -> Validation:
    return make_validation(validated)


@pytest.fixture(scope="session")
def numbers(validation: Validation, top: Path) -> Document:
    made = {**makers(), "profiles": {name: {} for name in BETWEEN}}
    with other_backends():
        return document(validation, top / "reports", made)


@pytest.fixture(scope="session")
def page(validated: ValidateResult, top: Path) -> ReportFiles:
    with other_backends():
        return write_validation(validated, top / "reports")


@pytest.fixture
def spoilt(page: ReportFiles, top: Path, tmp_path: Path) -> Written:
    """The page and its recordings once more, to be spoilt."""
    for name in ("results", "reports"):
        shutil.copytree(top / name, tmp_path / name)
    html = tmp_path / "reports" / page.html.name
    return Written(tmp_path, tmp_path / "results", ReportFiles(html, ()))
