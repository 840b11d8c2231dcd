"""Orderings and shapes: which figures show them, and that real runs decide them."""

from __future__ import annotations

import pytest

from slaibench.reproductions.bari2025.batches import BatchRow, BlockRow, BudgetRow
from slaibench.reproductions.bari2025.claim import Claim
from slaibench.reproductions.bari2025.figures import FIGURES, Mix
from slaibench.reproductions.bari2025.shapes import SHAPES, batch_shapes, load_shapes
from slaibench.reproductions.bari2025.verdict import ClaimVerdict
from tests.reproductions.bari2025.small import SmallPaper


def shapes(small: SmallPaper, figure: str) -> dict[str, Claim]:
    loads = small.result.loads[Mix.FEW]
    return {claim.name: claim for claim in load_shapes(figure, [figure], loads)}


@pytest.mark.parametrize("figure", ["7a", "7b", "7c", "8", "9a", "9b", "9c", "10", "11c", "12c"])
def test_every_figure_that_the_text_speaks_of_has_claims(figure: str) -> None:
    assert any(figure in shape.figures for shape in SHAPES)


def test_a_claims_figures_are_of_one_mix() -> None:
    for shape in SHAPES:
        assert len({FIGURES[name].mix for name in shape.figures}) == 1, shape.name


def test_what_two_figures_show_is_claimed_once(small_paper: SmallPaper) -> None:
    loads = small_paper.result.loads[Mix.FEW]
    both = ["7c", "9a"]
    first, second = (load_shapes(name, both, loads) for name in both)
    assert [claim.figure for claim in first] == ["7c, 9a", "7c, 9a"]
    assert second == []
    assert [claim.name for claim in load_shapes("9a", ["9a"], loads)] == [
        claim.name for claim in first
    ]


def test_claims_at_high_load_say_whose_rate_that_is(small_paper: SmallPaper) -> None:
    order = shapes(small_paper, "7c")["order-of-ttft-7c"]
    assert "under load (taken as 1.6 requests/s)" in order.text


def test_the_order_is_of_paired_changes_from_each_to_the_next(small_paper: SmallPaper) -> None:
    order = shapes(small_paper, "7c")["order-of-ttft-7c"]
    for finding in (order.paper, order.strict):
        assert finding is not None
        assert finding.seen.count(" against ") == 3
        assert finding.seen.startswith("Sarathi-Serve (SPF) ")


def test_prefill_first_is_compared_with_all_others_at_the_lowest_rate(
    small_paper: SmallPaper,
) -> None:
    claim = shapes(small_paper, "7c")["prefill-first-lowest-7c"]
    assert claim.paper.seen.startswith("at 0.8 requests/s ")
    assert claim.paper.seen.count(" against ") == 5
    assert claim.paper.verdict is ClaimVerdict.AGREES


def test_who_breaks_first_is_reported_with_the_rates(small_paper: SmallPaper) -> None:
    claim = shapes(small_paper, "7b")["prefill-first-breaks-7a"]
    assert claim.paper.seen.count(" keeps it to ") == 3


def test_tails_are_reported_at_the_lowest_and_the_highest_rate(small_paper: SmallPaper) -> None:
    claims = {**shapes(small_paper, "7a"), **shapes(small_paper, "7b")}
    for name in ("tail-rises-sarathi-7a", "tail-rises-slai-7a", "tail-rises-sarathi-7b"):
        for part in claims[name].paper.seen.split("; "):
            assert " at 0.8, " in part
            assert part.endswith(" at 1.6 requests/s")


def test_memory_that_is_never_full_is_not_saturated(small_paper: SmallPaper) -> None:
    """With short outputs the cache stays half empty: the claim must fail, and does."""
    claims = shapes(small_paper, "8")
    saturates = claims["fixed-5-saturates-8"].paper
    assert saturates.seen.endswith("% of the time")
    assert saturates.verdict is not ClaimVerdict.AGREES
    assert "under the dynamic offset" in claims["fixed-10-underuses-8"].paper.seen


def test_requests_served_and_tiers_are_reported_with_their_changes(small_paper: SmallPaper) -> None:
    served = shapes(small_paper, "9b")["prefill-first-serves-less-9b"].paper.seen
    assert "% of them served; " in served
    assert served.count(" against ") == 5
    tiers = shapes(small_paper, "10")
    assert tiers["paying-below-free-10"].paper.seen.startswith("paying ")
    assert len(tiers) == 2


def test_a_figure_without_shapes_claims_none(small_paper: SmallPaper) -> None:
    assert load_shapes("11a", ["11a"], small_paper.result.loads[Mix.FEW]) == []


@pytest.mark.parametrize(
    ("last_s", "verdict"), [(0.09, ClaimVerdict.AGREES), (0.02, ClaimVerdict.DISAGREES)]
)
def test_single_batches_grow_or_do_not(last_s: float, verdict: ClaimVerdict) -> None:
    budgets = [BudgetRow(64, 0.7, 0.03, 20), BudgetRow(128, 0.4, last_s, 20)]
    batches = [BatchRow(8, 0.05), BatchRow(16, last_s)]
    claims = batch_shapes(budgets, (), batches, len(batches))
    assert [(claim.figure, claim.paper.verdict) for claim in claims] == [
        ("6a", verdict),
        ("6c", verdict),
    ]
    assert claims[0].paper.seen == f"30.0 to {1e3 * last_s:.1f} ms"


def test_blocks_are_reported_as_shares_of_all() -> None:
    (claim,) = batch_shapes((), [BlockRow(8, 1032, 0.07), BlockRow(16, 2064, 0.14)], (), 0)
    assert claim.paper.seen == "7% to 14% of all blocks"


def test_growth_is_not_reported_where_a_batch_is_missing() -> None:
    (claim,) = batch_shapes((), (), [BatchRow(8, 0.05), BatchRow(16, 0.06)], 6)
    assert claim.paper.verdict is ClaimVerdict.UNDECIDED
    assert claim.paper.seen == "2 of 6 batches came about"
