"""A study's specification: what it defaults to, what it refuses, what decides a recording."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from slaibench.recording.store import spec_hash
from slaibench.spec import DEFAULT_SLO, PAPER_SLO, CellSpec, Convention, StudySpec
from slaibench.studies.prepared import prepare
from slaibench.workloads.arrivals import ArrivalProcess, due_times
from tests.studies.studies import study


def test_a_default_cell_has_1250_requests_and_at_least_180_seconds_of_them() -> None:
    spec = StudySpec()
    assert spec.requests_at(1.0) == 1250
    assert spec.requests_at(6.0) == 1250
    assert spec.requests_at(20.0) == 3600
    assert spec.horizon_s is None
    assert spec.stops_early
    assert spec.extends


@pytest.mark.parametrize(
    "fields",
    [
        {"num_requests": 400},
        {"duration_s": 60.0},
        {"early_stop": False},
        {"convention": "paper"},
        {"backend": "vllm"},
    ],
)
def test_a_length_that_somebody_named_or_an_engine_has_to_serve_is_kept(
    fields: dict[str, Any],
) -> None:
    assert not StudySpec(**fields).extends


@pytest.mark.parametrize(
    ("fields", "slo"),
    [
        ({}, DEFAULT_SLO),
        ({"slo": None}, DEFAULT_SLO),
        ({"convention": "paper"}, PAPER_SLO),
        ({"slo": "paper"}, PAPER_SLO),
        ({"slo": "paper", "convention": "strict"}, PAPER_SLO),
        ({"slo": "ttft_p90<1", "convention": "paper"}, "ttft_p90<1"),
    ],
)
def test_targets_are_the_conventions_unless_named(fields: dict[str, Any], slo: str) -> None:
    assert StudySpec(**fields).slo == slo
    assert DEFAULT_SLO == "ttft_p50<0.5,ttft_p99<5,tbt_p99<tier"
    assert PAPER_SLO == "ttft_p50<0.5,tbt_p99<tier"


def test_a_run_that_measures_a_throughput_is_another_cell_and_others_keep_their_name() -> None:
    cell = prepare(study()).cells()[0]
    assert "overload" not in cell.spec()
    overload = cell.model_copy(update={"overload": {"bound_rps": 9.0}})
    assert overload.spec()["overload"] == {"bound_rps": 9.0}
    assert spec_hash(overload.spec()) != spec_hash(cell.spec())
    assert not overload.asks_the_same(cell)


def test_requests_asked_for_are_taken_at_every_rate() -> None:
    assert [StudySpec(num_requests=60).requests_at(rate) for rate in (0.1, 100.0)] == [60, 60]


def test_the_paper_runs_35_minutes_of_truncated_gaps_to_the_end() -> None:
    spec = StudySpec(convention=Convention.PAPER)
    assert spec.convention is Convention.PAPER
    assert spec.horizon_s == 2100
    assert spec.arrivals_or_default == "poisson-truncated"
    assert not spec.stops_early
    assert StudySpec().arrivals_or_default == "poisson"
    assert StudySpec(convention=Convention.PAPER, num_requests=60).horizon_s is None


def test_a_duration_ends_cells_and_is_not_cut_short() -> None:
    spec = StudySpec(duration_s=30.0)
    assert spec.horizon_s == 30
    assert not spec.stops_early
    assert StudySpec(duration_s=30.0, early_stop=True).stops_early


@given(
    rate=st.floats(0.05, 50),
    horizon=st.floats(1, 2100),
    process=st.sampled_from(["poisson", "poisson-truncated", "constant"]),
    seed=st.integers(0, 1000),
)
def test_a_horizon_is_never_short_of_requests(
    rate: float, horizon: float, process: str, seed: int
) -> None:
    import numpy as np  # noqa: PLC0415

    num = StudySpec(duration_s=horizon).requests_at(rate)
    due = due_times(ArrivalProcess.parse(process), rate, num, np.random.default_rng(seed))
    assert due[-1] > horizon


def test_rates_are_kept_ascending_and_once() -> None:
    assert StudySpec(rates=(5, 1, 5, 0.5)).rates == (0.5, 1.0, 5.0)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"rates": (0.0,)}, "positive number, not 0"),
        ({"rates": (-1.0,)}, "positive number, not -1"),
        ({"rates": (math.nan,)}, "positive number, not nan"),
        ({"rates": (math.inf,)}, "positive number, not inf"),
        ({"schedulers": ()}, "at least one scheduler"),
        ({"schedulers": ("slai", "slai")}, "named twice in slai, slai"),
        ({"num_seeds": 0}, "num_seeds"),
        ({"num_requests": 19}, "num_requests"),
        ({"duration_s": math.nan}, "duration_s"),
        ({"duration_s": 0.0}, "duration_s"),
        ({"first_seed": -1}, "first_seed"),
        ({"kv_blocks": 0}, "kv_blocks"),
        ({"convention": "lax"}, "'strict' or 'paper'"),
        ({"sheduler": "slai"}, "sheduler"),
    ],
)
def test_a_bad_value_is_refused_by_name(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        StudySpec(**fields)


def test_a_specification_cannot_change_under_a_study() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(StudySpec(), "model", "other")  # noqa: B010


def test_a_cell_survives_json_and_keeps_its_identity() -> None:
    prepared = prepare(study(schedulers=("rad", "slai:order=fcfs"), rates=(0.1, 5.0)))
    for cell in prepared.cells():
        back = CellSpec.model_validate(json.loads(json.dumps(cell.spec())))
        assert back == cell
        assert spec_hash(back.spec()) == spec_hash(cell.spec())


@pytest.mark.parametrize(
    "other",
    [
        {"rates": (5.5,)},
        {"first_seed": 1},
        {"num_requests": 61},
        {"gpu": "a100"},
        {"schedulers": ("slai:order=fcfs",)},
        {"workload": "uniform:prompt=200-1800,output=20-121"},
        {"arrivals": "constant"},
        {"tiers": "paying:0.5:0.1,free:0.5:0.5"},
        {"kv_blocks": 5000},
        {"convention": "paper"},
        {"early_stop": False},
        {"max_total_tokens": 1000},
        {"duration_s": 10.0},
    ],
)
def test_whatever_changes_a_recording_changes_the_cells_hash(other: dict[str, Any]) -> None:
    hashes = set()
    for fields in ({}, other):
        prepared = prepare(study(**{"schedulers": ("slai",), **fields}))
        hashes |= {spec_hash(cell.spec()) for cell in prepared.cells()}
    assert len(hashes) == 2


def test_the_slo_is_asked_of_recordings_and_does_not_change_them() -> None:
    cells = [prepare(study(slo=slo)).cells() for slo in ("ttft_p50<0.5", "tbt_p99<tier")]
    assert cells[0] == cells[1]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("modle", "there is no field 'modle': did you mean 'model'? Fields: "),
        ("num_request", "did you mean 'num_requests'? Fields: "),
        ("nothing_like_it", "there is no field 'nothing_like_it': Fields: "),
    ],
)
def test_a_field_that_is_not_there_is_refused_with_the_one_that_was_meant(
    name: str, said: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        StudySpec(**{name: "mistral-7b"})
