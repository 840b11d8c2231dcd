"""The index of a folder: a row a page, made of its document; nothing in the folder breaks it."""

from __future__ import annotations

import multiprocessing
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from slaibench.report import index as index_module
from slaibench.report.files import ReportError
from slaibench.report.index import write_index
from slaibench.report.page_file import KindOf, PageFile
from slaibench.report.pages.study import PAGE
from slaibench.report.study_document import StudyDocument
from slaibench.report.verify import verify
from tests.report.conftest import Written, edit
from tests.report.test_page import outline


@pytest.fixture
def folder(written: Written, tmp_path: Path) -> Path:
    shutil.copy(written.files.html, tmp_path)
    return tmp_path


@pytest.fixture
def page(folder: Path, written: Written) -> Path:
    return folder / written.files.html.name


def test_a_row_says_what_the_document_has(folder: Path, page: Path, doc: StudyDocument) -> None:
    index = write_index(folder)
    (entry,) = index.entries
    card = PAGE.card(doc)
    assert entry.card == card
    assert (card.kind, card.model, card.place, card.backends) == (
        "Comparison",
        "mistral-7b",
        "h100",
        ("sim",),
    )
    assert card.schedulers == ("sarathi", "slai")
    assert f"<h1>{card.finding}</h1>" in page.read_text("utf-8")
    text = (folder / "index.html").read_text("utf-8")
    assert f'<a href="{page.name}">{card.finding}</a>' in text
    assert index.html == folder / "index.html"
    assert outline(text).links == ["#main", page.name]


def test_every_page_links_to_the_index_of_its_folder(page: Path) -> None:
    assert '<a href="index.html">All reports</a>' in page.read_text("utf-8")


def test_other_files_are_left_out_and_left_alone(folder: Path) -> None:
    (folder / "notes.html").write_text("<p>mine")
    (folder / "folder.html").mkdir()
    (folder / ".hidden.html").write_text("<p>hidden")
    index = write_index(folder)
    assert (len(index.entries), index.notes) == (1, ())
    assert (folder / "notes.html").read_text() == "<p>mine"


def test_somebody_else_s_index_is_not_touched(folder: Path) -> None:
    (folder / "index.html").write_text("<p>mine")
    index = write_index(folder)
    assert index.html is None
    (note,) = index.notes
    assert "index.html' is not slaibench's: it is left as it is" in note
    assert (folder / "index.html").read_text() == "<p>mine"


def test_a_page_that_cannot_be_read_is_named_and_the_others_are_there(
    folder: Path, page: Path
) -> None:
    for name in ("older.html", "odd.html", "bad.html"):
        shutil.copy(page, folder / name)
    edit(folder / "older.html", lambda doc: doc.update(format_version=1))
    edit(folder / "odd.html", lambda doc: doc.update(capacities=3))
    text = (folder / "bad.html").read_text("utf-8")
    (folder / "bad.html").write_text(text.replace('slaibench-numbers">\n{', 'slaibench-numbers">'))
    index = write_index(folder)
    assert len(index.entries) == 1
    names = ("bad.html", "odd.html", "older.html")
    assert all(name in note for name, note in zip(names, index.notes, strict=True))
    assert "use the version that wrote it" in index.notes[2]
    written = (folder / "index.html").read_text("utf-8")
    assert all(name in written for name in names)


def test_a_folder_that_cannot_be_written_is_a_note(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: Path, text: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(index_module, "write_whole", full)
    assert "No space left on device" in write_index(folder).notes[0]
    assert write_index(folder / "nowhere").notes[0].endswith("No such file or directory")


def test_the_same_pages_give_the_same_bytes(folder: Path, page: Path) -> None:
    write_index(folder)
    before = (folder / "index.html").read_bytes()
    os.utime(page, (1, 1))
    write_index(folder)
    assert (folder / "index.html").read_bytes() == before


def _place(folder: Path, page: Path, name: str) -> None:
    shutil.copy(page, folder / name)
    write_index(folder)


def test_pages_of_processes_that_write_at_once_are_all_in_the_index(
    folder: Path, page: Path
) -> None:
    names = [f"page-{number}.html" for number in range(4)]
    # None is forked: other tests have threads.
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_place, args=(folder, page, name)) for name in names]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * len(names)
    text = (folder / "index.html").read_text("utf-8")
    assert all(f'href="{name}"' in text for name in names)
    assert not list(folder.glob(".*"))


def test_a_page_that_comes_while_the_index_is_made_is_in_it(
    folder: Path, page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = index_module.read_page
    late: Iterator[str] = iter(["late.html"])

    def read_page(html: Path, kind_of: KindOf) -> PageFile:
        if name := next(late, None):
            shutil.copy(page, folder / name)
        return read(html, kind_of)

    monkeypatch.setattr(index_module, "read_page", read_page)
    assert len(write_index(folder).entries) == 2


def test_names_are_no_markup(folder: Path, page: Path) -> None:
    page.rename(folder / 'a<b>&"c #1.html')
    write_index(folder)
    text = (folder / "index.html").read_text("utf-8")
    assert 'href="a%3Cb%3E%26%22c%20%231.html"' in text
    assert "<b>" not in text
    outline(text)


def test_an_empty_folder_says_what_writes_a_page(tmp_path: Path) -> None:
    write_index(tmp_path)
    assert "slaibench compare" in (tmp_path / "index.html").read_text("utf-8")


def test_the_index_is_no_page_to_verify(folder: Path) -> None:
    write_index(folder)
    with pytest.raises(ReportError, match="is the index of a folder: verify one of its pages"):
        verify(folder / "index.html")
