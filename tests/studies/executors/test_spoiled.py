"""A recording that its backend knows to be no measurement is read as invalid, and not reused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slaibench.backends.base import RunOutput
from slaibench.recording import store
from slaibench.spec import StudySpec
from slaibench.studies import prepared as prepared_module
from slaibench.studies.executors.cells import CellWork
from slaibench.studies.prepared import prepare

WHY = "while it ran, the engine served somebody else as well: 1 x, first request 'x'"


def test_a_spoiled_run_is_invalid_and_is_recorded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = StudySpec(schedulers=("sarathi",), rates=(2.0,), num_seeds=1, num_requests=20)
    prepared = prepare(spec)
    (cell,) = prepared.cells()
    serve = prepared_module.serve

    def spoiled(*arguments: Any) -> RunOutput:
        return replace(serve(*arguments), invalid=WHY)

    work = CellWork(prepared, tmp_path, prepared.targets.summarizer(), fresh=False)
    with monkeypatch.context() as patched:
        patched.setattr(prepared_module, "serve", spoiled)
        first = work.obtain(cell)
    assert (first.summary.invalid, first.reused) == (WHY, False)
    with pytest.raises(store.DamagedRecordingError, match="served somebody else"):
        work.from_disk(cell)
    again = work.obtain(cell)
    assert (again.summary.invalid, again.reused, again.damage) == (None, False, WHY)
    assert work.obtain(cell).reused
