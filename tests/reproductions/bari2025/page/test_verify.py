"""A page of the paper that is not true any more is found out."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slaibench.recording import store
from slaibench.report.files import ReportFiles
from slaibench.report.verify import PageVerdict, verify
from slaibench.reproductions.bari2025.page import PAGE
from slaibench.reproductions.bari2025.page.document import PaperDocument
from slaibench.reproductions.bari2025.spec import PaperSpec
from slaibench.studies.from_disk import read_cell
from tests.report.conftest import Written, edit
from tests.reproductions.bari2025.small import SmallPaper


def test_an_untouched_page_is_true(paper_page: ReportFiles, small_paper: SmallPaper) -> None:
    verification = verify(paper_page.html)
    assert verification.mismatches == ()
    assert verification.checked > 1000
    assert verification.num_recordings == len(small_paper.result.cells)


def test_the_command_names_what_was_planned() -> None:
    spec = PaperSpec(figures=("7a",), rates=(1.6,), num_seeds=1)
    assert PAGE.command({"spec": spec.model_dump(mode="json")}, Path("r")) == (
        "slaibench paper --rates 1.6 --seeds 1 --figure 7a --duration 2100 --results r --no-report"
    )


def change_claim(doc: PaperDocument) -> None:
    doc["claims"][0]["paper"]["ours"]["value"] = 0.7243


def change_verdict(doc: PaperDocument) -> None:
    doc["claims"][0]["paper"]["verdict"] = "agrees"


def change_figure(doc: PaperDocument) -> None:
    doc["figures"]["6c"]["ours"][0]["batch_s"] = 0.01


def change_convention(doc: PaperDocument) -> None:
    doc["conventions"]["5"][0]["same_runs"]["value"] = 9.0


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (change_claim, "claims[0]/paper/ours/value"),
        (change_verdict, "claims[0]/paper/verdict"),
        (change_figure, "figures/6c/ours[0]/batch_s"),
        (change_convention, "conventions/5[0]/same_runs/value"),
        (lambda doc: doc["verdicts"]["paper"].update(agrees=99), "verdicts/paper/agrees"),
    ],
)
def test_a_changed_number_is_found(
    spoilt: Written, change: Callable[[PaperDocument], Any], where: str
) -> None:
    edit(spoilt.files.html, change)
    assert where in [mismatch.where for mismatch in verify(spoilt.files.html).mismatches]


def loaded(results: Path) -> Path:
    """A recording that claims about load rest on."""
    return next(
        path
        for path in store.find_runs(results)
        if (cell := read_cell(path)).scheduler == "slai" and cell.rate_rps == 1.6
    )


def test_a_changed_recording_is_found(spoilt: Written) -> None:
    folder = loaded(spoilt.results)
    recording = store.read(folder)
    requests = recording.requests
    later = dataclasses.replace(requests, token_times_s=requests.token_times_s + 0.01)
    store.write(dataclasses.replace(recording, requests=later), folder)
    where = [mismatch.where for mismatch in verify(spoilt.files.html).mismatches]
    assert any(path.startswith("claims[") for path in where)
    assert any(path.startswith("figures/7c/") for path in where)


def test_a_missing_recording_is_found(spoilt: Written) -> None:
    folder = loaded(spoilt.results)
    shutil.rmtree(folder)
    verification = verify(spoilt.files.html)
    assert (verification.verdict, verification.num_absent) == (PageVerdict.ABSENT, 1)
    assert verification.again.startswith("slaibench paper --rates 0.")
    assert f"--results {spoilt.results}" in verification.again
