"""What a server sends of one answer, as bytes, and the exchange that reads it."""

from __future__ import annotations

import json
from typing import Any

from slaibench.client.exchange import Exchange

SSE = "text/event-stream"


def streaming(tokens: int = 3, exact: bool = True) -> Exchange:
    started = Exchange(0, 0.0, tokens, exact)
    started.head(200, SSE)
    return started


def events(*many: Any) -> bytes:
    return b"".join(
        b"data: "
        + (event.encode() if isinstance(event, str) else json.dumps(event).encode())
        + b"\n\n"
        for event in many
    )


def text(content: str = "a", finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "text": content, "finish_reason": finish}], **more}


def delta(finish: str | None = None, **content: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": content, "finish_reason": finish}]}


def usage(completion: int, prompt: int = 7) -> dict[str, Any]:
    return {"usage": {"completion_tokens": completion, "prompt_tokens": prompt}}
