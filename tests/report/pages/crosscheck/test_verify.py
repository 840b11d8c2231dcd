"""A page of several backends that is not true any more is found out."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slaibench.recording import store
from slaibench.report.files import ReportFiles
from slaibench.report.pages.crosscheck.document import CrosscheckDocument
from slaibench.report.verify import PageVerdict, verify
from slaibench.studies.from_disk import read_cell
from tests.report.conftest import Written, edit


def test_an_untouched_page_is_true(page: ReportFiles) -> None:
    calls: list[tuple[int, int]] = []
    verification = verify(page.html, on_run=lambda done, total: calls.append((done, total)))
    assert verification.mismatches == ()
    assert verification.notes == ()
    assert verification.checked > 1000
    assert verification.num_recordings == 24
    assert calls == [(n, 24) for n in range(1, 25)]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (
            lambda doc: doc["matches"][0]["quantities"]["ttft_p50_s"].update(change=0.01),
            "matches[0]/quantities/ttft_p50_s/change",
        ),
        (lambda doc: doc["matches"][-1].update(verdict="identical"), "matches[7]/verdict"),
        (
            lambda doc: doc["studies"]["twin"]["points"]["slai"]["2"].update(preemptions=1),
            "studies/twin/points/slai/2/preemptions",
        ),
        (
            lambda doc: doc["studies"]["small"]["changes"]["2"]["p50"].update(value=-0.9),
            "studies/small/changes/2/p50/value",
        ),
        (
            lambda doc: doc["studies"]["sim"]["capacities"]["slai"].update(rate_rps=99.0),
            "studies/sim/capacities/slai/rate_rps",
        ),
        (lambda doc: doc["studies"]["sim"]["runs"][0].update(seed=7), "studies/sim/runs[0]/seed"),
        (lambda doc: doc["between"].reverse(), "matches[4]/other"),
    ],
)
def test_a_changed_number_is_found_in_the_json_and_on_the_page(
    spoilt: Written, change: Callable[[CrosscheckDocument], Any], where: str
) -> None:
    edit(spoilt.files.html, change)
    verification = verify(spoilt.files.html)
    assert where in [mismatch.where for mismatch in verification.mismatches]


def test_a_changed_verdict_in_the_text_is_found(spoilt: Written) -> None:
    html = spoilt.files.html
    text = html.read_text("utf-8")
    assert 'class="strong">beyond' in text
    html.write_text(text.replace('class="strong">beyond', 'class="strong">within', 1), "utf-8")
    (mismatch,) = verify(html).mismatches
    assert mismatch.where.startswith("page, line ")
    assert "within" in mismatch.page
    assert "beyond" in mismatch.right


def of(spoilt: Written, backend: str) -> Path:
    runs = store.find_runs(spoilt.results)
    return next(path for path in runs if read_cell(path).backend == backend)


@pytest.mark.parametrize("backend", ["sim", "twin"])
def test_a_changed_recording_of_any_backend_is_found(spoilt: Written, backend: str) -> None:
    folder = of(spoilt, backend)
    recording = store.read(folder)
    requests = recording.requests
    later = dataclasses.replace(requests, token_times_s=requests.token_times_s + 0.01)
    store.write(dataclasses.replace(recording, requests=later), folder)
    where = [mismatch.where for mismatch in verify(spoilt.files.html).mismatches]
    assert any(path.startswith(f"studies/{backend}/points/") for path in where)
    assert any(path.startswith("matches[") for path in where)


def test_a_missing_recording_is_found_with_its_backend(spoilt: Written) -> None:
    folder = of(spoilt, "twin")
    shutil.rmtree(folder)
    verification = verify(spoilt.files.html)
    assert (verification.verdict, verification.num_absent) == (PageVerdict.ABSENT, 1)
    assert verification.again.startswith("slaibench validate --between sim,twin,small")
    assert verification.checked == 0


def test_nonsense_is_a_finding_and_no_crash(spoilt: Written) -> None:
    edit(spoilt.files.html, lambda doc: doc.update(matches=[{"verdict": 3}]))
    verification = verify(spoilt.files.html)
    assert any("cannot be rendered" in mismatch.right for mismatch in verification.mismatches)
    assert any(mismatch.where.startswith("matches") for mismatch in verification.mismatches)
