"""A run that is no measurement says so, meets no target, and stays on disk."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from slaibench.measure.audit import audit
from slaibench.recording import store
from slaibench.studies.sweep import SweepResult
from slaibench.studies.systems import table
from slaibench.studies.targets import NOT_MEASURED, STEADY, Targets
from slaibench.studies.validity import add_up, failure_words, why_invalid
from tests.studies.studies import H100, find_capacity, loaded, study, sweep
from tests.studies.systems.others import RealTimeSystem, failing


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> type[RealTimeSystem]:
    class SystemUnderTest(RealTimeSystem):
        log: ClassVar[Path] = tmp_path / "log"

    monkeypatch.setitem(table.SYSTEMS, "real", SystemUnderTest)
    return SystemUnderTest


def swept(results: Path, **fields: Any) -> SweepResult:
    own = {"backend": "real", "schedulers": ("slai",), "profile": str(H100)}
    return sweep(study(**{**own, **fields}), results)


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
    reason = why_invalid(spoilt, audited)
    assert (reason is not None) is invalid
    if reason:
        assert reason == "5 of 400 requests failed: connection refused"


SLOW: dict[str, Any] = {"workload": "fixed:prompt=16000,output=2", "rates": (0.5,)}
"""Its median TTFT is 0.51 s."""


def test_a_load_generator_that_decides_a_verdict_makes_a_run_invalid(
    real: type[RealTimeSystem], tmp_path: Path
) -> None:
    (prompt,) = swept(tmp_path / "prompt", slo="ttft_p50<5", **SLOW).points
    median_s = prompt.ttft_s["p50"].value
    assert median_s is not None
    real.lag_s = 0.02
    between = f"ttft_p50<{median_s + 0.01:.4f}"
    result = swept(tmp_path / "between", slo=between, **SLOW)
    (point,) = result.points
    assert point.invalid == 1
    assert point.invalid_reason.startswith(
        f"send lag P99 20.00 ms decides: {between} is met without it"
    )
    assert point.lag_p99_s == pytest.approx(0.02)
    assert point.to_json()["invalid"] == point.invalid_reason
    reasons = [cell.summary.invalid for cell in result.cells]
    assert [reason for reason in reasons if reason is not None] == [point.invalid_reason]


def test_lag_that_decides_nothing_is_a_note_with_its_size(
    real: type[RealTimeSystem], tmp_path: Path
) -> None:
    real.lag_s = 0.02
    result = swept(tmp_path, slo="ttft_p50<5", **SLOW)
    (point,) = result.points
    assert (point.invalid, point.invalid_reason, point.audit_ok) == (0, "", False)
    assert any(
        warning.startswith("requests were sent late: P99 20.00 ms in the worst run, 3.")
        for warning in result.warnings
    )


def test_failures_are_reported_before_the_send_lag(
    real: type[RealTimeSystem], tmp_path: Path
) -> None:
    real.lag_s, real.dies_at_s = 2.0, 5.0
    result = swept(tmp_path, slo="ttft_p50<0.5")
    (point,) = result.points
    assert "requests failed: connection refused" in point.invalid_reason
    assert "lag" not in point.invalid_reason
    assert result.warnings[0].startswith("slai at ")
    assert point.to_json()["failures"] == [
        {"reason": "connection refused", "requests": point.counts.failed}
    ]


def test_failures_are_counted_by_reason_whatever_numbers_are_in_it() -> None:
    result = add_up([("lost after 3 tokens", 1), ("HTTP 500: no", 1), ("lost after 17 tokens", 4)])
    assert result == (("lost after 3 tokens", 5), ("HTTP 500: no", 1))
    assert failure_words(result, 60) == (
        "6 of 60 requests failed: 5 x lost after 3 tokens; 1 x HTTP 500: no"
    )
    assert failure_words((), 60) == ""


def test_a_server_that_dies_does_not_look_fast(real: type[RealTimeSystem], tmp_path: Path) -> None:
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
    levels = Targets.of(result.spec).levels([cell.summary])
    assert levels["ttft_p50<0.5", None] == NOT_MEASURED
    assert set(levels) == {("ttft_p50<0.5", None), (STEADY, None)}
    for slo, tier in levels:
        why = Targets.of(result.spec).why_not_measured([cell.summary], slo, tier)
        assert why == point.invalid_reason
    assert any("the server died" in warning for warning in result.warnings)
    assert "the server died" in store.read(cell.folder).run["notes"]


def test_a_capacity_does_not_rest_on_invalid_runs(
    real: type[RealTimeSystem], tmp_path: Path
) -> None:
    real.lag_s = 1.0
    spec = study(
        backend="real", schedulers=("slai",), rates=(), num_requests=200, slo="ttft_p50<0.5"
    )
    (result,) = find_capacity(spec, tmp_path)
    assert result.capacity.rate_rps is None
    assert result.untold is not None
    assert result.untold.startswith("send lag P99 1000.00 ms decides: ttft_p50<0.5 is met")
    assert result.num_invalid == len(result.cells) == result.to_json()["invalid_runs"]
    assert not any("use more --requests" in note for note in result.notes)


def test_a_run_in_which_everything_failed_is_read(
    real: type[RealTimeSystem], tmp_path: Path
) -> None:
    real.dies_at_s = -1.0
    (point,) = swept(tmp_path).points
    assert point.counts.failed == point.counts.due == 60
    assert point.ttft_s["p50"].value is None
    assert "60 of 60 requests failed" in point.invalid_reason


@pytest.mark.parametrize(
    ("reasons", "words"),
    [
        ((("timed out: late, after 0 tokens", 3),), "3 of 9 requests timed out: late, after 0"),
        (
            (("timed out: late, after 0 tokens", 2), ("refused", 1)),
            "3 of 9 requests failed or timed out: 2 x timed out: late, after 0 tokens; 1 x refused",
        ),
    ],
)
def test_time_outs_are_reported_like_failures(
    reasons: tuple[tuple[str, int], ...], words: str
) -> None:
    assert failure_words(reasons, 9).startswith(words)


@pytest.mark.parametrize(("num_late", "invalid"), [(5, False), (399, False), (400, True)])
def test_time_outs_are_waits_unless_nothing_was_answered(
    tmp_path: Path, num_late: int, invalid: bool
) -> None:
    spec = study(schedulers=("slai",), num_requests=400)
    (cell,) = loaded(sweep(spec, tmp_path, jobs=1).cells)
    requests = failing(store.read(cell.folder).requests, np.arange(400) >= 400 - num_late)
    late = np.where(requests.outcome == "failed", "timed_out", requests.outcome)
    spoilt = dataclasses.replace(requests, outcome=late)
    audited = audit(spoilt.due_s, spoilt.sent_s, process="poisson", rate_rps=5.0)
    reason = why_invalid(spoilt, audited)
    assert reason == ("400 of 400 requests timed out: connection refused" if invalid else None)
