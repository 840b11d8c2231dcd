"""Drawings of a page, inside it and beside it: one that is another is found."""

from __future__ import annotations

import re
import shutil

import pytest

from slaibench.report.study_document import StudyDocument
from slaibench.report.verify import verify
from tests.report.conftest import Written, edit


def test_a_picture_replaced_by_another_is_found(copied: Written) -> None:
    first, second, *_ = copied.files.pngs
    first.write_bytes(second.read_bytes())
    (mismatch,) = verify(copied.files.html).mismatches
    assert mismatch.where == str(first)
    second.unlink()
    mismatch = verify(copied.files.html).mismatches[-1]
    assert mismatch.where == str(second)
    assert "cannot be read" in mismatch.right


@pytest.mark.parametrize("ending", ["svg", "pdf"])
def test_a_drawing_for_papers_that_was_changed_is_found(copied: Written, ending: str) -> None:
    file = copied.files.pngs[0].with_suffix(f".{ending}")
    file.write_bytes(file.read_bytes() + b" ")
    (mismatch,) = verify(copied.files.html).mismatches
    assert (mismatch.where, mismatch.page) == (str(file), "drawn another")


def test_a_page_of_before_there_were_drawings_for_papers_is_true(copied: Written) -> None:
    def older(doc: StudyDocument) -> None:
        doc["made"]["frame"] = 2
        for entries in doc["pictures"].values():
            for entry in entries:
                del entry["svg_sha256"], entry["pdf_sha256"]

    for file in copied.files.drawings:
        if file.suffix != ".png":
            file.unlink()
    edit(copied.files.html, older)
    verification = verify(copied.files.html)
    assert verification.mismatches == ()
    assert "frame 2, which this slaibench does not render" in verification.notes[0]


def test_a_page_without_the_folder_of_its_drawings_is_true(copied: Written) -> None:
    shutil.rmtree(copied.files.html.with_suffix(""))
    verification = verify(copied.files.html)
    assert verification.mismatches == ()
    assert verification.ok
    assert "no folder" in verification.notes[-1]


def test_an_image_in_the_page_replaced_by_another_is_found(copied: Written) -> None:
    text = copied.files.html.read_text("utf-8")
    first, second, *_ = re.findall(r' src="data:image/svg[^"]*"', text)
    copied.files.html.write_text(text.replace(first, second, 1), "utf-8")
    (mismatch,) = verify(copied.files.html).mismatches
    assert mismatch.where.startswith("figure ttft, drawing 01-ttft-p50")


def test_a_drawing_of_something_else_is_found_though_its_hashes_are_right(copied: Written) -> None:
    def change(doc: StudyDocument) -> None:
        doc["pictures"]["ttft"][0]["data"] = doc["pictures"]["ttft"][1]["data"]

    edit(copied.files.html, change)
    where = [mismatch.where for mismatch in verify(copied.files.html).mismatches]
    assert "figure ttft, drawing 01-ttft-p50" in where
    assert "figure ttft, drawing 01-ttft-p99" not in where
    edit(copied.files.html, lambda doc: doc["pictures"].pop("change"))
    where = [mismatch.where for mismatch in verify(copied.files.html).mismatches]
    assert "figure change" in where
