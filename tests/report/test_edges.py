"""Studies at the edges of what there is: each gives a page that verifies."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from slaibench.measure.half_open import CANNOT_TELL
from slaibench.report.files import ReportFiles
from slaibench.report.pages.study import write_report
from slaibench.report.verify import verify
from slaibench.spec import CellSpec
from slaibench.studies.from_disk import gather, group_cells
from slaibench.studies.prepared import PreparedStudy
from slaibench.studies.sweep import SweepResult
from slaibench.workloads.request import Request
from tests.backends.sessions import conversations
from tests.report.test_page import outline
from tests.studies.studies import H100, study, sweep

MINE = """
from slaibench.schedulers.sarathi import Sarathi

class MyOwnScheduler(Sarathi):
    name = "mine"
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("edges")


def report(results: Path, **fields: Any) -> tuple[SweepResult, ReportFiles, str]:
    """A sweep and its page, checked for what every page must be."""
    swept = sweep(study(**{"profile": str(H100), **fields}), results, jobs=1)
    files = write_report(swept, results / "reports")
    text = files.html.read_text("utf-8")
    outline(text)
    assert verify(files.html).mismatches == ()
    assert len(re.findall('<img class="panel"', text)) == len(files.pngs)
    return swept, files, text


def figures(text: str) -> list[str]:
    return re.findall(r'<figure id="figure-([a-z-]+)">', text)


def test_one_scheduler_one_rate_one_seed_and_too_few_requests(results: Path) -> None:
    swept, files, text = report(results, schedulers=("slai",), rates=(5.0,), num_requests=20)
    assert [cell.cell.overload is None for cell in swept.cells] == [False, True]
    assert "slai broke no latency target up to 5 requests/s, but that may be chance" in text
    assert "no rate failed, but none is sure to hold" in text
    assert "keeps the latency targets" not in text
    assert "n too small" in text
    assert "n = 1 seed" in text
    assert "change" not in figures(text)
    assert len(figures(text)) == 9
    names = [png.stem for png in files.pngs]
    assert "03-capacity" in names
    assert "03-capacity-ratio" not in names


def test_seven_schedulers_one_of_them_a_file_with_a_hostile_name(
    results: Path, tmp_path: Path
) -> None:
    path = tmp_path / "a folder" / "<b>own&$x_policy$.py"
    path.parent.mkdir()
    path.write_text(MINE)
    mine = f"{path}:MyOwnScheduler:token_budget=512,max_active=64"
    schedulers = ("sarathi", "slai", "rad", "orca", "prefill-first", "decode-first", mine)
    swept, files, text = report(results, schedulers=schedulers, rates=(5.0, 10.0))
    assert len(swept.points) == 14
    assert "<b>own" not in text
    assert len([png for png in files.pngs if png.stem.startswith("07-engine-")]) == 7
    colours = re.findall(r"^\.s(\d) \{ background: (#[0-9A-F]{6});", text, re.MULTILINE)
    assert len({colour for _, colour in colours}) == 7


def test_all_saturated_shows_the_lowest_rate(results: Path) -> None:
    swept, _, text = report(results, rates=(34.0, 40.0), num_requests=1000, num_seeds=1)
    assert all(point.saturated for point in swept.points)
    assert "No scheduler keeps the latency targets, even at the lowest rate measured" in text
    assert "TTFT at 34 requests/s (sarathi and slai saturated)" in text
    assert text.count('<tr class="saturated">') == 4 * 6
    assert "34 requests/s, the first rate at which a scheduler is saturated" in text


def test_the_paper_s_conventions_and_tiers_that_are_hardly_seen(results: Path) -> None:
    _, files, text = report(
        results,
        convention="paper",
        duration_s=30.0,
        rates=(2.0, 8.0),
        num_requests=None,
        num_seeds=2,
        tiers="gold:0.01:0.05,silver:0.29:0.1,free:0.7:1",
    )
    assert "The paper&#39;s conventions" in text
    assert "agrees" in text
    names = [png.stem for png in files.pngs]
    assert [name for name in names if name.startswith("02-tbt")] == [
        "02-tbt-p99-gold",
        "02-tbt-p99-silver",
        "02-tbt-p99-free",
    ]


@pytest.mark.parametrize(("arrivals", "panels"), [("burst", 0), ("constant", 0), ("gamma:cv=2", 2)])
def test_arrivals_of_any_kind(results: Path, arrivals: str, panels: int) -> None:
    _, files, text = report(results, arrivals=arrivals, schedulers=("sarathi",))
    shown = [png for png in files.pngs if png.stem.startswith("09-arrivals")]
    assert len(shown) == panels
    assert '<table id="audit">' in text


def test_half_open_sessions_have_a_page_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def requests(self: PreparedStudy, cell: CellSpec) -> list[Request]:
        made = conversations(cell.num_requests // 3, cell.seed, rate_rps=cell.rate_rps / 3)
        return made[: cell.num_requests]

    monkeypatch.setattr(PreparedStudy, "requests", requests)
    schedulers, rates = ("sarathi", "slai"), (8.0, 30.0)
    _, files, text = report(tmp_path, schedulers=schedulers, rates=rates, num_requests=600)
    assert not [png for png in files.pngs if png.stem.startswith("09-arrivals")]
    assert '<table id="audit">' in text
    assert "arrivals are the same under every scheduler" not in text
    assert "later turns are due when the ones before have ended, at other times under" in text
    assert CANNOT_TELL in text


def test_recordings_found_on_disk_may_be_uneven(results: Path, tmp_path: Path) -> None:
    for fields in ({"rates": (5.0, 20.0), "num_seeds": 2}, {"rates": (20.0, 40.0)}):
        which = ("sarathi", "slai") if "num_seeds" in fields else ("slai",)
        sweep(study(**fields, schedulers=which, first_seed=3), tmp_path / "r", jobs=1)
    folders = [path.parent for path in (tmp_path / "r").rglob("run.json")]
    (cells,) = group_cells(sorted(folders)).values()
    swept = gather(cells, "ttft_p50<0.5")
    assert len(swept.points) == 5
    files = write_report(swept, tmp_path / "p", focus_rate=20.0)
    assert verify(files.html).mismatches == ()
    text = files.html.read_text("utf-8")
    assert "TTFT at 20 requests/s" in text
