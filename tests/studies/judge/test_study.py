"""A judgement from its plan to its verdicts, in the simulator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from slaibench.measure.regression import ChangeVerdict
from slaibench.studies.judge.design import SHARES, Design, default_metrics
from slaibench.studies.judge.result import JudgeResult
from slaibench.studies.judge.study import in_turns, plan, run
from tests.studies.studies import H100, WORKLOAD

SPEC: dict[str, Any] = {
    "backend": "sim",
    "profile": str(H100),
    "model": "mistral-7b",
    "gpu": "h100",
    "workload": WORKLOAD,
    "num_requests": 150,
}
SLOWED = "prefill-first"
"""Stalls decodes for prompts: a longer TBT, by its rule."""


def judged(candidate: str, reference: str | None, results: Path, **fields: Any) -> JudgeResult:
    metrics = fields.pop("metrics", ())
    return run(plan(candidate, reference, {**SPEC, **fields}, results, metrics=metrics, jobs=1))


@pytest.fixture(scope="module")
def slower(tmp_path_factory: pytest.TempPathFactory) -> JudgeResult:
    """Prefill first against Sarathi-Serve, at rates that are chosen."""
    return judged(SLOWED, "sarathi", tmp_path_factory.mktemp("slower"))


def test_what_is_worse_is_called_so_at_every_load(slower: JudgeResult) -> None:
    rows = [row for row in slower.rows if row.metric == "tbt_p99_all_s"]
    assert len(rows) == len(SHARES)
    assert {row.verdict for row in rows} == {ChangeVerdict.WORSE}
    assert all(row.low is not None and row.low > slower.design.margin for row in rows)


def test_loads_are_shares_of_what_the_reference_carries(slower: JudgeResult) -> None:
    carried = [rate / share for rate, share in zip(slower.spec.rates, SHARES, strict=True)]
    assert carried == pytest.approx([carried[0]] * 3, rel=0.1)
    assert slower.spec.rates_chosen is not None
    assert "sarathi carries" in slower.spec.rates_chosen
    assert SLOWED not in slower.spec.rates_chosen


def test_both_sides_of_a_pair_have_the_same_requests_and_measure_the_same_of_them(
    slower: JudgeResult,
) -> None:
    assert all(row.paired for row in slower.rows)
    sides: dict[str, list[Any]] = {name: [] for name in slower.spec.schedulers}
    for cell in slower.cells:
        if cell.cell.rate_rps in slower.spec.rates:
            sides[cell.cell.scheduler].append((cell.cell.rate_rps, cell.cell.seed))
    a, b = sides.values()
    assert sorted(a) == sorted(b)


def test_an_interval_is_wider_than_one_that_stood_alone(tmp_path: Path) -> None:
    where = tmp_path / "runs"
    fields: dict[str, Any] = {"rates": (10.0,), "num_seeds": 4}
    many = judged("slai", "sarathi", where, **fields)
    one = judged("slai", "sarathi", where, metrics=["ttft_p50_s"], **fields)
    (alone,), together = one.rows, many.rows[0]
    assert (together.metric, together.change) == (alone.metric, alone.change)
    assert together.low < alone.low < alone.high < together.high  # type: ignore[operator]
    assert one.design.comparisons == 1
    assert many.design.comparisons == len(default_metrics())


def test_the_same_rule_under_another_name_is_identical(tmp_path: Path) -> None:
    result = judged("sarathi:token_budget=512", "sarathi", tmp_path, rates=(5.0,), num_seeds=2)
    assert result.identical
    assert result.verdict == "identical"
    assert result.confirmation is None


def test_cells_run_in_turns_that_favour_nobody() -> None:
    made = plan("slai", "sarathi", {**SPEC, "rates": (5.0,), "num_seeds": 4}, Path("unused"))
    order = [cell.scheduler for cell in in_turns(made.prepared)]
    assert order == ["sarathi", "slai", "slai", "sarathi"] * 2


def test_the_rule_is_fixed_before_anything_runs() -> None:
    made = plan("slai", None, {**SPEC, "num_seeds": 8}, Path("unused"), metrics=["tbt_p99_s"])
    assert made.spec.schedulers == ("vllm-default", "slai")
    assert made.design == Design(("tbt_p99_s",), 0.05, 3, 8, comparisons=6)  # two tiers
    assert "all 6 verdicts hold together with 95% probability" in made.design.in_words


def test_the_document_and_the_frame_hold_every_row(slower: JudgeResult) -> None:
    form, frame = slower.to_json(), slower.frame()
    assert form["reference"] == "sarathi"
    assert form["comparisons"] == len(SHARES) * len(default_metrics())
    assert len(form["rows"]) == len(slower.rows) == len(frame)
    judged_rows = frame.dropna(subset="change_low")
    assert len(judged_rows) > len(SHARES)
    assert judged_rows["change_low"].le(judged_rows["change_high"]).all()


@pytest.mark.parametrize(
    ("fields", "metrics", "message"),
    [
        ({"num_seeds": 1}, (), "two pairs or more"),
        ({}, ("nothing_s",), "unknown metric 'nothing_s'"),
        ({"arrivals": "burst"}, (), "arrivals do not depend on a rate"),
    ],
)
def test_bad_input_is_refused_before_any_work(
    fields: dict[str, Any], metrics: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        plan("slai", "sarathi", {**SPEC, **fields}, tmp_path, metrics=metrics)
    assert not any(tmp_path.iterdir())


def test_a_margin_that_is_no_share_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--margin 5 must lie between 0 and 1"):
        plan("slai", "sarathi", SPEC, tmp_path, margin=5)
