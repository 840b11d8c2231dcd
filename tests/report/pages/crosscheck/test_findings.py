"""What the page says of agreement is what the numbers say, and no more."""

from __future__ import annotations

import copy

import pytest

from slaibench.report.pages.crosscheck.conclusions import conclusions
from slaibench.report.pages.crosscheck.document import CrosscheckDocument
from slaibench.report.pages.crosscheck.findings import headline
from slaibench.report.pages.crosscheck.quantities import apart

NBSP = "\u00a0"


def judged(doc: CrosscheckDocument, *verdicts: str) -> CrosscheckDocument:
    """The document with these verdicts, by row."""
    changed = copy.deepcopy(doc)
    changed["matches"] = changed["matches"][: len(verdicts)]
    for match, verdict in zip(changed["matches"], verdicts, strict=True):
        match["verdict"] = verdict
    return changed


@pytest.mark.parametrize(
    ("verdicts", "text"),
    [
        (("identical",), "identical in the one row"),
        (("within", "within"), "within tolerance in all 2 rows"),
        (
            ("identical", "within", "identical"),
            "identical in 2 of 3 rows, within tolerance in the other 1",
        ),
        (
            ("beyond", "identical", "invalid", "not told"),
            "identical in 1 of 4 rows, beyond tolerance in 1, too few requests to tell in 1, "
            "invalid in the other 1",
        ),
    ],
)
def test_the_title_counts_every_row_once(
    numbers: CrosscheckDocument, verdicts: tuple[str, ...], text: str
) -> None:
    title = headline(judged(numbers, *verdicts)).title
    assert title == f"The same requests on sim, twin and small: {text}"


def test_what_is_beyond_is_named_with_its_quantity_change_and_tolerance(
    numbers: CrosscheckDocument,
) -> None:
    beyond = [match for match in numbers["matches"] if match["verdict"] == "beyond"]
    assert {match["other"] for match in beyond} == {"small"}
    (finding,) = [
        text for text in headline(numbers).findings if text.startswith("Beyond tolerance: ")
    ]
    for match in beyond:
        worst = max(
            (d for d in apart(match) if d.tolerance), key=lambda difference: difference.used
        )
        assert (
            f"{match['scheduler']} at {match['rate_rps']:g} requests/s on small: {worst}" in finding
        )
    assert f"(±{NBSP}3{NBSP}%)" in finding


def test_the_largest_difference_within_is_the_one_nearest_its_tolerance(
    numbers: CrosscheckDocument,
) -> None:
    changed = judged(numbers, "within")
    for name, change in (("ttft_p50_s", 0.012), ("ttft_p99_s", 0.03), ("steps", 0.009)):
        changed["matches"][0]["quantities"][name] |= {
            "reference": 1.0,
            "other": 1 + change,
            "change": change,
        }
    (finding,) = [text for text in headline(changed).findings if text.startswith("Largest")]
    assert f"batches +0.90{NBSP}% (±{NBSP}1{NBSP}%), sarathi at 2 requests/s on twin" in finding


def test_a_quantity_without_tolerance_is_told_without_a_verdict(
    numbers: CrosscheckDocument,
) -> None:
    changed = judged(numbers, "identical")
    kv = {"reference": 0.5, "other": 0.495, "change": -0.01}
    changed["matches"][0]["quantities"]["kv_mean"] |= kv
    (finding,) = [text for text in headline(changed).findings if "without a verdict" in text]
    assert f"KV blocks in use, mean −1.00{NBSP}% (in 1 row)" in finding


def test_preemptions_where_the_reference_has_none_are_told(numbers: CrosscheckDocument) -> None:
    match = numbers["matches"][-1]
    texts = [str(difference) for difference in apart(match)]
    assert any(text.startswith("preemptions from 0 to ") for text in texts)


def test_conclusions_are_the_same_until_one_backend_s_is_another(
    numbers: CrosscheckDocument,
) -> None:
    calm = copy.deepcopy(numbers)
    del calm["studies"]["small"]
    calm["between"] = ["sim", "twin"]
    calm["matches"] = [match for match in numbers["matches"] if match["other"] == "twin"]
    assert {conclusion.agreement for conclusion in conclusions(calm)} == {"the same"}
    assert "The conclusions are the same on every backend" in headline(calm).findings[-1]
    worse = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 100, "beyond": False}
    calm["studies"]["sim"]["changes"]["15"]["p50"] = {**worse, "value": -0.5, "low": -0.6} | {
        "high": -0.4
    }
    calm["studies"]["twin"]["changes"]["15"]["p50"] = worse
    finding = headline(calm).findings[-1]
    assert finding.startswith("Not every backend leads to the same conclusion: median TTFT of slai")
    assert "faster on sim, slower on twin" in finding


def test_what_cannot_be_told_somewhere_concludes_nothing(numbers: CrosscheckDocument) -> None:
    changed = copy.deepcopy(numbers)
    changed["studies"]["twin"]["changes"]["15"]["p50"] = {
        "value": None,
        "low": None,
        "high": None,
        "n": 3,
        "beyond": False,
    }
    conclusion = next(c for c in conclusions(changed) if c.title.endswith("15 requests/s"))
    assert conclusion.agreement == "not told on all"
    assert not conclusion.conclusive
    assert conclusion.title not in " ".join(headline(changed).findings)
