"""The host time of a synchronous engine: of steps of a calibration, and of nothing else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from benchmarks.gpu.host_time import decode_samples, fitted, host_time
from slaibench.catalog import get_profile
from slaibench.catalog.host import host_times
from slaibench.costmodel import CostModel
from slaibench.studies.calibration.store import Folder

ROOT = Path(__file__).parents[2] / "results" / "gpu" / "h200-vllm-0.26"


def test_the_catalogs_entry_is_what_the_calibration_says() -> None:
    (entry,) = [time for time in host_times() if time.source and time.since == "0.14"]
    again, words = host_time(ROOT, "h200", "0.14")
    assert again == entry
    assert words.startswith("27 batches that were held out: median error")


def test_it_is_found_again_in_steps_that_are_made_of_it(tmp_path: Path) -> None:
    """2 ms a step and 0.05 ms a sequence, put on the profile's own times."""
    shutil.copytree(ROOT / "calibration", tmp_path / "calibration")
    model = CostModel(get_profile("h200", "mistral-7b"))
    for file in (tmp_path / "calibration").glob("*.jsonl"):
        now_s, lines = 0.0, []
        for line in file.read_text(encoding="utf-8").splitlines():
            cell, _, _, forward_s, decodes, context, chunks = json.loads(line)
            lines.append(json.dumps([cell, now_s, now_s, forward_s, decodes, context, chunks]))
            now_s += model.batch_time_s(decodes, context, chunks) + 2e-3 + 0.05e-3 * decodes
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    measured = decode_samples(Folder(tmp_path / "calibration"))
    assert fitted(measured, model) == pytest.approx((2.0, 0.05))


def test_a_profile_that_is_not_of_operators_is_refused() -> None:
    with pytest.raises(ValueError, match="profile rtx4090/mistral-7b is measured, not compiled"):
        host_time(ROOT, "rtx4090", "0.14")
