"""The page: whole, alone, the same each time, and harmless whatever a scheduler is called."""

from __future__ import annotations

import os
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from slaibench.report import files as written_files
from slaibench.report.figures.image import data_uri
from slaibench.report.files import ReportError
from slaibench.report.pages.study import PAGE, write_report
from slaibench.report.study_document import StudyDocument
from slaibench.report.template import INDEX, Picture
from slaibench.studies.compare import CompareResult
from tests.report.conftest import Written
from tests.studies.studies import contents, study, sweep

FIGURES = (
    *("ttft", "tbt", "capacity", "change", "distribution", "lengths"),
    *("engine", "deadlines", "arrivals", "in-system"),
)
VOID = ("meta", "img", "input")


class Outline(HTMLParser):
    """Checks that elements nest, and keeps what a page refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()

    @property
    def drawings(self) -> list[str]:
        """What a page refers to outside of itself, but for the index beside it."""
        return [link for link in self.links if not link.startswith("#") and link != INDEX]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        values = dict(attrs)
        self.ids += [values["id"] or ""] if "id" in values else []
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def outline(text: str) -> Outline:
    parser = Outline()
    parser.feed(text)
    parser.close()
    assert parser.open == []
    return parser


def test_the_page_needs_nothing_but_itself(written: Written) -> None:
    text = written.files.html.read_text("utf-8")
    page = outline(text)
    assert page.links
    drawings = page.drawings
    assert all(link.startswith("data:image/svg+xml,") for link in drawings)
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert "@import" not in text
    assert "url(http" not in text
    assert len(set(page.ids)) == len(page.ids)
    assert len(text) < 2_500_000


def test_all_figures_are_there_in_order_each_with_a_caption(written: Written) -> None:
    text = written.files.html.read_text("utf-8")
    assert tuple(re.findall(r'<figure id="figure-([a-z-]+)">', text)) == FIGURES
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", text, re.DOTALL)
    assert len(captions) == len(FIGURES)
    for name, caption in zip(FIGURES, captions, strict=True):
        assert re.search(r"n = \d|Of \d+ runs|table below has n", caption), name


def test_the_drawings_lie_beside_the_page_as_png_svg_and_pdf(written: Written) -> None:
    folder = written.files.html.with_suffix("")
    assert {path.parent for path in written.files.pngs} == {folder}
    assert sorted(folder.iterdir()) == sorted(written.files.drawings)
    images = re.findall(r'<img class="panel"', written.files.html.read_text("utf-8"))
    assert len(images) == len(written.files.pngs)
    for png in written.files.pngs:
        assert png.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
        svg, pdf = (png.with_suffix(f".{ending}").read_bytes() for ending in ("svg", "pdf"))
        assert b"<svg " in svg
        assert pdf.startswith(b"%PDF-")
        # Journals refuse Type 3 fonts, and bytes with a date do not repeat.
        assert b"/Type3" not in pdf
        assert b"CreationDate" not in pdf
        assert b"<dc:date>" not in svg


def test_the_same_input_gives_the_same_bytes(
    written: Written, compared: CompareResult, root: Path
) -> None:
    before = contents(root / "reports")
    again = write_report(compared.sweep, root / "reports", comparison=compared)
    assert again == written.files
    assert contents(root / "reports") == before


def test_the_file_is_named_after_the_study(written: Written, doc: StudyDocument) -> None:
    assert re.fullmatch(r"compare-h100-mistral-7b-[0-9a-f]{8}\.html", written.files.html.name)
    assert PAGE.stem({**doc, "pair": None}).startswith("sweep-h100-mistral-7b-")
    odd = {**doc, "served": {**doc["served"], "place": "a/b c:d"}}
    assert re.fullmatch(r"compare-a_b_c_d-mistral-7b-[0-9a-f]{8}", PAGE.stem(odd))


def test_a_comparison_of_other_runs_than_the_sweep_s_is_refused(
    compared: CompareResult, root: Path
) -> None:
    other = sweep(study(schedulers=("sarathi", "slai")), root / "others", jobs=1)
    with pytest.raises(ValueError, match="which the sweep has not"):
        write_report(other, root / "nowhere", comparison=compared)
    assert not (root / "nowhere").exists()


def test_a_folder_that_cannot_be_is_refused_with_its_name(
    compared: CompareResult, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ReportError, match="file"):
        write_report(compared.sweep, tmp_path / "file")


def test_what_was_there_stays_when_writing_fails(
    copied: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(copied.root / "reports")
    replace = os.replace
    calls: list[Path] = []

    def fails_last(source: Path, target: Path) -> None:
        calls.append(target)
        if target.suffix == ".html":
            raise OSError("disk full")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fails_last)
    with pytest.raises(ReportError, match="disk full"):
        written_files.write(copied.root / "reports", copied.files.html.stem, "new", {})
    assert calls
    assert contents(copied.root / "reports") == before


HOSTILE = 'x.py:A"><script>alert(1)</script>&amp;$_{'


def test_a_scheduler_s_name_cannot_become_markup(doc: StudyDocument) -> None:
    text = PAGE.render(_renamed(doc, "slai", HOSTILE), {"ttft": [Picture("<img>")]})
    page = outline(text)
    assert text.count("<script") == 2  # the numbers and the page's own script
    assert "script" in page.tags
    assert "alert(1)&lt;/script&gt;&amp;amp;$_{" in text


def _renamed(doc: StudyDocument, old: str, new: str) -> StudyDocument:
    """The document with a scheduler of another name."""

    def walk(value: object) -> object:
        if isinstance(value, dict):
            return {new if k == old else k: walk(v) for k, v in value.items()}
        if isinstance(value, list):
            return [walk(item) for item in value]
        return new if value == old else value

    changed = walk(doc)
    assert isinstance(changed, dict)
    return changed


def test_a_data_uri_keeps_the_drawing_and_drops_the_rest() -> None:
    svg = (
        b'<?xml version="1.0"?>\n<!DOCTYPE svg>\n<svg xmlns:xlink="u">\n <metadata>\n  who\n'
        b' </metadata>\n <!-- 2.5 -->\n <g id="line2d_1">\n'
        b'  <path d="M 41.979732 186.637835 \nL 1 -2"'
        b' style="fill: #fff" transform="scale(0.015625)"/>\n'
        b'  <use xlink:href="#DejaVuSans-15" transform="translate(67.139567 5)"/>\n </g>\n</svg>\n'
    )
    assert data_uri(svg) == (
        "data:image/svg+xml,%3Csvg xmlns:xlink='u'%3E%3Cg%3E%3Cpath d='M 41.98 186.64 L 1 -2' "
        "style='fill:%23fff' transform='scale(0.015625)'/%3E"
        "%3Cuse href='%23g15' transform='translate(67.14 5)'/%3E%3C/g%3E%3C/svg%3E"
    )
