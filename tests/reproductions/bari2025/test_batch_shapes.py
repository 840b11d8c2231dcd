"""Claims about single batches, both ways."""

from __future__ import annotations

import pytest

from slaibench.reproductions.bari2025.batch_shapes import batch_shapes
from slaibench.reproductions.bari2025.batches import BatchRow, BlockRow, BudgetRow
from slaibench.reproductions.bari2025.verdict import Verdict


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
