"""What others read of a regression run: JUnit XML, Markdown, annotations."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as Tree

import pytest

from slaibench.measure.regression import ChangeVerdict
from slaibench.report.files import ReportError, check_file, write_text
from slaibench.report.regress import words
from slaibench.report.regress.github import COLUMNS, MOST_ERRORS, annotation_lines, markdown
from slaibench.report.regress.junit import junit
from tests.report.regress.results import ALL, LOST, SAME, UNKNOWN, WORSE, result, row


def test_junit_has_a_suite_a_scheduler_and_a_case_a_verdict() -> None:
    root = Tree.fromstring(junit(ALL))
    assert root.tag == "testsuites"
    assert {key: root.get(key) for key in ("tests", "failures", "skipped", "errors")} == {
        **{"tests": "5", "failures": "2"},
        **{"skipped": "2", "errors": "0"},
    }
    suites = root.findall("testsuite")
    assert [suite.get("name") for suite in suites] == ["sarathi", "mine.py:Odd & <Name>?"]
    cases = suites[0].findall("testcase")
    assert [case.get("name") for case in cases] == [
        "TTFT P50 at 5 requests/s",
        "TTFT P99 at 5 requests/s",
        "TBT P99, free at 5 requests/s",
        "TPOT mean at 5 requests/s",
    ]
    (failure,) = cases[0].findall("failure")
    assert failure.get("message") == (
        "TTFT P50: 0.100 → 0.120 (+20.0%, 90 % interval +15.0% to +25.0%)"
    )
    (skipped,) = cases[1].findall("skipped")
    assert "+30.0% would have been found; 90 replicates" in (skipped.get("message") or "")
    assert [child.tag for child in cases[3]] == ["system-out"]


def test_markdown_is_a_table_whose_cells_are_never_cut_in_two() -> None:
    text = markdown(ALL)
    assert text.startswith("### small: worse (2 worse, 1 no difference shown, 2 cannot tell)\n")
    table = [line for line in text.splitlines() if line.startswith("|")]
    for line in table:
        assert line.replace("\\|", "").count("|") == len(COLUMNS) + 1
    assert sum("🔴 worse" in line for line in table) == 2
    assert "&lt;of>" in text
    assert text.index("TTFT P50") < text.index("<details>") < text.index("TPOT mean")
    assert "- note: version of numpy was 2.1, is 2.2" in text


def test_markdown_of_identical_runs_is_a_line_and_what_can_be_unfolded() -> None:
    same = result(row(ChangeVerdict.IDENTICAL, change=0.0), num_identical=8)
    text = markdown(same)
    assert "identical; in 8 runs every token came at the same time" in text.splitlines()[0]
    assert "🔴" not in text


def test_annotations_are_an_error_each_and_one_warning() -> None:
    lines = list(annotation_lines(ALL))
    kinds = [line.split(" ")[0] for line in lines]
    assert kinds == ["::error", "::error", "::warning", "::notice"]
    assert lines[0].startswith("::error title=worse%3A sarathi at 5 requests/s::TTFT P50: 0.100")
    assert "+20.0%25" in lines[0]
    assert "2 cannot be told" in lines[2]


def test_no_more_annotations_than_are_shown() -> None:
    many = list(annotation_lines(result(*[WORSE] * 30)))
    errors = [line for line in many if line.startswith("::error")]
    assert len(errors) == MOST_ERRORS + 1
    assert f"and {30 - MOST_ERRORS} more" in errors[-1]


def test_annotations_stay_on_their_line() -> None:
    odd = row(ChangeVerdict.UNKNOWN, reason="two\nlines", scheduler="a,b:c\r\n")
    assert not any(set("\r\n") & set(line) for line in annotation_lines(result(odd)))


def test_the_verdict_on_the_whole_is_the_most_alarming_one() -> None:
    assert result(SAME).verdict is ChangeVerdict.SAME
    assert result(SAME, UNKNOWN).verdict is ChangeVerdict.UNKNOWN
    assert result(SAME, UNKNOWN, row(ChangeVerdict.BETTER)).verdict is ChangeVerdict.BETTER
    assert ALL.verdict is ChangeVerdict.WORSE
    assert ALL.worse == (WORSE, LOST)


def test_json_and_frame_hold_every_row(tmp_path: Path) -> None:
    document = json.loads(json.dumps(ALL.to_json(), allow_nan=False))
    assert [row["verdict"] for row in document["rows"]].count("worse") == 2
    assert document["counts"]["cannot tell"] == 2
    assert len(ALL.frame()) == 5


def test_what_is_lost_is_told_in_words() -> None:
    lost = row(ChangeVerdict.WORSE, "ttft_p99_s", after=float("inf"), reason="still waiting")
    assert words.moved(lost) == "TTFT P99: 0.100 → unserved (still waiting)"
    assert words.moved(LOST) == "saturated: 0% of runs → 100% of runs"
    assert words.headline(result()) == "small: nothing to compare with"


def test_what_cannot_be_told_says_how_many_runs_it_takes_or_how_close_it_is() -> None:
    assert words.detail(UNKNOWN).endswith("90 replicates would find twice the margin")
    assert "more than 10,000" in words.detail(replace(UNKNOWN, needed=None))
    assert words.detail(replace(UNKNOWN, needed=6)).startswith("close to the margin")
    assert words.detail(SAME) == ""


def test_files_that_cannot_be_written_are_refused_or_told(tmp_path: Path) -> None:
    check_file(None, "--junit")
    check_file(tmp_path / "new.xml", "--junit")
    with pytest.raises(ValueError, match=r"--junit .* is a folder"):
        check_file(tmp_path, "--junit")
    with pytest.raises(ValueError, match="its folder is missing"):
        check_file(tmp_path / "none" / "new.xml", "--junit")
    with pytest.raises(ReportError, match="cannot write"):
        write_text(tmp_path / "none" / "new.xml", "text")
    write_text(tmp_path / "new.xml", "text")
    assert (tmp_path / "new.xml").read_text() == "text"


def test_a_change_that_no_run_could_hide_is_no_percentage() -> None:
    said = words.detail(replace(UNKNOWN, mde=1442.8, needed=648))
    assert said == (
        "not even a tenfold change would have been found; 648 replicates would find twice the "
        "margin"
    )
