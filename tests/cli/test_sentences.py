"""Capacities and comparisons in a sentence: who carries how much, and how sure that is."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from slaibench.cli.comparison import compare_table
from slaibench.cli.sentences import capacity_lines, headline, target_lines
from slaibench.report.words import plain_change, plain_interval
from slaibench.studies.capacity import CapacityResult
from slaibench.studies.compare import CompareResult
from slaibench.studies.targets import whose
from tests.studies.studies import compare, find_capacity, study, sweep


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("results")


def test_both_capacities_are_reported_where_they_differ(results: Path) -> None:
    result = capacity(results, slo="ttft_p50<0.06")
    rate = result.capacity.rate_rps
    assert rate is not None
    (sentence,) = capacity_lines(replace(result, without_tail=result.capacity))
    assert sentence.plain.startswith("sarathi carries ")
    other = replace(result.capacity, rate_rps=2 * rate, ci95=(1.5 * rate, 2.5 * rate))
    sentence, line = capacity_lines(replace(result, without_tail=other))
    assert line.plain == (
        f"  without the target for its TTFT's tail: {2 * rate:.3g} requests/s "
        f"[{1.5 * rate:.3g}, {2.5 * rate:.3g}]"
    )


def test_the_headline_says_who_carries_how_much_and_how_sure(compared: CompareResult) -> None:
    text = headline(compared).plain
    ratio = compared.capacity_ratio
    assert ratio.value is not None
    assert ratio.low is not None
    assert text.startswith(
        f"sarathi carries {ratio.value:.2f} times the load of sarathi:token_budget=128 (95 % "
        f"interval {ratio.low:.2f} to {ratio.high:.2f})"
    )
    assert 1 < ratio.low < ratio.value < (ratio.high or 0)
    assert "no difference is shown" not in text
    # At 60 requests/s both are saturated: the latency that is shown is from where both are not.
    assert "Median TTFT at 3 requests/s: -" in text
    assert "paired)" in text


def test_a_ratio_that_may_be_one_is_no_difference(results: Path) -> None:
    names = ("sarathi", "sarathi:watermark=0.0100001")
    slo = "ttft_p50<0.2"
    spec = study(schedulers=names, rates=(3.0,), num_requests=700, num_seeds=2, slo=slo)
    compared = compare(spec, results, jobs=1)
    assert "carries 1.00 times the load" in headline(compared).plain
    assert "; no difference is shown." in headline(compared).plain


def capacity(results: Path, **fields: Any) -> CapacityResult:
    spec = study(
        **{"schedulers": ("sarathi",), "num_requests": 400, "num_seeds": 2, "rates": (), **fields}
    )
    return find_capacity(spec, results, jobs=1)[0]


@pytest.mark.parametrize(
    ("fields", "parts"),
    [
        ({"slo": "ttft_p50<0.06"}, ["95 % interval", "above that ttft_p50<0.06 fails"]),
        (
            {"slo": "tbt_p99<tier,ttft_p50<9"},
            ["95 % interval 0 to", "above that it is saturated", "the boundary is a cliff between"],
        ),
        (
            {"slo": "ttft_p50<1ms", "num_seeds": 1},
            ["no rate is known to keep ttft_p50<1ms", "the lowest measured", "fails"],
        ),
        (
            {"slo": "ttft_p99<0.2", "num_requests": 340, "num_seeds": 3},
            ["95 % interval 0 to", "no rate is sure to hold: ttft_p99<0.2 needs longer runs"],
        ),
        (
            {"slo": "ttft_p50@gold<1", "tiers": "gold:0.0001:0.05,free:0.9999:0.5"},
            ["the lowest measured, the runs cannot tell", "no request of tier 'gold'"],
        ),
        ({"slo": "ttft_mean<100", "convention": "paper"}, ["carries at least"]),
        (
            {"slo": "ttft_mean<100", "convention": "paper", "num_seeds": 1},
            ["may carry", "no rate failed, but none is sure to hold"],
        ),
    ],
)
def test_a_capacity_is_a_sentence_that_says_what_ends_it(
    results: Path, fields: dict[str, Any], parts: list[str]
) -> None:
    result = capacity(results, **fields)
    text = " ".join(line.plain for line in capacity_lines(result))
    assert text.startswith("sarathi")
    assert "requests/s" in text
    assert result.spec.slo in text
    for part in parts:
        assert part in text
    assert text.count("already fails") == 0  # said in the sentence, not once more in a note


def test_a_target_s_tier_is_named_once(results: Path) -> None:
    spec = study(
        schedulers=("sarathi",), rates=(3.0, 60.0), num_requests=400, slo="tbt_p50@paying<1ms"
    )
    swept = sweep(spec, results, jobs=1)
    text = "\n".join(line.plain for line in target_lines(swept))
    assert " at 3 requests/s: tbt_p50@paying<1ms\n" in text
    assert "at 3.00 requests/s, the lowest measured, tbt_p50@paying<1ms fails" in text
    assert "of paying" not in text
    # One that is judged tier by tier does not name them in its text.
    assert whose("tbt_p99<tier", "paying") == "tbt_p99<tier of paying"


def test_a_sweep_says_by_rate_how_it_stands_by_its_targets(results: Path) -> None:
    names = ("sarathi", "slai")
    spec = study(schedulers=names, rates=(3.0, 60.0), num_requests=700, slo="ttft_p50<0.2")
    lines = [line.plain for line in target_lines(sweep(spec, results, jobs=1))]
    assert lines[0] == "targets: ttft_p50<0.2"
    for name in names:
        at = lines.index(name)
        assert lines[at + 1] == "  met at 3 requests/s"
        assert lines[at + 2].startswith("  not met at 60 requests/s: ")
        assert lines[at + 2].endswith("it is saturated")
        assert lines[at + 3].startswith(f"{name} carries ")


def test_more_than_two_are_a_line_each_against_the_first(results: Path) -> None:
    names = ("sarathi:token_budget=128", "sarathi", "slai")
    spec = study(
        schedulers=names, rates=(3.0, 60.0), num_requests=700, num_seeds=2, slo="ttft_p50<0.2"
    )
    compared = compare(spec, results, jobs=1)
    first, second, beware = headline(compared).plain.split("\n")
    for line, name in ((first, "sarathi"), (second, "slai")):
        assert line.startswith(f"{name} carries ")
        assert f"times the load of {names[0]} (95 % interval" in line
        assert "Median TTFT at 3 requests/s: -" in line
    assert beware.startswith("Each 95 % interval is right for its own comparison")
    console = Console(width=80, no_color=True, record=True, file=io.StringIO())
    console.print(compare_table(compared))
    shown = [line.rstrip() for line in console.export_text().splitlines()]
    assert max(map(len, shown)) <= 80
    assert not any("…" in line for line in shown)
    for pair in compared.pairs:
        # With a long name among them, intervals stand below, beside the names once more.
        rows = [line.split() for line in shown if line.split()[:1] == [pair.b]]
        change = pair.rates[0].ttft_p50_change
        cells = [cell for row in rows for cell in row]
        assert plain_change(change.value) in cells
        sure = plain_interval(change, plain_change, " to ")
        assert any(" ".join(row).endswith(sure) for row in rows)
    assert any("against" in line for line in shown[-5:])
