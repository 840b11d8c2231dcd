"""What conventions alone change: the same tokens at the same times, by two sets of definitions."""

from __future__ import annotations

import pytest

from slaibench.reproductions.bari2025.conventions import CAPACITY, QUANTITIES, differences
from slaibench.reproductions.bari2025.figures import Mix
from slaibench.reproductions.bari2025.load import CAPACITY_OF, Load
from slaibench.spec import Convention
from tests.reproductions.bari2025.small import SmallPaper


@pytest.fixture
def loads(small_paper: SmallPaper) -> tuple[Load, Load]:
    return small_paper.result.loads[Mix.FEW]


def test_every_quantity_of_every_point_is_there_once(loads: tuple[Load, Load]) -> None:
    rows = differences(*loads)
    keys = [(row.quantity, row.scheduler, row.rate_rps) for row in rows]
    assert len(set(keys)) == len(keys)
    swept = [key for key in keys if key[0] != CAPACITY]
    assert len(swept) == len(QUANTITIES) * len(loads[0].points)
    assert [key[1] for key in keys if key[0] == CAPACITY] == list(CAPACITY_OF)


def test_a_zero_for_each_first_token_lowers_the_tail(loads: tuple[Load, Load]) -> None:
    """Zeros can only push a percentile of gaps down, on the very same runs."""
    strict = loads[0].by_strict_definitions()
    ratios = []
    for ours, theirs in zip(strict.cells, loads[0].cells, strict=True):
        own, papers = (
            cell.summary.metrics.tiers["free"].tbt.percentile(0.99).sample_value
            for cell in (ours, theirs)
        )
        assert own is not None
        assert papers is not None
        ratios.append(own / papers - 1)
    assert min(ratios) > -0.05
    assert max(ratios) > 0


def test_the_same_runs_are_those_of_the_papers_conventions(loads: tuple[Load, Load]) -> None:
    same = loads[0].by_strict_definitions()
    assert same.convention is Convention.STRICT
    assert [cell.folder for cell in same.cells] == [cell.folder for cell in loads[0].cells]
    with pytest.raises(ValueError, match="strict definitions already"):
        loads[1].by_strict_definitions()


def test_a_change_is_of_the_two_values_beside_it(loads: tuple[Load, Load]) -> None:
    for row in differences(*loads):
        if row.in_all is not None:
            assert row.paper.value
            assert row.strict.value
            assert row.in_all == pytest.approx(row.strict.value / row.paper.value - 1)
