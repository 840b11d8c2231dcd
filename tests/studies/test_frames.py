"""Results as frames: plain columns, numbers as numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import slaibench
from tests.studies.studies import WORKLOAD


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> slaibench.SweepResult:
    folder = tmp_path_factory.mktemp("results")
    return slaibench.sweep(
        rates=[5, 40], results=folder, jobs=1, num_seeds=2, num_requests=300, workload=WORKLOAD
    )


def test_a_row_is_a_scheduler_at_a_rate(swept: slaibench.SweepResult) -> None:
    frame = swept.frame()
    assert frame["scheduler"].tolist() == ["sarathi", "sarathi", "slai", "slai"]
    assert frame["rate_rps"].tolist() == [5, 40, 5, 40]
    assert set(frame["model"]) == {"mistral-7b"}
    assert set(frame["gpu"]) == {"h100"}
    assert set(frame["backend"]) == {"sim"}
    assert set(frame["workload"]) == {WORKLOAD}
    assert not [name for name in frame.columns if not name.isidentifier()]
    point = swept.of("slai")[0]
    row = frame.iloc[2]
    for name in ("value", "low", "high"):
        column = "ttft_p50_s" if name == "value" else f"ttft_p50_s_{name}"
        assert row[column] == getattr(point.ttft_s["p50"], name)
    assert row["ttft_p50_s_free"] == point.tiers["free"].estimates["ttft_p50_s"].value
    assert row["tokens_on_time_free"] == point.tiers["free"].tokens_on_time.value
    assert row["due"] == 600
    assert row["verdict"] == swept.verdict(point).state.value


def test_numbers_are_numbers_and_what_is_not_known_is_nan(swept: slaibench.SweepResult) -> None:
    frame = swept.frame()
    for name in frame.columns[frame.columns.get_loc("seeds") :].drop(["invalid", "reason"]):
        assert frame[name].dtype.kind in "iufb", name
    assert np.isnan(frame["tbt_p99_s_paying"]).all()  # 30 requests have no P99
    assert frame["saturated"].dtype == pd.BooleanDtype()
    assert frame["saturated"].isna().tolist() == [point.undecided for point in swept.points]
    assert frame["saturated"].fillna(False).tolist() == [p.saturated for p in swept.points]


def test_a_long_frame_has_a_row_a_metric(swept: slaibench.SweepResult) -> None:
    wide, long = swept.frame(), swept.frame(long=True)
    ours = long[(long["metric"] == "ttft_p50_s") & long["tier"].isna()]
    assert ours["value"].tolist() == wide["ttft_p50_s"].tolist()
    assert ours["n"].tolist() == wide["n"].tolist()
    free = long[(long["metric"] == "tbt_p99_s") & (long["tier"] == "free")]
    pd.testing.assert_series_equal(
        free["value"], wide["tbt_p99_s_free"], check_index=False, check_names=False
    )


def test_capacities_can_be_put_below_each_other(swept: slaibench.SweepResult) -> None:
    frame = pd.concat([result.frame() for result in swept.capacities])
    assert frame["scheduler"].tolist() == ["sarathi", "slai"]
    for result, value in zip(swept.capacities, frame["rate_rps"], strict=True):
        rate = result.capacity.rate_rps
        assert np.isnan(value) if rate is None else value == rate
