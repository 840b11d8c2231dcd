"""The answer in words: who carries how much, and no more certain than the numbers are."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import pytest

from slaibench.report.findings import findings
from slaibench.report.headline import headline
from slaibench.report.study_document import StudyDocument

NBSP = "\u00a0"


def capacity(rate: float | None, shape: str | None = "smooth", **changes: Any) -> dict[str, Any]:
    """A capacity of a document; 5 % to either side as its interval."""
    interval = None if rate is None or shape is None else [0.95 * rate, 1.05 * rate]
    values = {
        "rate_rps": rate,
        "ci95": interval,
        "bracket": [rate, None if shape is None else 9.0],
        "binding": None if shape is None and rate else "ttft_p50<0.5",
        "binding_tier": None,
        "shape": shape,
        "replicates": 3,
        "note": "",
        "untold": None,
        "sure_rps": rate,
        "remarks": [],
        "rates_measured": [1.0, 9.0],
        "searched": True,
        "runs": [],
    }
    return {**values, **changes}


def answered(
    doc: StudyDocument,
    capacities: dict[str, dict[str, Any]],
    ratios: Mapping[tuple[str, str], tuple[float | None, float | None, float | None]],
    seeds: int = 3,
) -> StudyDocument:
    """The document with other schedulers and answers."""
    changed = copy.deepcopy(doc)
    changed["schedulers"] = dict.fromkeys(capacities, doc["schedulers"]["slai"])
    changed["points"] = dict.fromkeys(capacities, doc["points"]["slai"])
    changed["capacities"] = capacities
    changed["changes"] = {}
    changed["ratios"] = [
        {"reference": a, "scheduler": b, "value": v, "low": low, "high": high, "n": seeds}
        for (a, b), (v, low, high) in ratios.items()
    ]
    return changed


def test_a_difference_that_holds_names_the_winner(doc: StudyDocument) -> None:
    changed = answered(
        doc, {"a": capacity(4.0), "b": capacity(5.0)}, {("a", "b"): (1.25, 1.2, 1.3)}
    )
    top = headline(changed)
    assert top.title == "b carries 5.00 requests/s within the latency targets, a 4.00"
    assert top.answers[1][1] == (
        "5.00 requests/s (95 % interval 4.75 to 5.25); what ends it is median TTFT above "
        f"500{NBSP}ms"
    )
    assert findings(changed)[0] == (
        "b against a: 1.25 times the capacity (1.20 to 1.30, 95 % interval, 3 common seeds): "
        "more, beyond what chance explains."
    )


@pytest.mark.parametrize(("low", "apart"), [(1.0, False), (1.001, True)])
def test_an_interval_that_includes_one_tells_nobody_apart(
    doc: StudyDocument, low: float, apart: bool
) -> None:
    changed = answered(
        doc, {"a": capacity(4.0), "b": capacity(5.0)}, {("a", "b"): (1.25, low, 1.5)}
    )
    assert ("not told apart" not in headline(changed).title) is apart
    assert ("not told apart" not in findings(changed)[0]) is apart


def test_one_seed_tells_nobody_apart(doc: StudyDocument) -> None:
    caps = {"a": capacity(4.0, "cliff", replicates=1), "b": capacity(5.0, "cliff", replicates=1)}
    changed = answered(doc, caps, {("a", "b"): (1.25, 1.2, 1.3)}, seeds=1)
    assert headline(changed).title == (
        "b and a are not told apart: 4 to 5 requests/s within the latency targets"
    )
    assert "with one seed it may be chance" in findings(changed)[0]


def test_a_ratio_without_an_interval_says_so(doc: StudyDocument) -> None:
    """A capacity whose interval begins at 0 has a ratio, and nothing that bounds it."""
    caps = {"a": capacity(4.0, ci95=[0.0, 4.2]), "b": capacity(5.0)}
    changed = answered(doc, caps, {("a", "b"): (1.25, None, None)})
    assert "there is no interval, so this may be chance" in findings(changed)[0]
    assert "not told apart" in headline(changed).title


def test_a_cliff_has_an_interval_and_a_bracket_and_neither_is_called_the_other(
    doc: StudyDocument,
) -> None:
    cliff = capacity(
        7.237,
        "cliff",
        ci95=[6.9, 7.483],
        binding="not saturated",
        remarks=["the boundary is a cliff between 7.237 and 7.4, and the answer its lower end"],
    )
    changed = answered(doc, {"a": capacity(6.0), "b": cliff}, {("a", "b"): (1.2, 1.1, 1.3)})
    assert headline(changed).answers[1][1] == (
        "7.237 requests/s (95 % interval 6.9 to 7.483); what ends it is saturation: requests wait "
        "ever longer for their first token; the boundary is a cliff between 7.237 and 7.4, and the "
        "answer its lower end"
    )
    assert "(1.10 to 1.30, 95 % interval, 3 common seeds)" in findings(changed)[0]
    assert "bracket" not in findings(changed)[0]


def test_the_capacity_without_the_tail_s_target_stands_beside_the_other(doc: StudyDocument) -> None:
    remark = "without the target for its TTFT's tail: 7.1 requests/s [6.8, 7.2]"
    caps = {"a": capacity(6.0, binding="ttft_p99<5", remarks=[remark]), "b": capacity(5.0)}
    top = headline(answered(doc, caps, {("a", "b"): (0.8, 0.7, 0.9)}))
    assert top.answers[0][1].startswith("6.00 requests/s (95 % interval 5.70 to 6.30); ")
    assert top.answers[0][1].endswith(f"; {remark}")


def test_rates_that_may_hold_are_no_lower_bound(doc: StudyDocument) -> None:
    """Runs too short to exclude that a target fails: nothing is known to be kept."""
    remark = "no rate failed, but none is sure to hold: ttft_p99<5 needs longer runs"
    caps = {"a": capacity(4.0), "b": capacity(20.0, None, sure_rps=None, remarks=[remark])}
    top = headline(answered(doc, caps, {("a", "b"): (5.0, None, None)}))
    assert top.title == (
        "b broke no latency target up to 20 requests/s, but that may be chance; a carries 4.00"
    )
    assert top.answers[1][1] == f"no target broke up to 20 requests/s; {remark}"
    assert "at least" not in top.title + top.answers[1][1]


def test_a_lower_bound_is_called_one(doc: StudyDocument) -> None:
    caps = {"a": capacity(4.0), "b": capacity(20.0, None)}
    changed = answered(doc, caps, {("a", "b"): (5.0, None, None)})
    top = headline(changed)
    assert top.title == (
        "b keeps the latency targets at every rate measured, up to 20 requests/s; a carries 4.00"
    )
    assert "at least 20 requests/s" in top.answers[1][1]
    assert "at least 5.00 times the capacity" in findings(changed)[0]


def test_no_capacity_is_said_and_so_is_not_knowing(doc: StudyDocument) -> None:
    caps = {"a": capacity(None, None), "b": capacity(None, None)}
    nothing: dict[tuple[str, str], Any] = {("a", "b"): (None, None, None)}
    top = headline(answered(doc, caps, nothing))
    assert top.title == "No scheduler keeps the latency targets, even at the lowest rate measured"
    assert "1 requests/s, the lowest rate measured, fails by" in top.answers[0][1]
    assert "no ratio" in top.findings[0]
    caps["a"] |= {
        "untold": "n too small: 11 requests",
        "remarks": ["at 1 requests/s: tbt_p99<tier cannot be told (n too small: 11 requests)"],
    }
    top = headline(answered(doc, caps, nothing))
    assert top.title == "Too few requests to tell whether the latency targets hold"
    assert "cannot be told" in top.answers[0][1]
    assert "fails by" not in top.answers[0][1]


def test_one_scheduler_stands_alone(doc: StudyDocument) -> None:
    top = headline(answered(doc, {"a": capacity(4.0)}, {}))
    assert top.title == "a carries 4.00 requests/s within the latency targets"
    assert len(top.findings) == 1


def test_many_schedulers_are_summed_up(doc: StudyDocument) -> None:
    caps = {name: capacity(rate) for name, rate in zip("abcdef", range(4, 10), strict=True)}
    ratios = {("a", name): (1.5, 1.2, 1.8) for name in "bcde"} | {("a", "f"): (1.1, 0.9, 1.3)}
    ratios |= {(name, "f"): (1.1, 0.9, 1.3) for name in "bcde"}
    top = headline(answered(doc, caps, ratios))
    assert top.title == (
        "6 of 6 schedulers are not told apart: 4.00 to 9.00 requests/s within the latency targets"
    )
    assert len(top.findings) == 2
    assert "more: b 1.50 times (1.20 to 1.80)" in top.findings[0]
    assert "not told apart: f" in top.findings[0]


def test_the_paper_s_conventions_say_that_they_let_saturation_pass(doc: StudyDocument) -> None:
    caps = {"a": capacity(40.0)}
    assert "saturated" not in headline(answered(doc, caps, {})).answers[0][1]
    paper = answered(doc, caps, {})
    paper["spec"]["convention"] = "paper"
    assert (
        "it is saturated at 30, which these conventions let pass" in (headline(paper).answers[0][1])
    )
    assert "not saturated" not in headline(paper).asked


def test_the_paired_change_says_when_it_may_be_none(doc: StudyDocument) -> None:
    changed = copy.deepcopy(doc)
    sure = {"value": -0.7, "low": -0.79, "high": -0.57, "n": 2315, "beyond": False}
    changed["changes"] = {"16": {"p50": sure, "p99": {**sure, "low": -0.8, "high": 0.1}}}
    text = findings(changed)[1]
    assert text.startswith(
        f"From sarathi to slai at 16 requests/s: median TTFT −70{NBSP}% (95 % interval "
        f"−79{NBSP}% to −57{NBSP}%);"
    )
    assert f"P99 TTFT −70{NBSP}% (95 % interval −80{NBSP}% to +10{NBSP}%, which includes" in text
    assert "2,315 pairs" in text
    changed["changes"]["16"]["p50"] = {**sure, "value": None}
    assert "change of median TTFT cannot be told" in findings(changed)[1]


def test_of_several_comparisons_each_has_a_sentence_and_intervals_are_said_to_be_single(
    three_doc: StudyDocument, doc: StudyDocument
) -> None:
    texts = findings(three_doc)
    changes = [text for text in texts if text.startswith("From sarathi to ")]
    assert [text.split()[3] for text in changes] == ["slai", "hrrn"]
    assert changes[0] != changes[1].replace("hrrn", "slai")
    single = "Each 95 % interval is right for its own comparison"
    assert sum(text.startswith(single) for text in texts) == 1
    assert not any(text.startswith(single) for text in findings(doc))
