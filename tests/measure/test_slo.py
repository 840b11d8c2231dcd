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
        ("ttft_p50=0.5", "SLO 1 .'ttft_p50=0.5', at character 1. is not an SLO"),
        ("ttft_p50>0.5", "more of ttft is worse: bound it from above, as ttft_p50<0.5"),
        ("ttft_p50", "is not an SLO"),
        ("ttft<0.5", "is not an SLO: ttft of which statistic"),
        ("ttft_p50<0.5,ttfb_p99<1", "SLO 2 .'ttfb_p99<1', at character 14.: unknown metric 'ttfb'"),
        ("ttft_p0<1", "'p0' is neither mean nor a percentile"),
        ("ttft_p100<1", "'p100'"),
        ("ttft_median<1", "'median'"),
        ("ttft_p50<-1", "'-1' is not a positive time"),
        ("ttft_p50<0", "'0' is not a positive time"),
        ("ttft_p50<5min", "'5min'"),
        ("ttft_p50<1 s", "is not an SLO"),
        ("ttft_p50<tier", "a tier has a bound for tbt and tpot only"),
        ("tbt_p99@<1", "no tier and no tenant after '@'"),
        ("tbt_p99@tenant=<1", "no tier and no tenant after '@'"),
        ("tbt_p99@user=a<1", "'user=a' is whose. Say tier=NAME or tenant=NAME"),
        ("tbt_p99@tenant=a<tier", "a tenant has no bound of its own.*goodput_share@tenant=a"),
        ("goodput>0.99", "requests a second; the share of requests within .* is goodput_share"),
        ("goodput_share<0.9", "more of goodput_share is better: bound it from below"),
        ("goodput_share>1", "'1' is not a share between 0 and 1; no runs are sure of all"),
        ("goodput_share>0", "'0' is not a share"),
        ("goodput_share>99%", "'99%' is not a share"),
        ("output_tokens_per_s>100", "output_tokens_per_s .output tokens a second. is no target"),
        ("tenant_fairness@tenant=a>0.9", "tenant_fairness .Jain's index .* is no target"),
    ],
)
def test_mistakes_are_named_with_their_place_and_the_form(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as caught:
        parse_slos(text)
    assert "METRIC_STAT[@WHOSE]<BOUND" in str(caught.value)


@settings(deadline=None)
@given(
    st.sampled_from(["ttft", "tbt", "tpot", "e2e"]),
    st.floats(0.1, 99.9).map(lambda x: round(x, 3)),
    st.sampled_from(["", "@paying", "@tier 1", "@tier=free-eu", "@tenant=acme", "@tenant=a=b=="]),
    st.integers(1, 99_999),
)
def test_whatever_is_written_in_the_form_is_read(
    metric: str, percent: float, whose: str, bound_ms: int
) -> None:
    (slo,) = parse_slos(f" {metric}_p{percent}{whose} < {bound_ms}ms ")
    assert slo.metric == metric
    assert slo.group(slo.tier) == (whose.removeprefix("@").removeprefix("tier=") or None)
    assert slo.q == pytest.approx(percent / 100)
    assert slo.bound == pytest.approx(bound_ms / 1000)


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
    assert (free.tier, free.bound, free.met) == ("free", 0.5, True)
    assert (paying.tier, paying.bound, paying.met) == ("paying", 0.1, False)
    assert paying.value == pytest.approx(0.12)
    assert paying.margin == pytest.approx(-0.2)
    assert paying.log_ratio == pytest.approx(math.log(1.2))


def test_number_is_asked_of_all_or_of_the_named_tier() -> None:
    metrics = run_metrics(recording(steady(), 3000.0))
    overall, named, own = evaluate(
        parse_slos("tbt_mean<0.101,tbt_p50@free<70ms,tbt_p99@paying<tier"), metrics
    )
    assert (overall.tier, overall.met) == (None, True)
    assert (named.tier, named.met, named.bound) == ("free", False, 0.07)
    assert (own.tier, own.bound, own.met) == ("paying", 0.1, False)


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


def of_tenants(n: int = 2400) -> list[Row]:
    """a's TTFT is 0.2 s, b's 0.4 s, and the target of both 0.3 s; c is there once."""
    return [
        Row(
            float(i),
            [i + (0.4 if i % 3 == 0 else 0.2), i + 0.5],
            ttft_slo_s=0.3,
            tenant="c" if i == n - 1 else "b" if i % 3 == 0 else "a",
        )
        for i in range(n)
    ]


def test_a_target_of_a_tenant_is_of_its_requests_alone() -> None:
    metrics = run_metrics(recording(of_tenants(), 3000.0))
    a, b, both = evaluate(
        parse_slos("ttft_p50@tenant=a<0.3,ttft_p50@tenant=b<0.3,ttft_p50<0.3"), metrics
    )
    assert (a.value, a.met) == (pytest.approx(0.2), True)
    assert (b.value, b.met) == (pytest.approx(0.4), False)
    assert both.met
    assert (a.n + b.n + 1, both.n) == (metrics.num_measured, metrics.num_measured)
    assert (a.tier, b.tier, both.tier) == (None, None, None)
    # As few as it has itself, whatever all together have.
    (tail,) = evaluate(parse_slos("ttft_p99@tenant=b<1"), metrics)
    assert (tail.value, tail.met, tail.n) == (None, None, b.n)
    assert tail.why == f"n too small: {b.n} requests"


def test_goodput_is_bounded_from_below() -> None:
    metrics = run_metrics(recording(of_tenants(), 3000.0))
    text = "goodput_share>0.6,goodput_share@tenant=a>=0.99,goodput_share@tier=free>0.7"
    both, a, free = evaluate(parse_slos(text), metrics)
    assert both.value == pytest.approx(2 / 3, abs=0.001)
    assert (both.met, both.n) == (True, metrics.num_measured - (metrics.window_s[0] > 0))
    assert (a.value, a.met, a.margin) == (1.0, True, pytest.approx(1 / 0.99 - 1))
    assert (free.tier, free.met) == ("free", False)
    assert free.value == both.value
    assert free.log_ratio == pytest.approx(math.log(0.7 / (2 / 3)), abs=0.002)
    (none,) = evaluate(parse_slos("goodput_share@tenant=b>0.5"), metrics)
    assert (none.value, none.met, none.log_ratio) == (0.0, False, math.inf)


def test_who_has_no_request_and_who_no_target_is_named() -> None:
    metrics = run_metrics(recording(of_tenants(), 3000.0))
    nobody, alone = evaluate(parse_slos("ttft_p50@tenant=x<1,goodput_share@tenant=c>0.5"), metrics)
    assert (nobody.value, nobody.met) == (None, None)
    assert nobody.why == "no request of tenant 'x' in this run (tenants seen: a, b, c)"
    assert alone.n == 1
    (untold,) = evaluate(parse_slos("goodput_share>0.9"), run_metrics(recording(steady(), 3000.0)))
    assert untold.met is None
    assert "no request has a TTFT target of its own" in untold.why


def test_of_many_tenants_those_have_numbers_that_are_named() -> None:
    rows = [Row(float(i), [i + 0.2, i + 0.3], tenant=f"t{i % 40}") for i in range(400)]
    assert run_metrics(recording(rows, 500.0)).tenants == {}
    named = run_metrics(recording(rows, 500.0), tenants=["t7", "t99"])
    assert list(named.tenants) == ["t7"]
    (verdict,) = evaluate(parse_slos("ttft_p50@tenant=t7<1"), named)
    assert verdict.n == named.tenants["t7"].ttft.n < 11


def test_zero_is_within_every_bound() -> None:
    rows = [Row(float(i), [i + 0.2, i + 0.2]) for i in range(100)]
    (verdict,) = evaluate(parse_slos("tbt_p50<0.1"), run_metrics(recording(rows, 200.0)))
    assert verdict.met
    assert verdict.log_ratio == -math.inf
    assert np.isfinite(verdict.margin)
