from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slaibench.endpoint.target_headers import TargetHeaders, headers_of, said_in
from slaibench.workloads.request import Request

LLM_D, INFERENCE_PERF = TargetHeaders


def request(ttft_slo_s: float, tbt_slo_s: float, tenant: str) -> Request:
    return Request(0, 0.0, 3, 9, "chat", tbt_slo_s, ttft_slo_s=ttft_slo_s, tenant=tenant)


@pytest.mark.parametrize(
    ("whose", "names"),
    [
        (LLM_D, ("x-llm-d-slo-ttft-ms", "x-llm-d-slo-tpot-ms", "x-llm-d-inference-fairness-id")),
        (INFERENCE_PERF, ("x-slo-ttft-ms", "x-slo-tpot-ms", "x-gateway-inference-fairness-id")),
    ],
)
def test_times_are_in_milliseconds(whose: TargetHeaders, names: tuple[str, ...]) -> None:
    ttft, tbt, tenant = names
    expected = {ttft: "300", tbt: "62.5", tenant: "acme"}
    assert headers_of(whose, request(0.3, 0.0625, "acme")) == expected


def test_what_a_request_does_not_have_has_no_header() -> None:
    assert headers_of(LLM_D, request(math.inf, 0.05, "")) == {"x-llm-d-slo-tpot-ms": "50"}


@given(
    st.sampled_from(TargetHeaders),
    st.floats(1e-3, 1e6),
    st.floats(1e-3, 1e6),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
)
def test_a_server_hears_what_is_said(
    whose: TargetHeaders, ttft_slo_s: float, tbt_slo_s: float, tenant: str
) -> None:
    headers = headers_of(whose, request(ttft_slo_s, tbt_slo_s, tenant))
    assert all(
        text.isascii() and text.isprintable() and " " not in text for text in headers.values()
    )
    said = said_in(headers)
    assert said == {
        "ttft_slo_s": pytest.approx(ttft_slo_s, rel=1e-9),
        "tbt_slo_s": pytest.approx(tbt_slo_s, rel=1e-9),
        "tenant": tenant,
    }


def test_nonsense_says_nothing_and_the_newer_names_come_first() -> None:
    headers = {
        "x-llm-d-slo-ttft-ms": "soon",
        "x-slo-ttft-ms": "200",
        "x-llm-d-slo-tpot-ms": "40",
        "x-slo-tpot-ms": "90",
        "x-llm-d-inference-fairness-id": "",
    }
    assert said_in(headers) == {"ttft_slo_s": 0.2, "tbt_slo_s": 0.04}
    for text in ("-1", "0", "nan", "inf", "1e999", "", "1 s"):
        assert said_in({"x-slo-ttft-ms": text}) == {}
