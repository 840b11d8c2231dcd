"""A document is of the form that its type says, and a page that lacks a part is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from slaibench.report.files import ReportError
from slaibench.report.study_document import CommonCell, PageEstimate, StudyDocument
from slaibench.report.verify import verify
from slaibench.spec import CellSpec, SpecForm, StudySpec
from slaibench.studies.compare import CompareResult
from slaibench.studies.forms import CapacityForm, CompareForm, SweepForm
from tests.report.conftest import Written, edit
from tests.report.forms import problems
from tests.report.test_verify_recordings import document_of


def test_a_study_s_page_has_the_form_of_its_document(written: Written) -> None:
    assert list(problems(document_of(written.files.html), StudyDocument)) == []


def test_a_page_of_several_comparisons_has_that_form_too(three_doc: StudyDocument) -> None:
    assert list(three_doc["more_changes"]) == ["hrrn"]
    assert list(problems(json.loads(json.dumps(three_doc)), StudyDocument)) == []


def test_results_have_their_forms(compared: CompareResult, three: CompareResult) -> None:
    for result, form in (
        (compared, CompareForm),
        (three, CompareForm),
        (compared.sweep, SweepForm),
        (compared.capacity_a, CapacityForm),
    ):
        assert list(problems(json.loads(json.dumps(result.to_json())), form)) == []


def test_forms_name_fields_that_specifications_have() -> None:
    assert set(SpecForm.__annotations__) <= set(StudySpec.model_fields)
    assert set(CommonCell.__annotations__) <= set(CellSpec.model_fields)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"value": 1.0, "low": None, "high": None, "n": 3}, " lacks beyond"),
        ({"value": "1", "low": None, "high": None, "n": 3, "beyond": False}, "/value is '1'"),
        ({"value": 1, "low": None, "high": None, "n": True, "beyond": False}, "/n is True"),
        ({"value": 1, "low": 1, "high": 1, "n": 3, "beyond": False, "odd": 1}, " has odd"),
    ],
)
def test_another_form_is_found(value: Any, problem: str) -> None:
    (text,) = problems(value, PageEstimate)
    assert text.startswith(problem)


@pytest.mark.parametrize("part", ["points", "made", "capacities"])
def test_a_page_that_lacks_a_part_is_refused_by_name(copied: Written, part: str) -> None:
    edit(copied.files.html, lambda doc: doc.pop(part))
    with pytest.raises(ReportError, match=f"its embedded numbers lack {part};"):
        verify(copied.files.html)
