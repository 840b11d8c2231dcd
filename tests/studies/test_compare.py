"""Comparisons are paired: the same requests, so that small differences show."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slaibench.recording import store
from slaibench.studies.compare import CompareResult, plan, ttft_change
from tests.studies.studies import H100, compare, loaded, study, sweep

SPEC: dict[str, Any] = {"num_requests": 600, "rates": (10.0, 22.0), "profile": str(H100)}


def run(results: Path, a: str, b: str, **fields: Any) -> CompareResult:
    return compare(study(**{**SPEC, **fields}, schedulers=(a, b)), results, jobs=1)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("results")


@pytest.fixture(scope="module")
def different(results: Path) -> CompareResult:
    return run(results, "sarathi:token_budget=128", "sarathi", num_seeds=3)


def test_both_ran_the_same_requests(different: CompareResult) -> None:
    tables: dict[tuple[float, int], list[Any]] = {}
    for cell in loaded(different.sweep.cells):
        requests = store.read(cell.folder).requests
        columns = np.column_stack(
            [requests.due_s, requests.prompt_tokens, requests.output_tokens, requests.tbt_slo_s]
        )
        tables.setdefault((cell.cell.rate_rps, cell.cell.seed), []).append(columns)
    assert len(tables) == 6
    pairs = [pair for pair in tables.values() if len(pair) == 2]
    assert len(pairs) >= 4  # one of them was stopped early at 22, and has no replicates there
    for a, b in pairs:
        shared = min(len(a), len(b))  # a saturated run is cut short
        assert shared > 100
        np.testing.assert_array_equal(a[:shared], b[:shared])


THREE = ("sarathi:token_budget=128", "sarathi", "slai")


@pytest.fixture(scope="module")
def three(results: Path) -> CompareResult:
    """The same cells as ``different``, and those of one more."""
    return compare(study(**SPEC, schedulers=THREE, num_seeds=3), results, jobs=1)


def test_of_more_than_two_each_is_paired_with_the_first(
    three: CompareResult, different: CompareResult
) -> None:
    assert three.schedulers == THREE
    assert [(pair.a, pair.b) for pair in three.pairs] == [(THREE[0], name) for name in THREE[1:]]
    # Who else is compared changes nothing of a pair.
    assert three.pairs[0].rates == different.rates
    assert three.pairs[0].capacity_ratio == different.capacity_ratio
    with pytest.raises(AttributeError, match=r"'rates' by pair: pairs\[0\].rates is of 'sarathi'"):
        _ = three.rates
    rows = three.frame()["scheduler"].tolist()  # one a scheduler and rate, the reference's first
    assert rows == [three.a, three.a, "sarathi", "sarathi", "slai", "slai"]


def test_all_of_them_see_the_same_requests(three: CompareResult) -> None:
    due: dict[tuple[float, int], list[Any]] = {}
    for cell in loaded(three.sweep.cells):
        requests = store.read(cell.folder).requests
        columns = np.column_stack([requests.due_s, requests.prompt_tokens])
        due.setdefault((cell.cell.rate_rps, cell.cell.seed), []).append(columns)
    for tables in due.values():
        shared = min(map(len, tables))
        for other in tables[1:]:
            np.testing.assert_array_equal(tables[0][:shared], other[:shared])
    assert max(map(len, due.values())) == 3


def test_json_of_more_than_two_is_by_scheduler(three: CompareResult) -> None:
    document = json.loads(json.dumps(three.to_json(), allow_nan=False))
    assert not {"a", "b", "capacity", "rates"} & set(document)
    assert document["reference"] == THREE[0]
    assert [capacity["scheduler"] for capacity in document["capacities"]] == [*THREE]
    assert len(document["points"]) == 6
    for other, capacity in zip(document["others"], document["capacities"][1:], strict=True):
        assert other["scheduler"] == capacity["scheduler"]
        assert other["capacity"] == capacity
        assert set(other["ratio"]) == {"value", "ci95", "n"}
        assert [rate["rate_rps"] for rate in other["rates"]] == [10, 22]
        assert other["rates"][0]["ttft_p50_change"]["value"] < 0


def test_json_of_two_has_both_forms(different: CompareResult) -> None:
    document = different.to_json()
    (other,) = document["others"]
    assert (document["reference"], other["scheduler"]) == (document["a"], document["b"])
    assert other["capacity"] == document["capacity"]["b"]
    assert other["ratio"] == document["capacity"]["ratio"]
    assert [rate["ttft_p50_change"] for rate in other["rates"]] == [
        rate["ttft_p50_change"] for rate in document["rates"]
    ]


@pytest.mark.parametrize("num_seeds", [1, 3])
def test_the_interval_excludes_no_change_for_clearly_different_schedulers(
    results: Path, num_seeds: int
) -> None:
    result = run(results, "sarathi", "sarathi:token_budget=128", num_seeds=num_seeds)
    change = result.rates[0].ttft_p50_change
    assert change.low is not None
    assert change.low > 0.2


@pytest.mark.parametrize("num_seeds", [1, 3])
def test_the_interval_covers_no_change_for_an_equivalent_scheduler(
    results: Path, num_seeds: int
) -> None:
    result = run(results, "sarathi", "sarathi:watermark=0.0100001", num_seeds=num_seeds)
    for rate in result.rates:
        change = rate.ttft_p50_change
        assert change.value == 0
        assert change.low is not None
        assert change.high is not None
        assert change.low <= 0 <= change.high
    assert result.capacity_ratio.value == 1


def test_pairing_sees_what_two_intervals_side_by_side_do_not(results: Path) -> None:
    # Replicates differ in their requests; what a budget does to the same requests differs less.
    result = run(results, "sarathi:token_budget=480", "sarathi", num_seeds=3)
    rate = result.rates[0]
    a, b = rate.a.ttft_s["p50"], rate.b.ttft_s["p50"]
    assert a.low is not None
    assert b.high is not None
    assert b.high > a.low  # the intervals overlap
    assert rate.ttft_p50_change.high is not None
    assert rate.ttft_p50_change.high < 0


def test_the_capacity_ratio_follows_from_both_capacities(different: CompareResult) -> None:
    a, b = different.capacity_a.capacity, different.capacity_b.capacity
    assert a.rate_rps is not None
    assert b.rate_rps is not None
    assert different.capacity_ratio.value == pytest.approx(b.rate_rps / a.rate_rps)
    assert b.rate_rps > 1.3 * a.rate_rps
    # Runs of 600 requests are too short for the P99 of TTFT: no rate is sure to hold.
    assert a.ci95 is not None
    assert a.ci95[0] == 0
    assert (different.capacity_ratio.low, different.capacity_ratio.high) == (None, None)


def test_the_ratio_of_sure_capacities_has_an_interval(results: Path) -> None:
    result = run(results, "sarathi:token_budget=128", "sarathi", num_seeds=3, slo="ttft_p50<0.2")
    a, b = result.capacity_a.capacity.ci95, result.capacity_b.capacity.ci95
    assert a is not None
    assert b is not None
    ratio = result.capacity_ratio
    assert ratio.low is not None
    assert ratio.high is not None
    assert 1 < b[0] / a[1] < ratio.low < ratio.value < ratio.high < b[1] / a[0]


def test_json_holds_what_scripts_ask_for(different: CompareResult) -> None:
    document = json.loads(json.dumps(different.to_json(), allow_nan=False))
    for side in ("a", "b"):
        assert {"rate_rps", "ci95", "binding", "bracket"} <= set(document["capacity"][side])
    assert set(document["capacity"]["ratio"]) == {"value", "ci95", "n"}
    assert [rate["rate_rps"] for rate in document["rates"]] == [10, 22]
    for rate in document["rates"]:
        assert set(rate["ttft_p50_change"]) == {"value", "ci95", "n"}
        for side in ("a", "b"):
            point = rate[side]
            assert point["saturated"] in (True, False, None)
            assert {"ttft_p50_s", "ttft_p99_s", "n"} <= set(point)
            assert set(point["tbt_p99_s"]) == {"paying", "free"}
    calm = document["rates"][0]
    assert calm["b"]["saturated"] is False
    assert calm["b"]["n"] > 900
    assert calm["b"]["ttft_p50_s"] > 0
    frame = different.frame()
    assert frame["scheduler"].tolist() == [different.a, different.a, different.b, different.b]
    changes = frame["ttft_p50_change"].tolist()
    assert all(map(math.isnan, changes[:2]))  # nothing is compared with itself
    assert changes[2] == different.rates[0].ttft_p50_change.value


def test_every_recording_behind_the_numbers_is_named(different: CompareResult) -> None:
    folders = different.folders()
    assert len(folders) == len(set(folders)) > len(different.sweep.cells)
    assert all((folder / store.RUN).exists() for folder in folders)


def test_runs_too_short_to_tell_have_a_capacity_of_which_nothing_is_sure(tmp_path: Path) -> None:
    result = run(tmp_path, "sarathi", "slai", num_requests=60, slo="ttft_p50<0.5")
    capacity = result.capacity_a.capacity
    assert capacity.ci95 is None or capacity.ci95[0] == 0
    assert result.capacity_ratio.low is None
    assert result.rates[0].a.undecided
    assert result.rates[0].ttft_p50_change.value is not None


def test_a_change_over_requests_that_never_started_cannot_be_told(tmp_path: Path) -> None:
    # The stopped run's second half had no first token yet.
    spec = study(rates=(60.0,), num_requests=1000)
    swept = sweep(spec, tmp_path, jobs=1)
    a, b = swept.summaries("sarathi", 60.0), swept.summaries("slai", 60.0)
    result = ttft_change(a, b)
    assert result.value is None
    assert result.n > 0


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"schedulers": ("sarathi",)}, "of two schedulers or more, not of 'sarathi' alone"),
        ({"rates": (), "arrivals": "burst"}, "burst arrivals do not depend on a rate"),
        ({"arrivals": "burst"}, "burst arrivals do not depend on a rate"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    tmp_path: Path, fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        plan(study(**fields), tmp_path, jobs=1)
