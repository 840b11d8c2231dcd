"""``slaibench regress``: exit statuses, what is printed and written, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as Tree

import pytest

from tests.cli.command import Ran, refused, slaibench
from tests.studies.regression.test_study import SCHEDULER, WORSE, slowed
from tests.studies.studies import WORKLOAD

SPEC = (
    *("--workload", WORKLOAD, "--rates", "8", "--requests", "300", "--seeds", "4"),
    *("--gpu", "h100", "--model", "mistral-7b"),
)


def regress(folder: Path, *arguments: str | Path, columns: int = 120) -> Ran:
    return slaibench("regress", "--baseline", folder, "--jobs", "1", *arguments, columns=columns)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("baselines") / "small"
    ran = regress(folder, "--update", *SPEC, "-s", "sarathi")
    assert ran.status == 0
    assert "small: nothing to compare with" in ran.out
    assert f"baseline: {folder}" in "".join(ran.out.split("\n"))
    return folder


def test_identical_is_status_0_and_a_line(kept: Path) -> None:
    ran = regress(kept)
    assert ran.status == 0
    assert "small: identical; in 4 runs every token came at the same time" in ran.out
    assert "4 cells run" in ran.err


def test_worse_is_status_1_and_told_everywhere(kept: Path, tmp_path: Path) -> None:
    junit, markdown = tmp_path / "out.xml", tmp_path / "out.md"
    profile = slowed(tmp_path, 1.1)
    ran = regress(
        *(kept, "--profile", profile, "--junit", junit, "--markdown", markdown),
        *("--annotations",),
    )
    assert ran.status == 1
    assert "small: worse" in ran.err
    assert "TPOT mean" in ran.out
    assert "::error title=worse%3A sarathi at 8 requests/s::" in ran.out
    assert int(Tree.parse(junit).getroot().get("failures") or 0) > 0
    assert markdown.read_text().startswith("### small: worse")


def test_json_is_the_whole_document_and_annotations_go_elsewhere(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    ran = regress(kept, "--json")
    assert ran.status == 0
    document = json.loads(ran.out)
    assert document["verdict"] == "identical"
    assert document["cells"] == {"run": 4, "identical": 4}
    assert "::notice title=slaibench regress::small: identical" in ran.err


def test_no_difference_and_cannot_tell_are_status_0(kept: Path, tmp_path: Path) -> None:
    ran = regress(kept, "--profile", slowed(tmp_path, 1.003), "--first-seed", "50")
    assert ran.status == 0
    assert "compared as independent runs" in ran.out


def test_an_update_is_status_0_whatever_it_says(tmp_path: Path) -> None:
    file, folder = tmp_path / "mine.py", tmp_path / "baseline"
    file.write_text(SCHEDULER)
    assert regress(folder, "--update", *SPEC, "-s", f"{file}:Mine").status == 0
    file.write_text(WORSE)
    assert regress(folder).status == 1
    changed = regress(folder, "--update")
    assert changed.status == 0
    assert "baseline: worse" in changed.out
    assert regress(folder).status == 0


def test_a_run_that_cannot_be_had_is_status_2_and_not_worse(tmp_path: Path) -> None:
    file, folder = tmp_path / "mine.py", tmp_path / "baseline"
    file.write_text(SCHEDULER)
    assert regress(folder, "--update", *SPEC, "-s", f"{file}:Mine").status == 0
    file.write_text(SCHEDULER.replace("    pass", "    def schedule(self, view):\n        1 / 0\n"))
    ran = regress(folder)
    assert ran.status == 2
    assert "ZeroDivisionError" in ran.err
    assert ran.out == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--margin", "0"), "--margin 0 must lie between 0 and 1"),
        (("--metric", "tffp_p50_s"), "did you mean 'ttft_p50_s'?"),
        (("--against", "no-such-ref"), "is no interpreter"),
        (("--update", "--against", "HEAD"), "leave --against out"),
        (("--rates", "77"), "nothing of it is in the baseline"),
        (("--junit", "/nowhere/at/all.xml"), "its folder is missing"),
        (("-s", "no-such-scheduler"), "no-such-scheduler"),
    ],
)
def test_wrong_usage_is_status_2(kept: Path, arguments: tuple[str, ...], message: str) -> None:
    assert message in refused("regress", "--baseline", kept, *arguments)


def test_a_missing_baseline_says_how_to_write_one(tmp_path: Path) -> None:
    assert "write one with --update" in refused("regress", "--baseline", tmp_path / "none")


@pytest.mark.parametrize("columns", [80, 140])
def test_the_table_fits_its_terminal(kept: Path, tmp_path: Path, columns: int) -> None:
    ran = regress(kept, "--profile", slowed(tmp_path, 1.1), columns=columns)
    rows = [line for line in ran.out.splitlines() if "worse" in line and "TPOT" in line]
    assert len(rows) == 1
    assert len(rows[0]) <= columns
