"""A page of capacity bounds that is not true any more is found out."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from typing import Any

import pytest

from slaibench.recording import store
from slaibench.report.files import ReportFiles
from slaibench.report.pages.bound.document import BoundDocument
from slaibench.report.verify import PageVerdict, verify
from slaibench.studies.from_disk import read_cell
from tests.report.conftest import Written, edit


def test_an_untouched_page_is_true(page: ReportFiles) -> None:
    verification = verify(page.html)
    assert verification.mismatches == ()
    assert verification.notes == ()
    assert verification.checked > 100


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda doc: doc["bound"].update(rate_rps=99.0), "bound/rate_rps"),
        (lambda doc: doc["bound"]["shares"].update(prefill=0.1), "bound/shares/prefill"),
        (
            lambda doc: doc["schedulers"][0]["share"].update(value=0.999),
            "schedulers[0]/share/value",
        ),
        (
            lambda doc: doc["rad"]["theorem_2"][0].update(enough="32"),
            "rad/theorem_2[0]/enough",
        ),
        (lambda doc: doc["rad"]["points"][0].update(tile=256), "rad/points[0]/tile"),
        (
            lambda doc: doc["maps"]["cells"][0].update(stability="unstable"),
            "maps/cells[0]/stability",
        ),
    ],
)
def test_a_changed_number_is_found(
    spoilt: Written, change: Callable[[BoundDocument], Any], where: str
) -> None:
    edit(spoilt.files.html, change)
    assert where in [mismatch.where for mismatch in verify(spoilt.files.html).mismatches]


def test_a_changed_recording_is_found(spoilt: Written) -> None:
    folder = next(
        path
        for path in store.find_runs(spoilt.results)
        if (cell := read_cell(path)).scheduler == "rad" and cell.arrivals == "burst"
    )
    recording = store.read(folder)
    requests = recording.requests
    slower = dataclasses.replace(requests, token_times_s=requests.token_times_s * 1.5)
    store.write(dataclasses.replace(recording, requests=slower), folder)
    where = [mismatch.where for mismatch in verify(spoilt.files.html).mismatches]
    assert any(path.startswith("schedulers[1]/") for path in where)


def test_a_missing_recording_is_found(spoilt: Written) -> None:
    folder = next(iter(store.find_runs(spoilt.results)))
    shutil.rmtree(folder)
    verification = verify(spoilt.files.html)
    assert (verification.verdict, verification.num_absent) == (PageVerdict.ABSENT, 1)
    assert verification.again.startswith("slaibench bound --scheduler ")


def test_another_question_is_not_answered_by_these_runs(spoilt: Written) -> None:
    edit(spoilt.files.html, lambda doc: doc["ask"].update(rad_requests=999))
    wheres = [mismatch.where for mismatch in verify(spoilt.files.html).mismatches]
    assert any(where.startswith("runs[") for where in wheres)
