"""The bytes of a request, head and body, as they go to the socket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from slaibench.client.prompts import Prompt
from slaibench.client.target import Target
from slaibench.endpoint.target_headers import headers_of
from slaibench.endpoint.url import ROUTES, Api
from slaibench.workloads.request import Request


def request_body(target: Target, request: Request, prompt: Prompt, seed: int) -> dict[str, Any]:
    """The JSON object of a request; a prompt of token ids stays a NumPy array."""
    body: dict[str, Any] = {"model": target.model}
    if target.api is Api.CHAT:
        said = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
        body["messages"] = said
    else:
        body["prompt"] = prompt
    body[target.max_tokens_field or "max_tokens"] = request.output_tokens
    body["stream"] = True
    usage = {"include_usage": True}
    if target.continuous_usage:
        usage["continuous_usage_stats"] = True
    body["stream_options"] = usage
    if target.ignore_eos:
        body["ignore_eos"] = True
    body["temperature"] = 0
    body["seed"] = seed
    body.update(target.extra_body)
    for name, value in target.extra_body.items():
        if value is None:
            del body[name]
    if target.extra_of is not None:
        body.update(target.extra_of(request))
    return body


def request_head(target: Target, length: int, request_id: str, own: Mapping[str, str]) -> bytes:
    """Request line and headers. Compression is refused: it would hold tokens back.

    Args:
        own: headers of this request alone; those that are given for every one go before them.
    """
    address = target.address
    headers = {
        "Host": address.authority,
        "Content-Type": "application/json",
        "Content-Length": str(length),
        "Accept": "text/event-stream",
        "Accept-Encoding": "identity",
        "X-Request-Id": request_id,
        **({"Connection": "close"} if target.new_connections else {}),
        **own,
        **target.all_headers(),
    }
    lines = [f"POST {address.at(ROUTES[target.api])} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def request_bytes(target: Target, request: Request, prompt: Prompt, seed: int) -> bytes:
    """A whole request, ready for one write."""
    body = orjson.dumps(
        request_body(target, request, prompt, seed), option=orjson.OPT_SERIALIZE_NUMPY
    )
    request_id = f"{target.request_id_prefix}{request.request_id}"
    own = headers_of(target.target_headers, request) if target.target_headers else {}
    return request_head(target, len(body), request_id, own) + body
