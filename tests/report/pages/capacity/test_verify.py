"""A page of a search that is not true any more is found out."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import pytest

from slaibench.report.files import ReportFiles
from slaibench.report.pages.capacity.document import CapacityDocument
from slaibench.report.verify import PageVerdict, verify
from tests.report.conftest import Written, edit


def test_an_untouched_page_is_true(search_page: ReportFiles) -> None:
    verification = verify(search_page.html)
    assert verification.mismatches == ()
    assert verification.notes == ()
    assert verification.checked > 500


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (
            lambda doc: doc["probes"]["slai"][0]["targets"][0]["metric_s"].update(value=9.0),
            "probes/slai[0]/targets[0]/metric_s/value",
        ),
        (
            lambda doc: doc["probes"]["sarathi"][1]["verdict"].update(state="cannot tell"),
            "probes/sarathi[1]/verdict/state",
        ),
        (
            lambda doc: doc["capacities"]["slai"]["bracket"].__setitem__(0, 1.5),
            "capacities/slai/bracket[0]",
        ),
        (
            lambda doc: doc["pictures"]["search"][0]["chart"]["spans"][-1].__setitem__(0, 1.0),
            "figure search, interactive form of 01-search-sarathi-ttft-p50-0.05",
        ),
    ],
)
def test_a_changed_number_is_found(
    to_spoil: Written, change: Callable[[CapacityDocument], Any], where: str
) -> None:
    edit(to_spoil.files.html, change)  # type: ignore[arg-type]
    assert where in [mismatch.where for mismatch in verify(to_spoil.files.html).mismatches]


def test_absent_recordings_are_made_again_by_the_command(to_spoil: Written) -> None:
    shutil.rmtree(to_spoil.results)
    verification = verify(to_spoil.files.html)
    assert verification.verdict is PageVerdict.ABSENT
    assert verification.again.startswith("slaibench capacity sarathi slai --seeds 2 ")
    assert " --requests 600 " in verification.again
    assert "--rates" not in verification.again
