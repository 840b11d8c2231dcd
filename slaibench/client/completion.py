"""What one event of a completion or chat stream says."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

_IN_A_DELTA = ("content", "reasoning_content", "reasoning", "tool_calls", "token_ids")
"""Fields of a chat choice's delta that hold output."""


class CompletionError(ValueError):
    """An event that is no part of a completion; the message quotes it."""


class Event(NamedTuple):
    """One event of a stream.

    Args:
        new_tokens: output tokens it carries.
        finished: whether the server says with it that the output is complete.
        error: what the server reports instead of output, else None.
        completion_tokens, prompt_tokens: the server's own counts so far; None: not said.
    """

    new_tokens: int
    finished: bool
    error: str | None
    completion_tokens: int | None
    prompt_tokens: int | None


def read_event(data: bytes, counted: int) -> Event:
    """Understand an event's data, when ``counted`` tokens came before it.

    It carries as many tokens as the server's own count (``usage.completion_tokens``) grew by, where
    it has one; else 1 if it holds output. An event without a choice (usage alone) carries none.

    Raises:
        CompletionError: it is no part of a completion.
    """
    try:
        event = orjson.loads(data)
        choices = event.get("choices")
        usage = event.get("usage")
        total = prompt = None
        if usage:
            total, prompt = usage.get("completion_tokens"), usage.get("prompt_tokens")
        error = _error_text(event) if "error" in event or "choices" not in event else None
        if not choices:
            if error is None and not usage and "choices" not in event:
                raise ValueError
            return Event(0, False, error, total, prompt)
        new = 1 if _carries_output(choices) else 0
        if total is not None:
            new = max(0, total - counted)
        return Event(new, choices[0].get("finish_reason") is not None, error, total, prompt)
    except (AttributeError, TypeError, KeyError, ValueError) as problem:
        raise CompletionError(f"not a completion: {excerpt(data)}") from problem


def _carries_output(choices: list[dict[str, Any]]) -> bool:
    for choice in choices:
        if choice.get("text") or choice.get("token_ids"):
            return True
        delta = choice.get("delta")
        if delta:
            for name in _IN_A_DELTA:
                if delta.get(name):
                    return True
    return False


def _error_text(event: dict[str, Any]) -> str | None:
    error = event.get("error") or (event if event.get("object") == "error" else None)
    if not error:
        return None
    message = error.get("message") if isinstance(error, dict) else error
    return excerpt(str(message or error).encode())


def excerpt(text: bytes, limit: int = 300) -> str:
    """The start of a server's text, on one line."""
    line = " ".join(text[: 4 * limit].decode(errors="replace").split())
    return line if len(line) <= limit else line[: limit - 3] + "..."
