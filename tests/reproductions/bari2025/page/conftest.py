"""The page of a real, small part of the paper."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from slaibench.report.files import ReportFiles
from slaibench.reproductions.bari2025.page import PAGE
from slaibench.reproductions.bari2025.page.document import PaperDocument
from tests.report.conftest import Written
from tests.reproductions.bari2025.small import SmallPaper


@pytest.fixture(scope="session")
def paper_page(small_paper: SmallPaper) -> ReportFiles:
    return PAGE.write(small_paper.result, small_paper.folder / "reports")


@pytest.fixture(scope="session")
def paper_doc(small_paper: SmallPaper) -> PaperDocument:
    return PAGE.document(small_paper.result, small_paper.folder / "reports")


@pytest.fixture
def spoilt(small_paper: SmallPaper, paper_page: ReportFiles, tmp_path: Path) -> Written:
    """The page and its recordings once more, to be spoilt."""
    for name in ("results", "reports"):
        shutil.copytree(small_paper.folder / name, tmp_path / name)
    html = tmp_path / "reports" / paper_page.html.name
    return Written(tmp_path, tmp_path / "results", ReportFiles(html, ()))
