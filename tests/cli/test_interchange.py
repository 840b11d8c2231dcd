"""``slaibench import`` and ``export``."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.command import refused, slaibench, sweep
from tests.studies.interchange.test_interchange import REAL


def test_an_imported_run_has_a_page_that_verifies(tmp_path: Path) -> None:
    results = tmp_path / "results"
    ran = slaibench("import", REAL, "--label", "stock", "--results", results)
    assert ran.status == 0
    assert "stock at 8.00 requests/s, 12 requests" in ran.out
    assert slaibench("report", results, "--reports", tmp_path / "pages").status == 0
    (page,) = (tmp_path / "pages").glob("sweep-*.html")
    assert slaibench("verify", page).status == 0


def test_a_recording_is_exported_to_a_file_or_to_standard_output(tmp_path: Path) -> None:
    assert sweep(tmp_path, "--scheduler", "sarathi").status == 0
    folder = next(
        run.parent for run in tmp_path.rglob("run.json") if "overload" not in run.read_text()
    )
    ran = slaibench("export", folder)
    assert json.loads(ran.out)["completed"] == 60
    file = tmp_path / "profile_export.jsonl"
    assert slaibench("export", folder, "--format", "aiperf", "--output", file).status == 0
    assert len(file.read_text().splitlines()) == 60


def test_wrong_use_says_what_to_do_instead(tmp_path: Path) -> None:
    assert "cannot read" in refused("import", tmp_path / "nothing.json")
    assert "is not a recording" in refused("export", tmp_path)
    assert "TBT SLO must be above 0" in refused("import", REAL, "--tbt-slo", "0")
    assert "imported runs cannot be run again" in refused("sweep", "--backend", "imported")
