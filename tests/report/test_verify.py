"""A report that is not true any more is found out, whatever was changed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slaibench.report import recordings
from slaibench.report.files import ReportError
from slaibench.report.pages.study import PAGE, write_report
from slaibench.report.study_document import StudyDocument
from slaibench.report.subject import make_subject
from slaibench.report.verify import PageVerdict, verify
from slaibench.studies.code import Code
from slaibench.studies.compare import CompareResult
from tests.report.conftest import Written

NUMBERS = re.compile(r'(id="slaibench-numbers">\n)(.*?)(\n</script>)', re.DOTALL)


def edit(html: Path, change: Callable[[StudyDocument], Any]) -> None:
    """Change the numbers embedded in a page."""
    text = html.read_text("utf-8")
    embedded = NUMBERS.search(text)
    assert embedded is not None
    doc = json.loads(embedded.group(2))
    change(doc)
    new = json.dumps(doc, separators=(",", ":"))
    html.write_text(NUMBERS.sub(lambda m: m.group(1) + new + m.group(3), text), "utf-8")


def test_an_untouched_report_is_true(written: Written) -> None:
    calls: list[tuple[int, int]] = []
    verification = verify(
        written.files.html, on_run=lambda done, total: calls.append((done, total))
    )
    assert verification.mismatches == ()
    assert verification.ok
    assert verification.checked > 500
    assert verification.notes == ()
    assert calls[-1] == (verification.num_recordings, verification.num_recordings)


def test_report_and_recordings_may_move_together(copied: Written) -> None:
    assert verify(copied.files.html).ok


def test_a_number_changed_in_the_text_is_found(copied: Written) -> None:
    html = copied.files.html
    text = html.read_text("utf-8")
    shown = re.search(r'<td class="num">(\d\.\d{3})<small>', text)
    assert shown is not None
    wrong = f"{float(shown.group(1)) + 0.001:.3f}"
    html.write_text(text[: shown.start(1)] + wrong + text[shown.end(1) :], "utf-8")
    (mismatch,) = verify(html).mismatches
    assert mismatch.where.startswith("page, line ")
    assert wrong in mismatch.page
    assert shown.group(1) in mismatch.right
    assert wrong in str(mismatch)


@pytest.mark.parametrize("where", ["title", "h1"])
def test_a_changed_headline_is_found(copied: Written, where: str) -> None:
    text = copied.files.html.read_text("utf-8")
    changed = re.sub(rf"(<{where}>.*?)(\d)", r"\g<1>9\2", text, count=1)
    assert changed != text
    copied.files.html.write_text(changed, "utf-8")
    assert len(verify(copied.files.html).mismatches) == 1


def test_a_number_changed_in_the_json_is_found_in_both_places(copied: Written) -> None:
    def change(doc: StudyDocument) -> None:
        doc["points"]["slai"]["16"]["ttft_s"]["p50"]["value"] *= 2

    edit(copied.files.html, change)
    mismatches = verify(copied.files.html).mismatches
    assert "points/slai/16/ttft_s/p50/value" in [mismatch.where for mismatch in mismatches]
    assert any(mismatch.where.startswith("page, line") for mismatch in mismatches)


@pytest.mark.parametrize(("factor", "count"), [(1 + 1e-12, 0), (1 + 1e-7, 1)])
def test_the_last_bits_may_differ_and_nothing_else(
    copied: Written, factor: float, count: int
) -> None:
    def change(doc: StudyDocument) -> None:
        doc["points"]["slai"]["16"]["ttft_s"]["p50"]["value"] *= factor

    edit(copied.files.html, change)
    wrong = verify(copied.files.html).mismatches
    assert len([m for m in wrong if m.where.startswith("points/")]) == count


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda doc: doc["points"]["slai"].pop("16"), "points/slai/16/seeds"),
        (lambda doc: doc["points"]["slai"]["8"].update(extra=1), "points/slai/8/extra"),
        (lambda doc: doc["capacities"]["slai"].update(rate_rps=99.0), "capacities/slai/rate_rps"),
        (lambda doc: doc["ratios"][0].update(low=0.1), "ratios[0]/low"),
        (lambda doc: doc["changes"]["8"]["p50"].update(value=0.5), "changes/8/p50/value"),
        (lambda doc: doc["lengths"]["slai"].update(measured_s=1.0), "lengths/slai/measured_s"),
        (lambda doc: doc["audit"].update(num_valid=0), "audit/num_valid"),
        (lambda doc: doc["runs"][0].update(seed=7), "runs[0]/seed"),
        (lambda doc: doc["profile"]["errors"].clear(), "profile/errors"),
        (lambda doc: doc.update(first_saturated_rps=None), "first_saturated_rps"),
    ],
)
def test_every_part_of_the_json_is_recomputed(
    copied: Written, change: Callable[[StudyDocument], Any], where: str
) -> None:
    edit(copied.files.html, change)
    assert where in [mismatch.where for mismatch in verify(copied.files.html).mismatches]


def test_other_targets_than_those_measured_are_found(copied: Written) -> None:
    edit(copied.files.html, lambda doc: doc["spec"].update(slo="ttft_p50<0.001"))
    where = [mismatch.where for mismatch in verify(copied.files.html).mismatches]
    assert "capacities/slai/binding" in where


@pytest.mark.parametrize(
    ("field", "value"), [("gpu", "a100"), ("convention", "paper"), ("max_total_tokens", 9000)]
)
def test_a_study_that_its_runs_are_not_of_is_found(
    copied: Written, field: str, value: object
) -> None:
    edit(copied.files.html, lambda doc: doc["spec"].update({field: value}))
    verification = verify(copied.files.html)
    assert any(f"has {field}" in mismatch.right for mismatch in verification.mismatches)
    assert verification.notes


def test_a_page_by_other_code_is_true_and_says_so(
    copied: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recordings, "code_of", lambda *_: Code("0" * 16, None))
    verification = verify(copied.files.html)
    assert verification.mismatches == ()
    assert (verification.verdict, verification.ok) == (PageVerdict.OTHER_CODE, True)
    assert "here it is 0000000000000000" in verification.code


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


def test_the_text_of_another_version_s_page_is_not_judged(copied: Written) -> None:
    edit(copied.files.html, lambda doc: doc["made"].update(slaibench="0.0.1"))
    verification = verify(copied.files.html)
    assert verification.ok
    assert "written by slaibench 0.0.1" in verification.notes[0]


def test_nonsense_in_the_json_is_a_finding_and_no_crash(copied: Written) -> None:
    edit(copied.files.html, lambda doc: doc.update(points=None, capacities=[]))
    verification = verify(copied.files.html)
    assert not verification.ok
    assert any("cannot be" in mismatch.right for mismatch in verification.mismatches)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot read"),
        ("<p>hello</p>", "no slaibench report"),
        ('<script type="application/json" id="slaibench-numbers">{</script>', "damaged"),
        ('<script type="application/json" id="slaibench-numbers">[1]</script>', "damaged"),
        (
            '<script type="application/json" id="slaibench-numbers">'
            '{"format":"slaibench-report","format_version":99}</script>',
            "use the version that wrote it",
        ),
        (
            '<script type="application/json" id="slaibench-numbers">'
            '{"format":"slaibench-report","format_version":2}</script>',
            "name no recordings",
        ),
    ],
)
def test_what_is_no_report_is_refused(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "page.html"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ReportError, match=message):
        verify(path)


def test_a_page_of_several_comparisons_is_recomputed(three: CompareResult, tmp_path: Path) -> None:
    html = write_report(three.sweep, tmp_path / "reports", comparison=three).html
    assert verify(html).mismatches == ()

    def change(doc: StudyDocument) -> None:
        doc["more_changes"]["hrrn"]["8"]["p50"]["value"] = 0.5

    edit(html, change)
    places = [mismatch.where for mismatch in verify(html).mismatches]
    assert "more_changes/hrrn/8/p50/value" in places
    assert "compare sarathi slai hrrn" in verify(html).again


def test_a_page_that_was_written_without_verdicts_is_true(
    compared: CompareResult, tmp_path: Path
) -> None:
    old = make_subject(
        compared.sweep, searched=compared.capacities, compared=compared.schedulers, judged=False
    )
    html = PAGE.write(old, tmp_path / "reports").html
    assert '"verdict":{' not in html.read_text("utf-8")
    assert verify(html).mismatches == ()


def test_a_verdict_that_was_changed_or_left_out_is_found(copied: Written) -> None:
    def change(doc: StudyDocument) -> None:
        doc["points"]["slai"]["30"]["verdict"]["state"] = "met"
        del doc["points"]["slai"]["16"]["verdict"]

    edit(copied.files.html, change)
    places = [mismatch.where for mismatch in verify(copied.files.html).mismatches]
    assert "points/slai/30/verdict/state" in places
    assert "points/slai/16/verdict/state" in places


def test_another_value_in_an_interactive_figure_is_noticed(copied: Written) -> None:
    def other(doc: Any) -> None:
        doc["pictures"]["ttft"][0]["chart"]["series"][0]["points"][0]["y"] *= 0.5

    edit(copied.files.html, other)
    wrong = [str(mismatch) for mismatch in verify(copied.files.html).mismatches]
    place = "figure ttft, interactive form of 01-ttft-p50"
    assert f"{place}: the page has its values; its recordings give others" in wrong


def test_a_page_of_the_first_frame_has_its_text_alone(doc: StudyDocument) -> None:
    makers: Any = {name: part for name, part in doc["made"].items() if name != "frame"}
    old = PAGE.render({**doc, "made": makers}, {})
    now = PAGE.render(doc, {})
    for part in ("light-dark(", "<nav", 'id="main"', 'id="theme"'):
        assert part in now
        assert part not in old
    assert old.count("<script") == 1
