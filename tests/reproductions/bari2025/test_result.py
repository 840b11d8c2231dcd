"""Claims, counts and series of a real, small result."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from slaibench.reproductions.bari2025.claim import Claim
from slaibench.reproductions.bari2025.figures import FIGURES, Mix
from slaibench.reproductions.bari2025.published import bari2025
from slaibench.reproductions.bari2025.result import PaperResult, worst
from slaibench.reproductions.bari2025.series import published_points
from slaibench.reproductions.bari2025.verdict import ClaimVerdict
from slaibench.spec import Convention
from tests.reproductions.bari2025.small import SmallPaper


@pytest.fixture
def result(small_paper: SmallPaper) -> PaperResult:
    return small_paper.result


@pytest.fixture
def claims(result: PaperResult) -> dict[str, Claim]:
    return {claim.name: claim for claim in result.claims}


def test_every_published_number_of_a_figure_is_claimed_once(
    result: PaperResult, claims: dict[str, Claim]
) -> None:
    assert len(claims) == len(result.claims)
    of_mix = {name for name in bari2025().values if name.endswith("-5") or "-5-" in name}
    given = {name for name, value in bari2025().values.items() if value.given}
    assert set(claims) >= of_mix | given
    budgets = bari2025().token_budgets.budgets
    assert {f"budget-{what}-{n}" for what in ("ttft", "batch") for n in budgets} <= set(claims)
    assert all(claim.published.source for claim in claims.values() if claim.published)


def test_shapes_are_of_the_figures_redone(claims: dict[str, Claim]) -> None:
    shapes = {claim.figure for claim in claims.values() if claim.published is None}
    assert shapes == {
        *("6a", "6b", "6c", "7a", "7a, 7b", "7b", "7c, 9a", "8", "9b", "9c", "10"),
    }


def test_counts_leave_out_what_says_nothing(result: PaperResult, claims: dict[str, Claim]) -> None:
    telling = [c for c in claims.values() if c.published is None or c.published.telling]
    assert 0 < len(telling) < len(claims)
    for convention in Convention:
        assert result.counts(convention).total() == len(telling)
    fitted = {name for name, c in claims.items() if c.published and c.published.fitted}
    assert fitted == {"capacity-sarathi-5", "ttft-sarathi-5"}


def test_the_change_of_capacities_is_the_quotient_of_both(claims: dict[str, Claim]) -> None:
    for suffix in ("", "-median"):
        change = claims[f"capacity-change-5{suffix}"].paper.estimate
        slai = claims[f"capacity-slai-5{suffix}"].paper.estimate
        assert change is not None
        assert slai is not None
        if suffix == "" and change.value is not None:
            sarathi = claims["capacity-sarathi-5"].paper.estimate
            assert sarathi is not None
            assert sarathi.value is not None
            assert slai.value is not None
            assert change.value == pytest.approx(slai.value / sarathi.value - 1)


def test_single_batches_know_no_convention(claims: dict[str, Claim]) -> None:
    batches = [claim for claim in claims.values() if claim.figure.startswith("6")]
    assert batches
    assert all(claim.strict is None for claim in batches)
    assert claims["batch-grows-with-decodes"].paper.verdict is ClaimVerdict.AGREES


def test_the_document_is_plain_json_and_holds_every_figure(result: PaperResult) -> None:
    document = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert list(document["figures"]) == list(result.spec.figures)
    assert [claim["name"] for claim in document["claims"]] == [c.name for c in result.claims]
    shown = document["figures"]["7c"]["paper"]["sarathi"]
    assert set(shown) == {"0.8", "1.6"}
    assert document["figures"]["8"]["strict"]["slai"]["kv_mean"]["value"] > 0


def test_published_points_are_the_printed_ones() -> None:
    points = [
        (point["scheduler"], point["rate_rps"], point["ttft_p50_s"])
        for point in published_points(FIGURES["12c"])
    ]
    assert points == [
        ("sarathi", 1.15, 0.5),
        ("sarathi", 1.6, 2.0),
        ("slai", 1.25, 0.5),
        ("slai", 1.6, 0.75),
    ]
    assert published_points(FIGURES["8"]) == []


def test_of_warnings_that_differ_in_a_number_the_worst_is_reported() -> None:
    texts = ["outside: 900 tokens", "outside: 1200 tokens", "another", "outside: 1100 tokens"]
    assert worst(texts) == ("outside: 1200 tokens", "another")


def test_without_load_there_are_no_lengths_to_tell_of(result: PaperResult) -> None:
    alone = replace(result, loads={})
    assert alone.papers_lengths is None
    assert alone.workload_note == ""
    assert result.workload_note
    assert Mix.FEW in result.loads
