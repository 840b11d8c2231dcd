"""Which server, and the bytes it gets."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from slaibench.client.body import request_bytes
from slaibench.client.target import Target
from slaibench.endpoint.target_headers import TargetHeaders
from slaibench.endpoint.url import Api
from slaibench.workloads.request import Request


def test_a_url_of_one_interface_is_not_used_for_the_other() -> None:
    with pytest.raises(ValueError, match="is not that of the chat interface"):
        Target("http://h/v1/completions", "m", api=Api.CHAT)


def test_a_query_goes_with_every_request() -> None:
    target = Target("http://h/a/completions?key=x", "m", new_connections=True)
    data = request_bytes(target, Request(0, 0.0, 3, 9), "a", seed=4)
    assert data.startswith(b"POST /a/completions?key=x HTTP/1.1\r\n")
    assert b"\r\nConnection: close\r\n" in data
    assert target.address.at("/models") == "/a/models?key=x"


def test_a_field_is_left_out_where_the_extra_body_has_null_for_it() -> None:
    extra = {"temperature": None, "stream_options": None, "seed": 7}
    data = request_bytes(
        Target("http://h", "m", extra_body=extra), Request(0, 0.0, 3, 9), "a", seed=4
    )
    body = json.loads(data.partition(b"\r\n\r\n")[2])
    assert "temperature" not in body
    assert "stream_options" not in body
    assert body["seed"] == 7


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"timeout_s": 0.0}, "timeout_s must be between"),
        ({"timeout_s": float("nan")}, "timeout_s"),
        ({"read_timeout_s": -1.0}, "read_timeout_s"),
        ({"headers": {"A": "b\r\nEvil: c"}}, "header 'A' cannot be sent"),
        ({"headers": {"A:": "b"}}, "cannot be sent"),
        ({"headers": {"Content-length": "3"}}, "set by the client"),
        ({"api_key": "a\nb"}, "header 'Authorization' cannot be sent"),
    ],
)
def test_bad_settings_are_refused(more: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Target("http://h", "m", **more)


def per_request(request: Request) -> dict[str, Any]:
    return {"vllm_xargs": {"tier": request.tier, "tbt_slo_s": request.tbt_slo_s}}


def test_a_request_is_whole_and_says_its_length() -> None:
    target = Target(
        "http://h:8000/base",
        "m",
        headers={"X-Team": "a"},
        request_id_prefix="run1-",
        extra_body={"temperature": 0.5, "top_k": 3},
        extra_of=per_request,
    )
    request = Request(12, 0.0, 3, 9, tier="paying", tbt_slo_s=0.1)
    data = request_bytes(target, request, np.array([5, 6, 7]), seed=4)
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    assert first == "POST /base/v1/completions HTTP/1.1"
    assert int(headers["Content-Length"]) == len(body)
    assert headers["Host"] == "h:8000"
    assert headers["X-Request-Id"] == "run1-12"
    assert headers["X-Team"] == "a"
    assert headers["Accept-Encoding"] == "identity"
    assert json.loads(body) == {
        "model": "m", "prompt": [5, 6, 7], "max_tokens": 9, "stream": True,
        "stream_options": {"include_usage": True, "continuous_usage_stats": True},
        "ignore_eos": True, "temperature": 0.5, "seed": 4, "top_k": 3,
        "vllm_xargs": {"tier": "paying", "tbt_slo_s": 0.1},
    }  # fmt: skip


def test_a_request_s_own_targets_are_headers_of_its_own() -> None:
    target = Target("http://h", "m", target_headers=TargetHeaders.LLM_D, headers={"X-Team": "a"})
    own = Request(0, 0.0, 3, 9, tbt_slo_s=0.1, ttft_slo_s=0.5, tenant="acme")
    head = request_bytes(target, own, "a", seed=4).partition(b"\r\n\r\n")[0].decode()
    assert "\r\nx-llm-d-slo-ttft-ms: 500\r\nx-llm-d-slo-tpot-ms: 100\r\n" in head
    assert "\r\nx-llm-d-inference-fairness-id: acme\r\n" in head
    other = request_bytes(target, Request(1, 0.0, 3, 9), "a", seed=4)
    assert b"ttft" not in other
    assert b"fairness" not in other
    assert b"slo" not in request_bytes(Target("http://h", "m"), own, "a", seed=4)


def test_chat_sends_a_message() -> None:
    target = Target("http://h", "m", api=Api.CHAT)
    data = request_bytes(target, Request(0, 0.0, 3, 9), "a b c", seed=4)
    assert data.startswith(b"POST /v1/chat/completions HTTP/1.1\r\n")
    body = json.loads(data.partition(b"\r\n\r\n")[2])
    assert body["messages"] == [{"role": "user", "content": "a b c"}]
    assert "prompt" not in body
