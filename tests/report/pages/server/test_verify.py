"""A page of a search on a server that is not true any more is found out."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import pytest

from slaibench.report.files import ReportFiles
from slaibench.report.pages.server.document import ServerDocument
from slaibench.report.verify import PageVerdict, verify
from tests.report.conftest import Written, edit


def test_an_untouched_page_is_true_and_says_what_is_taken_as_given(
    server_page: ReportFiles,
) -> None:
    verification = verify(server_page.html)
    assert verification.mismatches == ()
    assert verification.verdict is PageVerdict.SAME
    assert verification.checked > 100
    (note,) = verification.notes
    assert "recordings do not hold it: what ended the search" in note


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda doc: doc.update(rate_rps=99.0), "rate_rps"),
        (lambda doc: doc["ci95"].__setitem__(0, 0.5), "ci95[0]"),
        (lambda doc: doc["levels"][0].update(held=False), "levels[0]/held"),
        (lambda doc: doc["levels"][-1].update(is_long=False), "levels[9]/is_long"),
        (lambda doc: doc["cannot_tell"][0].update(independent_requests=9e9), "cannot_tell[0]"),
    ],
)
def test_a_changed_number_is_found(
    server_to_spoil: Written, change: Callable[[ServerDocument], Any], where: str
) -> None:
    edit(server_to_spoil.files.html, change)  # type: ignore[arg-type]
    places = [mismatch.where for mismatch in verify(server_to_spoil.files.html).mismatches]
    assert any(place.startswith(where) for place in places), places


def test_absent_recordings_are_made_again_by_the_command(server_to_spoil: Written) -> None:
    shutil.rmtree(server_to_spoil.results)
    verification = verify(server_to_spoil.files.html)
    assert verification.verdict is PageVerdict.ABSENT
    assert verification.again.startswith("slaibench capacity ")
    assert " --minutes 2 --max-rate 100" in verification.again
