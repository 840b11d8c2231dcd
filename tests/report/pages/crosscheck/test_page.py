"""The page of several backends: whole, alone, the same each time, marked where a run is invalid."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from slaibench.cli.app import STUDIES
from slaibench.cli.study_keys import keys_of
from slaibench.cli.study_run import command_line
from slaibench.report.files import ReportFiles
from slaibench.report.pages.crosscheck import PAGE
from slaibench.report.pages.crosscheck.document import CrosscheckDocument
from slaibench.report.pages.crosscheck.subject import Crosscheck, make_crosscheck
from slaibench.report.verify import verify
from slaibench.spec import StudySpec
from slaibench.spec.study_file import parse
from slaibench.spec.study_layout import StudyKind
from slaibench.studies.crosscheck.forms import CrosscheckForm
from slaibench.studies.crosscheck.study import CrosscheckResult
from slaibench.studies.systems import table
from tests.report.forms import problems
from tests.report.test_page import outline
from tests.studies.studies import contents, study, validate
from tests.studies.systems.others import RealTimeSystem

WHO = ("sarathi", "slai")


def write(spec: StudySpec, other: str, folder: Path) -> ReportFiles:
    """The page of a crosscheck of the simulator with another backend."""
    result = validate(spec, ("sim", other), folder / "r", jobs=1)
    return PAGE.write(make_crosscheck(result), folder)


def test_the_page_needs_nothing_but_itself(page: ReportFiles) -> None:
    text = page.html.read_text("utf-8")
    parts = outline(text)
    drawings = parts.drawings
    assert all(link.startswith("data:image/svg+xml,") for link in drawings)
    assert len(drawings) == len(page.pngs)
    assert {link[1:] for link in parts.links if link.startswith("#")} <= set(parts.ids)
    assert len(set(parts.ids)) == len(parts.ids)
    assert len(text) < 2_500_000


def test_the_same_input_gives_the_same_bytes(
    page: ReportFiles, crosscheck: Crosscheck, top: Path
) -> None:
    before = contents(top / "reports")
    assert PAGE.write(crosscheck, top / "reports") == page
    assert contents(top / "reports") == before


def test_the_file_is_named_after_the_backends(page: ReportFiles) -> None:
    assert re.fullmatch(
        r"validate-sim-twin-small-h100-mistral-7b-[0-9a-f]{8}\.html", page.html.name
    )


def test_every_scheduler_has_its_panel_of_what_can_be_told(page: ReportFiles) -> None:
    """No P99 can, neither of TTFT nor of a tier's TBT, with 600 requests."""
    names = [png.stem for png in page.pngs]
    assert names == [
        *("differences-twin", "differences-small"),
        *(f"{figure}-{who}" for figure in ("ttft-p50", "kv") for who in WHO),
        "change-p50",
    ]


def test_three_schedulers_have_no_paired_change_but_a_page(tmp_path: Path) -> None:
    spec = study(schedulers=("sarathi", "slai", "rad"), num_requests=60)
    files = write(spec, "twin", tmp_path)
    text = files.html.read_text("utf-8")
    assert "identical in all 3 rows" in text
    assert "Paired change" not in text
    assert "capacity of rad over that of sarathi" in text
    assert verify(files.html).mismatches == ()


def test_invalid_runs_are_marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class SystemUnderTest(RealTimeSystem):
        log = tmp_path / "log"
        lag_s = 1.0  # more than the target for the median

        @classmethod
        def settled(cls, spec: StudySpec) -> StudySpec:
            return super().settled(spec.model_copy(update={"clock": None}))

    monkeypatch.setitem(table.SYSTEMS, "real", SystemUnderTest)
    spec = study(schedulers=("slai",), num_requests=300)
    files = write(spec, "real", tmp_path)
    text = files.html.read_text("utf-8")
    assert "The same requests on sim and real: invalid in the one row" in text
    assert "1 of 2 runs is invalid and stands for nothing; slai at 5 requests/s on real" in text
    assert "<small>invalid on real</small>" in text
    assert 'class="strong">invalid' in text
    assert verify(files.html).mismatches == ()


def test_the_document_has_its_form(numbers: CrosscheckDocument) -> None:
    assert list(problems(json.loads(json.dumps(numbers)), CrosscheckDocument)) == []


def test_the_result_has_its_form(validated: CrosscheckResult) -> None:
    assert list(problems(json.loads(json.dumps(validated.to_json())), CrosscheckForm)) == []


def test_the_page_s_study_file_asks_for_it_again(numbers: CrosscheckDocument) -> None:
    study_file = parse(str(PAGE.content(numbers)["study_file"]), Path("study.toml"))
    words = command_line(study_file, keys_of(STUDIES[study_file.kind], study_file.kind), ())
    assert study_file.kind is StudyKind.VALIDATE
    assert f"--between={','.join(numbers['between'])}" in words
