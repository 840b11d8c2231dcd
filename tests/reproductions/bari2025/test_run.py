"""Each cell runs once, however many figures show it, and never again."""

from __future__ import annotations

from pathlib import Path

import pytest

from slaibench.recording.store import RecordingError
from slaibench.reproductions.bari2025 import reproduce
from slaibench.reproductions.bari2025.figures import SARATHI, SLAI, SLAI_FIXED, SLAI_FIXED_5, Mix
from slaibench.reproductions.bari2025.run import check, mixes, run, searches
from slaibench.reproductions.bari2025.spec import PaperSpec
from slaibench.spec import Convention
from slaibench.studies.executors import CellResult
from tests.reproductions.bari2025.small import SMALL, WORKLOAD, SmallPaper
from tests.studies.studies import contents

MEMORY = PaperSpec(
    figures=("8",), workload=WORKLOAD, rates=(0.4,), num_seeds=1, first_seed=7, duration_s=60
)


def test_the_same_again_runs_nothing_and_finds_the_same(small_paper: SmallPaper) -> None:
    before, cells = contents(small_paper.results), list[CellResult]()
    again = run(SMALL, small_paper.results, jobs=1, on_cell=lambda cell, *_: cells.append(cell))
    assert contents(small_paper.results) == before
    assert all(cell.reused for cell in cells)
    assert again.to_json() == small_paper.result.to_json()


def test_no_cell_is_reported_twice(small_paper: SmallPaper) -> None:
    folders = [cell.folder for cell in small_paper.result.cells]
    assert len(set(folders)) == len(folders)
    assert {path.parent for path in small_paper.results.rglob("run.json")} == set(folders)


def test_a_figure_runs_its_own_cells_and_no_other(tmp_path: Path) -> None:
    """Figure 8 is of three schedulers at the high load, whatever rates are asked for."""
    result = run(MEMORY, tmp_path, jobs=1)
    ran = {(cell.cell.scheduler, cell.cell.rate_rps, cell.cell.seed) for cell in result.cells}
    assert ran == {(name, 1.6, 7) for name in (SLAI_FIXED_5, SLAI_FIXED, SLAI)}
    assert {cell.cell.convention for cell in result.cells} == set(Convention)
    assert len(result.cells) == 6


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    class Killed(Exception):  # noqa: N818
        pass

    def stop(_: CellResult, done: int, __: int) -> None:
        if done == 2:
            raise Killed

    with pytest.raises(Killed):
        run(MEMORY, tmp_path, jobs=1, on_cell=stop)
    kept = {path.parent for path in tmp_path.rglob("run.json")}
    assert len(kept) == 2
    result = run(MEMORY, tmp_path, jobs=1)
    assert {cell.folder for cell in result.cells if cell.reused} == kept
    whole = run(MEMORY, tmp_path / "whole", jobs=1)
    assert result.to_json() == whole.to_json()


def test_mixes_are_those_of_the_figures() -> None:
    assert mixes(PaperSpec(figures=("6",))) == ()
    assert mixes(PaperSpec(figures=("12", "7"))) == (Mix.FEW, Mix.MOST)
    assert mixes(PaperSpec()) == tuple(Mix)


def test_capacities_are_searched_where_a_figure_prints_them() -> None:
    assert searches(PaperSpec(figures=("7c",)), Mix.FEW)
    assert not searches(PaperSpec(figures=("7a", "8")), Mix.FEW)
    assert searches(PaperSpec(figures=("8", "11")), Mix.HALF)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"workload": "sharegpt"}, "unknown workload 'sharegpt'; did you mean 'sharegpt4'"),
        ({"device": "emulated"}, "--device does not go with --backend sim"),
    ],
)
def test_what_cannot_be_had_is_refused_before_any_work(
    tmp_path: Path, fields: dict[str, object], message: str
) -> None:
    spec = PaperSpec.model_validate({"figures": ("7c",), **fields})
    with pytest.raises(ValueError, match=message):
        check(spec, tmp_path)
    assert not list(tmp_path.rglob("run.json"))


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordingError, match="--results"):
        check(SMALL, tmp_path / "file")


def test_searched_schedulers_have_more_cells_than_the_figure_shows(
    small_paper: SmallPaper,
) -> None:
    load, _ = small_paper.result.loads[Mix.FEW]
    rates = {
        name: {cell.cell.rate_rps for cell in load.cells if cell.cell.scheduler == name}
        for name in load.spec.schedulers
    }
    assert rates[SLAI] > {0.8, 1.6} < rates[SARATHI]
    assert rates[SLAI_FIXED] == {0.8, 1.6}


def test_from_python_figures_and_rates_come_as_text_or_several(tmp_path: Path) -> None:
    result = reproduce("6c", rates="0.4,0.8", results=tmp_path, jobs=1, num_seeds=1)
    assert (result.spec.figures, result.spec.rates) == (("6c",), (0.4, 0.8))
    assert [claim.figure for claim in result.claims] == ["6c"]
    again = reproduce(["6c"], rates=[0.4, 0.8], results=str(tmp_path), jobs=1, num_seeds=1)
    assert all(cell.reused for cell in again.cells)
    assert reproduce("6c", results=tmp_path, jobs=1).spec.rates == PaperSpec().rates
