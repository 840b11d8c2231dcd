"""A page of closed loops that is not true any more is found out; its audit is recomputed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import pytest

from slaibench.report.files import ReportFiles
from slaibench.report.pages.closed_loop.document import ClosedDocument
from slaibench.report.verify import PageVerdict, verify
from tests.report.conftest import Written, edit


def test_an_untouched_page_is_true(closed_page: ReportFiles) -> None:
    verification = verify(closed_page.html)
    assert verification.mismatches == ()
    assert verification.verdict is PageVerdict.SAME
    assert verification.checked > 200


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda doc: doc["loops"]["slai"]["12"].update(share_full=0.5), "loops/slai/12/share_full"),
        (lambda doc: doc["loops"]["slai"]["4"].update(turn_p99_s=9.0), "loops/slai/4/turn_p99_s"),
        (lambda doc: doc["loops"]["slai"]["4"].update(ramp_s=9.0), "loops/slai/4/ramp_s"),
        (
            lambda doc: doc["per_client"]["sarathi"]["4"].update(value=9e9),
            "per_client/sarathi/4/value",
        ),
        (
            lambda doc: doc["changes"]["output_tokens"]["slai"]["12"].update(value=1.0),
            "changes/output_tokens/slai/12/value",
        ),
        (lambda doc: doc["runs"][0].update(concurrency=5), "runs[0]/concurrency"),
    ],
)
def test_a_changed_number_is_found(
    closed_to_spoil: Written, change: Callable[[ClosedDocument], Any], where: str
) -> None:
    edit(closed_to_spoil.files.html, change)  # type: ignore[arg-type]
    places = [mismatch.where for mismatch in verify(closed_to_spoil.files.html).mismatches]
    assert where in places, places


def test_absent_recordings_are_made_again_by_the_command(closed_to_spoil: Written) -> None:
    shutil.rmtree(closed_to_spoil.results)
    verification = verify(closed_to_spoil.files.html)
    assert verification.verdict is PageVerdict.ABSENT
    assert verification.again.startswith("slaibench compare sarathi slai --concurrency 4,12 ")
    assert "--rates" not in verification.again
