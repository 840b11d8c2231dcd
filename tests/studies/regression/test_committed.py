"""The committed baselines: this code, and the engines they are of, still decide as they did."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from slaibench.measure.regression import ChangeVerdict
from slaibench.spec import Device
from slaibench.studies.regression import baseline
from slaibench.studies.regression.study import plan, run
from slaibench.studies.systems.engine import EngineSystem
from slaibench.studies.systems.table import find
from tests.backends.needed import needed

BASELINES = sorted(Path(__file__).parents[3].joinpath("results", "baselines").iterdir())
MOST_BYTES = 1_000_000


@pytest.mark.parametrize("folder", BASELINES, ids=lambda folder: folder.name)
def test_nothing_has_moved(folder: Path) -> None:
    kept = baseline.read(folder)
    system = find(kept.spec.backend)
    if issubclass(system, EngineSystem):
        version = needed(system.ENGINE, Device.EMULATED)
        if version != kept.versions[system.ENGINE.key]:
            pytest.skip(f"the baseline is of {kept.versions[system.ENGINE.key]}, here is {version}")
    result = run(plan(folder))
    if np.__version__ != kept.versions["numpy"] and not any(row.paired for row in result.rows):
        pytest.skip(f"NumPy {np.__version__} draws other requests than {kept.versions['numpy']}")
    moved = [row for row in result.rows if row.verdict is not ChangeVerdict.IDENTICAL]
    assert moved == [], result.notes
    assert result.num_cells == len(kept.replicates)


@pytest.mark.parametrize("folder", BASELINES, ids=lambda folder: folder.name)
def test_files_stay_small(folder: Path) -> None:
    for file in folder.iterdir():
        assert file.stat().st_size < MOST_BYTES, file


def test_all_three_backends_have_one() -> None:
    assert {baseline.read(folder).spec.backend for folder in BASELINES} >= {"sim", "vllm", "sglang"}
