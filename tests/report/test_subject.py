"""What a report is about: parts that fit, and answers that agree with the studies' own."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from slaibench.measure.steady import Steadiness
from slaibench.report.subject import Subject, capacity_in, default_focus, make_subject
from slaibench.studies.compare import CompareResult
from slaibench.studies.sweep import SweepResult
from tests.studies.studies import find_capacity, study


def without(sweep: SweepResult, keep: set[tuple[str, float]]) -> SweepResult:
    points = tuple(p for p in sweep.points if (p.scheduler, p.rate_rps) in keep)
    return dataclasses.replace(sweep, points=points)


def test_the_focus_is_the_largest_rate_at_which_nobody_is_saturated(
    compared: CompareResult,
) -> None:
    saturated = {p.rate_rps for p in compared.sweep.points if p.saturated}
    assert saturated == {30.0}
    assert default_focus(compared.sweep) == 16.0


def test_the_focus_is_the_lowest_rate_when_all_are_saturated(compared: CompareResult) -> None:
    growing = {Steadiness.GROWING: 2}
    points = tuple(dataclasses.replace(p, states=growing) for p in compared.sweep.points)
    assert default_focus(dataclasses.replace(compared.sweep, points=points)) == 8.0


def test_the_focus_is_a_rate_that_all_schedulers_have(compared: CompareResult) -> None:
    both = {("sarathi", 8.0), ("slai", 8.0), ("slai", 16.0)}
    assert default_focus(without(compared.sweep, both)) == 8.0
    nothing_common = {("sarathi", 8.0), ("slai", 16.0)}
    assert default_focus(without(compared.sweep, nothing_common)) == 16.0


def test_a_focus_that_was_not_swept_is_refused_with_those_that_were(
    compared: CompareResult,
) -> None:
    with pytest.raises(ValueError, match=r"focus rate 9 .*8, 16, 30"):
        make_subject(compared.sweep, focus_rate_rps=9.0)


def test_changes_and_ratio_are_those_of_the_comparison(
    compared: CompareResult, subject: Subject
) -> None:
    medians = {change.rate_rps: change.estimate for change in subject.changes if change.q == 0.5}
    assert medians == {row.rate_rps: row.ttft_p50_change for row in compared.rates}
    ratios = {(ratio.reference, ratio.scheduler): ratio.estimate for ratio in subject.ratios}
    assert ratios["sarathi", "slai"] == compared.capacity_ratio


def test_each_that_is_compared_has_changes_of_its_own(
    three: CompareResult, three_subject: Subject
) -> None:
    assert [pair.pair for pair in three_subject.by_pair] == [
        ("sarathi", "slai"),
        ("sarathi", "hrrn"),
    ]
    for pair, compared in zip(three_subject.by_pair, three.pairs, strict=True):
        medians = [change.estimate for change in pair.changes if change.q == 0.5]
        assert medians == [rate.ttft_p50_change for rate in compared.rates]


def test_a_percentile_that_was_too_small_to_print_has_no_change(subject: Subject) -> None:
    assert all(point.ttft_s["p99"].value is None for point in subject.sweep.points)
    p99 = [change.estimate for change in subject.changes if change.q == 0.99]
    assert p99
    assert all(estimate.value is None and estimate.n > 0 for estimate in p99)


def test_a_capacity_read_off_the_sweep_is_what_a_search_over_its_cells_says(
    compared: CompareResult,
) -> None:
    again = capacity_in(compared.sweep, "slai")
    assert again.measured.rates_rps.tolist() == [8.0, 16.0, 30.0]
    assert again.capacity.bracket == (16.0, 30.0)
    searched = compared.capacity_b.capacity.rate_rps
    assert searched is not None
    assert 16.0 <= searched <= 30.0


def test_every_cell_is_listed_once(subject: Subject) -> None:
    folders = [cell.folder for cell in subject.cells]
    assert len(set(folders)) == len(folders)
    assert set(folders) > {cell.folder for cell in subject.sweep.cells}


def test_a_capacity_of_other_targets_is_refused(compared: CompareResult, root: Path) -> None:
    other = study(rates=(8.0,), schedulers=("slai",), num_requests=400, slo="ttft_p50<5")
    (capacity,) = find_capacity(other, root / "results", jobs=1)
    with pytest.raises(ValueError, match=r"searched with slo 'ttft_p50<5'"):
        make_subject(compared.sweep, searched=[capacity])


def test_a_comparison_of_others_and_an_empty_sweep_are_refused(compared: CompareResult) -> None:
    with pytest.raises(ValueError, match="comparison is of 'rad'"):
        make_subject(compared.sweep, compared=("sarathi", "rad"))
    with pytest.raises(ValueError, match="at least one point"):
        make_subject(without(compared.sweep, set()))
