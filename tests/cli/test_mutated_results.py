"""Whatever is wrong with a recording, the others are listed, reported, verified and reused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from slaibench.recording import store
from tests.cli.command import SMALL, Ran, slaibench, sweep
from tests.cli.mutated_results import mutate
from tests.studies.studies import rewritten

STUDY = ("--rates", "2,5", "-s", "slai", "-s", "sarathi")
SEEDS = 24
"""Three hundred take some minutes, and found nothing else when this was written."""
PAGE_EVERY = 8
"""A page takes a second or two."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with results and their page."""
    folder = tmp_path_factory.mktemp("whole")
    where = ("--results", folder / "r", "--reports", folder / "p")
    assert slaibench("sweep", *where, *SMALL, *STUDY).status == 0
    return folder


def no_crash(ran: Ran) -> Ran:
    """What a command says of something wrong: not nothing, and no traceback."""
    assert "Traceback" not in ran.out + ran.err
    assert ran.out or ran.err.strip()
    return ran


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_mutated_recording_ends_no_command(whole: Path, tmp_path: Path, seed: int) -> None:
    results = tmp_path / "r"
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    mutate(results, seed)
    assert no_crash(slaibench("results", results)).status == 0
    assert no_crash(slaibench("results", results, "--json")).status == 0
    if seed % PAGE_EVERY == 0:
        assert no_crash(slaibench("report", results, "--reports", tmp_path / "q")).status == 0
        (page,) = (tmp_path / "p").glob("sweep-*.html")
        no_crash(slaibench("verify", page))
    no_crash(sweep(results, *STUDY))


@pytest.mark.parametrize(
    "change", [{"backend": 1.5}, {"notes": None}, {"versions": 3}, {"end_s": "x"}, {"workload": []}]
)
def test_one_run_json_that_was_changed_does_not_end_the_report_of_a_folder(
    whole: Path, tmp_path: Path, change: dict[str, object]
) -> None:
    results = tmp_path / "r"
    shutil.copytree(whole / "r", results)
    victim = next(path for path in store.find_runs(results) if path.name.startswith("rate2-"))
    rewritten(victim, **change)
    assert no_crash(slaibench("results", results, "--json")).status == 0
    ran = no_crash(slaibench("report", results, "--reports", tmp_path / "q"))
    assert ran.status == 0
    assert "report: " in ran.out
    again = no_crash(sweep(results, *STUDY))
    assert (again.status, no_crash(sweep(results, *STUDY)).status) == (0, 0)
