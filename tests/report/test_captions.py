"""Captions say how intervals come about, and what marks mean, by the rules that made them."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from slaibench.report.captions import captions
from slaibench.report.study_document import StudyDocument

PERCENTILES = "from how many requests of all seeds together exceed a value"


def changed(doc: StudyDocument, **point: Any) -> StudyDocument:
    """The document with other values at every point."""
    out = copy.deepcopy(doc)
    for points in out["points"].values():
        for values in points.values():
            values.update(point)
    return out


@pytest.mark.parametrize("seeds", [1, 3])
def test_intervals_of_percentiles_are_of_all_requests_whatever_the_seeds(
    doc: StudyDocument, seeds: int
) -> None:
    texts = captions(changed(doc, seeds=seeds))
    for name in ("ttft", "tbt"):
        assert PERCENTILES in texts[name].text
        assert "t intervals" not in texts[name].text


def test_intervals_of_means_over_seeds_are_t_intervals(doc: StudyDocument) -> None:
    texts = captions(changed(doc, seeds=3))
    for name in ("deadlines", "lengths"):
        assert "95 % t intervals over 3 seeds" in texts[name].text
        assert PERCENTILES not in texts[name].text
    alone = captions(changed(doc, seeds=1))
    assert "One seed: no intervals" in alone["deadlines"].text
    assert "one seed: no interval" in alone["lengths"].text


def test_the_paper_s_conventions_have_t_intervals_if_any(doc: StudyDocument) -> None:
    def text(seeds: int) -> str:
        paper = changed(doc, seeds=seeds)
        paper["spec"]["convention"] = "paper"
        return captions(paper)["ttft"].text

    assert "95 % t intervals over 3 seeds, on logarithms" in text(3)
    assert "One seed: no intervals" in text(1)


def test_a_capacity_s_whisker_is_an_interval_also_at_a_cliff(doc: StudyDocument) -> None:
    cliff = copy.deepcopy(doc)
    for capacity in cliff["capacities"].values():
        capacity["shape"] = "cliff"
    text = captions(cliff)["capacity"].text
    assert "the rates at which the runs do not exclude that a target is just met" in text
    assert "the bar ends at the lower one" in text
    assert "bracket" not in text
    smooth = copy.deepcopy(doc)
    for capacity in smooth["capacities"].values():
        capacity["shape"] = "smooth"
    assert "cliff" not in captions(smooth)["capacity"].text


def test_the_saturated_throughput_stands_beside_the_capacities(doc: StudyDocument) -> None:
    text = captions(doc)["capacity"].text
    assert "Saturated throughput, requests/s, which no capacity exceeds: sarathi " in text
    measured = copy.deepcopy(doc)
    for capacity in measured["capacities"].values():
        capacity["saturated_rps"] = None
    assert "Saturated throughput" not in captions(measured)["capacity"].text


def test_the_paired_change_is_of_what_each_request_adds(doc: StudyDocument) -> None:
    text = captions(doc)["change"].text
    assert "95 % intervals from what each request adds to the difference" in text
    assert "bootstrap" not in text


def test_replicates_that_disagree_and_runs_that_cannot_tell_are_said(doc: StudyDocument) -> None:
    steady = {"saturated": False, "undecided": False, "stopped_early": 0}
    runs = {"steady": 3, "growing": 0, "cannot tell": 0}
    calm = captions(changed(doc, **steady, runs=runs))["ttft"].text
    for words in ("Hollow", "Half-filled", "fewer than half"):
        assert words not in calm
    some = changed(doc, **steady, runs={**runs, "steady": 2, "growing": 1})
    assert "Where fewer than half of a point's runs are saturated" in captions(some)["ttft"].text
    unsure = changed(doc, **{**steady, "undecided": True}, runs={**runs, "cannot tell": 3})
    assert "Half-filled: it cannot be told whether they are steady" in captions(unsure)["ttft"].text


def test_saturation_is_told_by_who_waits(doc: StudyDocument) -> None:
    text = captions(doc)["in-system"].text
    assert "those of them without a first token" in text
    assert "who serves short prompts first keeps the first line level" in text
