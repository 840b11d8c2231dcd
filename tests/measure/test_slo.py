import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slaibench.measure.metrics import run_metrics
from slaibench.measure.slo import Slo, evaluate, levels, parse_slos
from tests.measure.recordings import Row, recording


def test_the_documented_example() -> None:
    slos = parse_slos("ttft_p50<0.5, tbt_p99<tier,tbt_p99@paying<100ms,ttft_p99.9<=10s,e2e_mean<60")
    assert slos == (
        Slo("ttft", 0.5, None, 0.5, "ttft_p50<0.5"),
        Slo("tbt", 0.99, None, "tier", "tbt_p99<tier"),
        Slo("tbt", 0.99, "paying", 0.1, "tbt_p99@paying<100ms"),
        Slo("ttft", 0.999, None, 10.0, "ttft_p99.9<=10s"),
        Slo("e2e", None, None, 60.0, "e2e_mean<60"),
    )
    assert levels(slos) == (0.5, 0.99, 0.999)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "SLO 1 .* at character 1. is empty"),
        ("ttft_p50<0.5,,tbt_p99<1", "SLO 2 .* at character 14. is empty"),
        ("ttft_p50>0.5", "SLO 1 .'ttft_p50>0.5', at character 1. is not an SLO"),
        ("ttft_p50", "is not an SLO"),
        ("ttft<0.5", "is not an SLO"),
        ("ttft_p50<0.5,ttfb_p99<1", "SLO 2 .'ttfb_p99<1', at character 14.: unknown metric 'ttfb'"),
        ("ttft_p0<1", "'p0' is neither mean nor a percentile"),
        ("ttft_p100<1", "'p100'"),
        ("ttft_median<1", "'median'"),
        ("ttft_p50<-1", "'-1' is not a positive time"),
        ("ttft_p50<0", "'0' is not a positive time"),
        ("ttft_p50<5min", "'5min'"),
        ("ttft_p50<1 s", "is not an SLO"),
        ("ttft_p50<tier", "a tier has a bound for tbt and tpot only"),
        ("tbt_p99@<1", "no tier after '@'"),
    ],
)
def test_mistakes_are_named_with_their_place_and_the_form(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as caught:
        parse_slos(text)
    assert "METRIC_STAT[@TIER]<BOUND" in str(caught.value)


@settings(deadline=None)
@given(
    st.sampled_from(["ttft", "tbt", "tpot", "e2e"]),
    st.floats(0.1, 99.9).map(lambda x: round(x, 3)),
    st.none() | st.sampled_from(["paying", "tier 1", "free-eu"]),
    st.integers(1, 99_999),
)
def test_whatever_is_written_in_the_form_is_read(
    metric: str, percent: float, tier: str | None, bound_ms: int
) -> None:
    at = f"@{tier}" if tier else ""
    (slo,) = parse_slos(f" {metric}_p{percent}{at} < {bound_ms}ms ")
    assert (slo.metric, slo.tier) == (metric, tier)
    assert slo.q == pytest.approx(percent / 100)
    assert slo.bound_s == pytest.approx(bound_ms / 1000)


def steady(n: int = 2400) -> list[Row]:
    """TTFT 0.2 s; gaps of 80 ms for free, 120 ms for paying (whose SLO is 0.1 s)."""
    return [
        Row(float(i), [i + 0.2, i + 0.2 + gap, i + 0.2 + 2 * gap], "finished", tier, slo)
        for i in range(n)
        for tier, slo, gap in [("paying", 0.1, 0.12) if i % 2 else ("free", 0.5, 0.08)]
    ]


def test_tier_bound_is_asked_of_each_tier() -> None:
    metrics = run_metrics(recording(steady(), 3000.0))
    paying, free = evaluate(parse_slos("tbt_p99<tier"), metrics)  # strictest first
    assert (free.tier, free.bound_s, free.met) == ("free", 0.5, True)
    assert (paying.tier, paying.bound_s, paying.met) == ("paying", 0.1, False)
    assert paying.value == pytest.approx(0.12)
    assert paying.margin == pytest.approx(-0.2)
    assert paying.log_ratio == pytest.approx(math.log(1.2))


def test_number_is_asked_of_all_or_of_the_named_tier() -> None:
    metrics = run_metrics(recording(steady(), 3000.0))
    overall, named, own = evaluate(
        parse_slos("tbt_mean<0.101,tbt_p50@free<70ms,tbt_p99@paying<tier"), metrics
    )
    assert (overall.tier, overall.met) == (None, True)
    assert (named.tier, named.met, named.bound_s) == ("free", False, 0.07)
    assert (own.tier, own.bound_s, own.met) == ("paying", 0.1, False)


@pytest.mark.parametrize(("bound", "met"), [("0.25", True), ("0.24", False), ("0.26", True)])
def test_value_on_its_bound_meets_it(bound: str, met: bool) -> None:
    rows = [Row(float(i), [i + 0.25]) for i in range(100)]
    (verdict,) = evaluate(parse_slos(f"ttft_p50<{bound}"), run_metrics(recording(rows, 200.0)))
    assert verdict.met is met


def test_what_cannot_be_told_is_not_met() -> None:
    metrics = run_metrics(recording(steady(500), 900.0))
    (few,) = evaluate(parse_slos("ttft_p99<10"), metrics)
    assert (few.value, few.met, few.margin, few.log_ratio) == (None, None, None, None)
    assert few.why == f"n too small: {few.n} requests"
    assert few.sample_value == pytest.approx(0.2)
    gaps, free = evaluate(parse_slos("tbt_p99<1,tbt_p99@free<1"), metrics)
    assert (gaps.met, gaps.n, free.n) == (None, few.n, few.n // 2)
    (absent,) = evaluate(parse_slos("ttft_p50@gold<10"), metrics)
    assert absent.met is None
    assert "free, paying" in absent.why


def test_outputs_of_one_token_have_no_time_between_tokens() -> None:
    rows = [Row(float(i), [i + 0.2], "finished") for i in range(1200)]
    metrics = run_metrics(recording(rows, 2000.0))
    for text in ("tbt_p99<tier", "tbt_mean<1", "tpot_p50<1"):
        (verdict,) = evaluate(parse_slos(text), metrics)
        assert (verdict.met, verdict.n) == (None, 0)
        assert verdict.why == "no request has a second token, so there is no time between tokens"
    (other,) = evaluate(parse_slos("tbt_p99<1"), run_metrics(recording([Row(0.0, [])], 1.0)))
    assert other.why == "n too small: 0 requests"


def test_starving_requests_break_a_tail_slo_and_not_the_median() -> None:
    rows = [
        Row(float(i), [i + 0.2] if i % 10 else [], "finished" if i % 10 else "unfinished")
        for i in range(2000)
    ]
    median, tail = evaluate(
        parse_slos("ttft_p50<0.5,ttft_p99<10"), run_metrics(recording(rows, 2500.0))
    )
    assert median.met is True
    assert (tail.value, tail.met, tail.margin) == (math.inf, False, -math.inf)


def test_percentile_that_was_not_computed_is_an_error() -> None:
    metrics = run_metrics(recording(steady(), 3000.0))
    with pytest.raises(ValueError, match=r"percentile 0\.75 was not computed"):
        evaluate(parse_slos("ttft_p75<1"), metrics)
    again = run_metrics(recording(steady(), 3000.0), qs=levels(parse_slos("ttft_p75<1")))
    assert evaluate(parse_slos("ttft_p75<1"), again)[0].met


def test_zero_is_within_every_bound() -> None:
    rows = [Row(float(i), [i + 0.2, i + 0.2]) for i in range(100)]
    (verdict,) = evaluate(parse_slos("tbt_p50<0.1"), run_metrics(recording(rows, 200.0)))
    assert verdict.met
    assert verdict.log_ratio == -math.inf
    assert np.isfinite(verdict.margin)
