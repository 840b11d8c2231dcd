"""A run that is no measurement says so, meets no target, and stays on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from slaibench.measure.audit import audit
from slaibench.recording import store
from slaibench.study.capacity import find_capacity
from slaibench.study.sweep import SweepResult, sweep
from slaibench.study.targets import NOT_MEASURED, STEADY, slo_levels, why_not_measured
from slaibench.study.validity import why_invalid
from slaibench.study.venues import table
from tests.study.studies import loaded, study
from tests.study.venues.others import RealVenue, failing


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> type[RealVenue]:
    class Venue(RealVenue):
        log: ClassVar[Path] = tmp_path / "log"

    monkeypatch.setitem(table.VENUES, "real", Venue)
    return Venue


def swept(results: Path, **fields: Any) -> SweepResult:
    return sweep(study(**{"backend": "real", "schedulers": ("slai",), **fields}), results)


@pytest.mark.parametrize(("num_failed", "invalid"), [(0, False), (4, False), (5, True)])
def test_more_than_one_failed_request_in_a_hundred_is_too_many(
    tmp_path: Path, num_failed: int, invalid: bool
) -> None:
    spec = study(schedulers=("slai",), num_requests=400)
    (cell,) = loaded(sweep(spec, tmp_path, jobs=1).cells)
    requests = store.read(cell.folder).requests
    dead = np.arange(400) >= 400 - num_failed
    spoilt = failing(requests, dead)
    audited = audit(spoilt.due_s, spoilt.sent_s, process="poisson", rate_rps=5.0)
    told = why_invalid(spoilt, audited)
    assert (told is not None) is invalid
    if told:
        assert told == "5 of 400 requests failed: connection refused"


def test_a_late_load_generator_makes_a_run_invalid(real: type[RealVenue], tmp_path: Path) -> None:
    real.lag_s = 0.0049
    slow = {"workload": "fixed:prompt=16000,output=2", "rates": (0.5,)}  # a median TTFT over 0.5 s
    (point,) = swept(tmp_path, **slow).points
    assert (point.invalid, point.invalid_reason) == (0, "")
    real.lag_s = 0.0051
    result = sweep(
        study(backend="real", schedulers=("slai",), **slow), tmp_path, fresh=True, jobs=1
    )
    (point,) = result.points
    assert point.invalid == 1
    assert point.invalid_reason.startswith("send lag P99 5.10 ms is over its budget of 5.00 ms")
    assert point.lag_p99_s == pytest.approx(0.0051)
    assert point.to_json()["invalid"] == point.invalid_reason
    assert [cell.digest.invalid for cell in result.invalid] == [point.invalid_reason]


def test_a_server_that_dies_does_not_look_fast(real: type[RealVenue], tmp_path: Path) -> None:
    # Whatever it served before it died was served well.
    real.dies_at_s = 50.0
    fields: dict[str, Any] = {"num_requests": 600, "rates": (10.0,), "slo": "ttft_p50<0.5"}
    result = swept(tmp_path, **fields)
    (cell,), (point,) = result.cells, result.points
    assert point.ttft_s["p50"].value is not None
    assert point.ttft_s["p50"].value < 0.5
    assert 50 < point.counts.failed < 150
    assert point.counts.failed + point.counts.finished == 600
    assert "requests failed: connection refused" in point.invalid_reason
    levels = slo_levels(result.spec, [cell.digest])
    assert levels["ttft_p50<0.5", None] == NOT_MEASURED
    assert set(levels) == {("ttft_p50<0.5", None), (STEADY, None)}
    for slo, tier in levels:
        why = why_not_measured(result.spec, [cell.digest], slo, tier)
        assert why == point.invalid_reason
    assert any("the server died" in warning for warning in result.warnings)
    assert "the server died" in store.read(cell.folder).run["notes"]


def test_a_capacity_does_not_rest_on_invalid_runs(real: type[RealVenue], tmp_path: Path) -> None:
    real.lag_s = 1.0
    spec = study(
        backend="real", schedulers=("slai",), rates=(), num_requests=200, slo="ttft_p50<0.5"
    )
    (found,) = find_capacity(spec, tmp_path)
    assert found.capacity.rate_rps is None
    assert found.untold is not None
    assert found.untold.startswith("send lag P99")
    assert found.num_invalid == len(found.cells) == found.to_json()["invalid_runs"]
    assert not any("use more --requests" in note for note in found.notes)


def test_a_run_in_which_everything_failed_is_read(real: type[RealVenue], tmp_path: Path) -> None:
    real.dies_at_s = -1.0
    (point,) = swept(tmp_path).points
    assert point.counts.failed == point.counts.due == 60
    assert point.ttft_s["p50"].value is None
    assert "60 of 60 requests failed" in point.invalid_reason
