"""One real comparison, and the report of it, for all tests of reports."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from slaibench.report.files import ReportFiles
from slaibench.report.pages.study import PAGE, write_report
from slaibench.report.study_document import StudyDocument
from slaibench.report.subject import Subject, make_subject
from slaibench.studies.compare import CompareResult
from tests.studies.studies import H100, compare, study

NUMBERS = re.compile(r'(id="slaibench-numbers">\n)(.*?)(\n</script>)', re.DOTALL)


@dataclass(frozen=True)
class Written:
    """A report on disk, and the folders that it and its recordings lie in."""

    root: Path
    results: Path
    files: ReportFiles


def edit(html: Path, change: Callable[[StudyDocument], Any]) -> None:
    """Change the numbers embedded in a page."""
    text = html.read_text("utf-8")
    embedded = NUMBERS.search(text)
    assert embedded is not None
    doc = json.loads(embedded.group(2))
    change(doc)
    new = json.dumps(doc, separators=(",", ":"))
    html.write_text(NUMBERS.sub(lambda m: m.group(1) + new + m.group(3), text), "utf-8")


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("report")


@pytest.fixture(scope="session")
def compared(root: Path) -> CompareResult:
    """Steady at the two lower rates, saturated at the highest; too few requests for a P99."""
    spec = study(
        rates=(8.0, 16.0, 30.0),
        schedulers=("sarathi", "slai"),
        num_requests=400,
        num_seeds=2,
        slo="ttft_p50<0.5,tbt_p99<tier",
        profile=str(H100),
    )
    return compare(spec, root / "results", jobs=1)


@pytest.fixture(scope="session")
def subject(compared: CompareResult) -> Subject:
    return make_subject(
        compared.sweep,
        searched=(compared.capacity_a, compared.capacity_b),
        compared=compared.schedulers,
    )


@pytest.fixture(scope="session")
def doc(subject: Subject, root: Path) -> StudyDocument:
    return PAGE.document(subject, root / "reports")


@pytest.fixture(scope="session")
def written(compared: CompareResult, root: Path) -> Written:
    files = write_report(compared.sweep, root / "reports", comparison=compared)
    return Written(root, root / "results", files)


@pytest.fixture(scope="session")
def three(tmp_path_factory: pytest.TempPathFactory) -> CompareResult:
    """The same with a scheduler more, at the two lower rates; apart, since tests spoil recordings
    of the first."""
    spec = study(
        rates=(8.0, 16.0),
        schedulers=("sarathi", "slai", "hrrn"),
        num_requests=400,
        num_seeds=2,
        slo="ttft_p50<0.5,tbt_p99<tier",
        profile=str(H100),
    )
    return compare(spec, tmp_path_factory.mktemp("three") / "results", jobs=1)


@pytest.fixture(scope="session")
def three_subject(three: CompareResult) -> Subject:
    return make_subject(three.sweep, searched=three.capacities, compared=three.schedulers)


@pytest.fixture(scope="session")
def three_doc(three_subject: Subject, root: Path) -> StudyDocument:
    return PAGE.document(three_subject, root / "reports")


@pytest.fixture
def copied(written: Written, tmp_path: Path) -> Written:
    """The report and its recordings once more, to be spoilt."""
    for name in ("results", "reports"):
        shutil.copytree(written.root / name, tmp_path / name)
    html = tmp_path / "reports" / written.files.html.name
    pngs = tuple(html.parent / html.stem / png.name for png in written.files.pngs)
    return Written(tmp_path, tmp_path / "results", ReportFiles(html, pngs))
