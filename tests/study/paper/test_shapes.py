"""Shapes: what is seen is told, and the verdict follows from it."""

from __future__ import annotations

import pytest

from slaibench.study.paper.batches import BatchRow, BlockRow, BudgetRow
from slaibench.study.paper.claim import Claim
from slaibench.study.paper.figures import Mix
from slaibench.study.paper.shapes import batch_shapes, load_shapes
from slaibench.study.paper.verdict import Verdict
from tests.study.paper.small import SmallPaper


def shapes(small: SmallPaper, figure: str) -> dict[str, Claim]:
    return {each.name: each for each in load_shapes(figure, small.result.loads[Mix.FEW])}


@pytest.mark.parametrize(("last_s", "verdict"), [(0.09, Verdict.AGREES), (0.02, Verdict.DISAGREES)])
def test_single_batches_grow_or_do_not(last_s: float, verdict: Verdict) -> None:
    budgets = [BudgetRow(64, 0.7, 0.03, 20), BudgetRow(128, 0.4, last_s, 20)]
    batches = [BatchRow(8, 0.05), BatchRow(16, last_s)]
    found = batch_shapes(budgets, (), batches, len(batches))
    assert [(each.figure, each.paper.verdict) for each in found] == [
        ("6a", verdict),
        ("6c", verdict),
    ]
    assert found[0].paper.seen == f"30.0 to {1e3 * last_s:.1f} ms"


def test_blocks_are_told_as_shares_of_all() -> None:
    (found,) = batch_shapes((), [BlockRow(8, 1032, 0.07), BlockRow(16, 2064, 0.14)], (), 0)
    assert found.paper.seen == "7% to 14% of all blocks"


def test_growth_is_not_told_where_a_batch_is_missing() -> None:
    (found,) = batch_shapes((), (), [BatchRow(8, 0.05), BatchRow(16, 0.06)], 6)
    assert found.paper.verdict is Verdict.UNTOLD
    assert found.paper.seen == "2 of 6 batches came about"


def test_the_order_is_of_paired_changes_from_each_to_the_next(small_paper: SmallPaper) -> None:
    order = shapes(small_paper, "7a")["order-of-ttft-7a"]
    for finding in (order.paper, order.strict):
        assert finding is not None
        assert finding.seen.count(" against ") == 3
        assert finding.seen.startswith("Sarathi-Serve (SPF) ")


def test_prefill_first_is_held_against_all_others_at_the_lowest_rate(
    small_paper: SmallPaper,
) -> None:
    found = shapes(small_paper, "7a")["prefill-first-lowest-7a"]
    assert found.paper.seen.startswith("at 0.8 requests/s ")
    assert found.paper.seen.count(" against ") == 4
    assert found.paper.verdict is Verdict.AGREES


def test_who_breaks_first_is_told_with_the_rates(small_paper: SmallPaper) -> None:
    found = shapes(small_paper, "7b")["prefill-first-breaks-7b"]
    assert found.paper.seen.count(" keeps it to ") == 3


def test_memory_that_is_never_full_is_not_saturated(small_paper: SmallPaper) -> None:
    """With short outputs the cache stays half empty: the claim must fail, and does."""
    found = shapes(small_paper, "8")
    saturates = found["fixed-5-saturates-8"].paper
    assert saturates.seen.endswith("% of the time")
    assert saturates.verdict is not Verdict.AGREES
    assert "under the dynamic offset" in found["fixed-10-underuses-8"].paper.seen


def test_a_figure_without_shapes_claims_none(small_paper: SmallPaper) -> None:
    assert load_shapes("9a", small_paper.result.loads[Mix.FEW]) == []
