"""A difference of two modes is taken apart into the mode's share and the scheduler's."""

from __future__ import annotations

import pytest

from slaibench.studies.judge import artefact
from slaibench.studies.regression.judge import Sides, sides_of
from tests.studies.regression.replicates import side

NAME = "ttft_p50_s"
ASYNCHRONOUS, SYNCHRONOUS, CANDIDATE = [1.0, 2.0], [1.5, 3.0], [1.8, 3.6]


def sides(before: list[float | None], after: list[float | None]) -> list[Sides]:
    return sides_of(side(NAME, before), side(NAME, after))


def test_both_shares_multiply_to_the_whole() -> None:
    given, same = sides([*ASYNCHRONOUS], [*CANDIDATE]), sides([*SYNCHRONOUS], [*CANDIDATE])
    (row,) = artefact.rows(given, same, [NAME])
    assert (row.change, row.mode, row.scheduler) == pytest.approx((0.8, 0.5, 0.2))
    assert (1 + row.mode) * (1 + row.scheduler) == pytest.approx(1 + row.change)


def test_a_scheduler_that_changes_nothing_has_no_share() -> None:
    given, same = sides([*ASYNCHRONOUS], [*SYNCHRONOUS]), sides([*SYNCHRONOUS], [*SYNCHRONOUS])
    (row,) = artefact.rows(given, same, [NAME])
    assert row.change == pytest.approx(row.mode)
    assert row.scheduler == pytest.approx(0.0)


def test_a_metric_that_some_run_lacks_has_no_row() -> None:
    same = sides([*SYNCHRONOUS], [*CANDIDATE])
    assert artefact.rows(sides([1.0, None], [*CANDIDATE]), same, [NAME]) == ()
