"""What others than a run's own client may send to its server."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any

from slaibench.backends.engines.served import ServedEngine
from slaibench.schedulers.engines.switch import REQUEST_KEY

BIG = 10**400
ODD: tuple[object, ...] = (
    *([1], "x", 5, True, None, {}, {"tier": ["a"]}, {"tier": {}}, {"tier": 5}, {"tier": BIG}),
    *({"tier": "x" * 10**5}, {"tier": "\ud800"}, {"tbt_slo_s": BIG}, {"tbt_slo_s": -1}),
    *({"tbt_slo_s": [0.1]}, {"tbt_slo_s": "soon"}, {"tbt_slo_s": float("nan")}),
    *({"tbt_slo_s": float("inf")}, {REQUEST_KEY: ["slai"]}, {REQUEST_KEY: {}}),
)
"""What a client may say of its service class, or by mistake."""


def odd_requests(served: ServedEngine) -> Iterator[tuple[str, dict[str, Any]]]:
    """Path and body."""
    sglang = served._engine.key == "sglang"
    own = "custom_params" if sglang else "vllm_xargs"
    plain = {"model": "mistral-7b", "prompt": [5] * 4, "max_tokens": 2}
    besides: list[dict[str, Any]] = [{own: odd} for odd in ODD]
    besides += [{"priority": odd} for odd in (5, -1, BIG, "x", [1], None)]
    besides += [{"rid": odd, "request_id": odd} for odd in ("a\nf,run1-3,0", "\ud800", 5, ["a"])]
    besides += [{"logprobs": 2}, {"prompt": [10**6]}, {"prompt": [-1]}, {"prompt": []}, {"n": 3}]
    for more in besides:
        yield "/v1/completions", plain | more
    if not sglang:
        return
    for params in ({own: odd} for odd in ODD):
        yield "/generate", {"input_ids": [5], "sampling_params": {"max_new_tokens": 2, **params}}
    for wrong in (
        *({"return_logprob": True}, {"return_logprob": True, "top_logprobs_num": 10**9}),
        *({"input_ids": [-1]}, {"input_ids": [10**6]}, {"input_ids": []}, {"input_ids": ["a"]}),
        *({"rid": "a\nf,run1-3,0"}, {"rid": ["a"]}, {"session_params": {"id": "none"}}),
    ):
        yield "/generate", {"input_ids": [5], "sampling_params": {"max_new_tokens": 2}, **wrong}


def foreign_requests(served: ServedEngine, key: str | None) -> list[int]:
    """Statuses of requests that are not the run's: another scheduler, tokens, a look, a flush."""
    running = served.running()
    url = running.server.url.removeprefix("http://")
    engine, statuses = served._engine, []
    body = {"model": "mistral-7b", "prompt": [5] * 4, "max_tokens": 1}
    wanted = (
        ("POST", "/v1/completions", body | engine.body_fields({REQUEST_KEY: "sarathi"})),
        ("POST", "/v1/completions", body),
        ("POST", "/generate", {"input_ids": [5], "sampling_params": {"max_new_tokens": 1}}),
        ("GET", "/v1/models", None),
        ("GET", "/metrics", None),
        ("POST", "/flush_cache", {}),
    )
    for method, path, said in wanted:
        connection = http.client.HTTPConnection(url, timeout=30)
        headers = {"Content-Type": "application/json"}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        text = None if said is None else json.dumps(said)
        connection.request(method, path, text, headers)
        statuses.append(connection.getresponse().status)
        connection.close()
    return statuses
