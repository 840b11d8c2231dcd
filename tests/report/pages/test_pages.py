"""Kinds of page are found: our own by their module, others by an entry point."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from slaibench.report import pages
from slaibench.report.files import ReportError
from slaibench.report.pages import AnyPage, formats, page_of
from slaibench.report.verify import PageVerdict, verify
from slaibench.studies.compare import CompareResult
from tests.brought import package
from tests.report.conftest import edit

ONE_FILE = Path(__file__).with_name("dummy.py")


@pytest.fixture
def dummy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AnyPage]:
    """One more file among the kinds of page, and nothing else."""
    shutil.copy(ONE_FILE, tmp_path / "dummy.py")
    monkeypatch.setattr(pages, "__path__", [*pages.__path__, str(tmp_path)])
    page = page_of("dummy")
    assert page is not None
    yield page
    del sys.modules["slaibench.report.pages.dummy"]


def test_the_kinds_are_these() -> None:
    own = ("board", "bound", "validation", "report", "capacity", "server", "paper", "closed-loop")
    assert sorted(formats()) == sorted(f"slaibench-{name}" for name in own)
    for name in formats():
        page = page_of(name)
        assert page is not None
        assert page.format == name
    assert page_of("slaibench-nothing") is None


def test_one_file_is_a_page_that_is_written_and_verified(
    dummy: AnyPage, compared: CompareResult, root: Path
) -> None:
    html = dummy.write((compared.sweep.spec, list(compared.sweep.cells)), root / "more").html
    verification = verify(html)
    assert verification.mismatches == ()
    assert verification.verdict is PageVerdict.SAME
    assert (verification.checked > len(compared.sweep.cells), verification.pictures) == (True, 1)
    assert verification.again.startswith("slaibench dummy ")
    edit(html, lambda doc: doc["due"].__setitem__(0, 1))
    where = [mismatch.where for mismatch in verify(html).mismatches]
    assert "due[0]" in where
    assert any(path.startswith("page, line ") for path in where)


def test_another_package_brings_a_page(site: Path) -> None:
    package(site, pages.GROUP, "dummy = theirs:PAGE", ONE_FILE.read_text(encoding="utf-8"))
    page = page_of("dummy")
    assert page is not None
    assert page.version == 1
    assert "dummy" in formats()


@pytest.mark.parametrize(
    ("code", "message"),
    [("import nowhere", "cannot be loaded .*nowhere"), ("PAGE = 3", "is no page but a int")],
)
def test_a_page_that_cannot_be_had_is_said_in_a_sentence(
    site: Path, code: str, message: str
) -> None:
    package(site, pages.GROUP, "dummy = theirs:PAGE", code)
    assert page_of("slaibench-report") is not None
    with pytest.raises(ReportError, match=f"'dummy' need 'theirs:PAGE', which {message}"):
        page_of("dummy")
