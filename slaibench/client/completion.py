"""What one event of a completion or chat stream says."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import orjson

from slaibench.client.quoted import Quoter

_IN_A_DELTA = (
    *("content", "reasoning_content", "reasoning", "tool_calls", "token_ids"),
    *("refusal", "function_call", "audio", "reasoning_details", "thinking"),
)
"""Fields of a chat choice's delta that hold output."""
_ENDS = frozenset(
    {
        *("stop", "length", "tool_calls", "function_call", "eos", "eos_token", "stop_sequence"),
        *("end_turn", "max_tokens"),
    }
)
"""Finish reasons of an output that ended by its length or its content: an allow list, since servers
have many words for having given up."""
PLAIN = Quoter()
MAX_COUNT = 10**9
"""No server has counted more tokens of a prompt."""


class CompletionError(ValueError):
    """An event that is no part of a completion; the message quotes it."""


class Event(NamedTuple):
    """One event of a stream.

    Args:
        shows: whether it holds output.
        silent: whether it may be of a token that shows nothing (a special one, half a character).
        has_choice: whether it is of the output at all; else of usage alone.
        finished: whether the server says with it that the output is complete.
        error: what the server reports instead of output, else None.
        completion_tokens, prompt_tokens: the server's own counts so far; None: not said.
        cached_tokens: prompt tokens that it found in its prefix cache; None: not said.
    """

    shows: bool
    silent: bool
    has_choice: bool
    finished: bool
    error: str | None
    completion_tokens: int | None
    prompt_tokens: int | None
    cached_tokens: int | None = None


def read_event(data: bytes, quote: Quoter = PLAIN) -> Event:
    """Understand an event's data.

    Args:
        quote: how what is wrong in it is shown.

    Raises:
        CompletionError: it is no part of a completion, or a count in it is no whole number from 0
            on.
    """
    try:
        try:
            event = orjson.loads(data)
        except orjson.JSONDecodeError:
            event = _loosely(data)
        choices = event.get("choices")
        usage = event.get("usage")
        total = prompt = cached = None
        if usage:
            total, prompt = usage.get("completion_tokens"), usage.get("prompt_tokens")
            if type(total) is not int or total < 0:
                total = _count("completion_tokens", total, quote)
            if type(prompt) is not int or not 0 <= prompt <= MAX_COUNT:
                prompt = _count("prompt_tokens", prompt, quote)
            cached = _cached(usage, prompt)
        error = _error_text(event, quote) if "error" in event or "choices" not in event else None
        if not choices:
            if error is None and not usage and "choices" not in event:
                raise ValueError
            return Event(False, False, False, False, error, total, prompt, cached)
        reason = choices[0].get("finish_reason")
        if reason and error is None and not _is_end(reason):
            error = f"the engine ended with {quote(str(_word(reason)), 60)!r}"
        shows = _shows_output(choices)
        silent = not shows and _is_silent(choices[0])
        return Event(shows, silent, True, bool(reason), error, total, prompt, cached)
    except CompletionError:
        raise
    except (AttributeError, TypeError, KeyError, ValueError, RecursionError) as problem:
        raise CompletionError(f"not a completion: {quote(data)}") from problem


def read_named_event(name: bytes, data: bytes, quote: Quoter = PLAIN) -> Event | None:
    """Understand an event that has a name; None: it is of something else (``ping``)."""
    try:
        event = read_event(data, quote)
    except CompletionError:
        event = None
    if b"error" not in name.lower():
        return event
    said = event.error if event is not None else None
    return Event(False, False, False, False, said or quote(data) or quote(name), None, None)


def _word(reason: Any) -> Any:
    """SGLang's own interface has it in an object: ``{"type": "length", ...}``."""
    return reason.get("type") if isinstance(reason, dict) and reason.get("type") else reason


def _is_end(reason: Any) -> bool:
    return str(_word(reason)).lower() in _ENDS


def _loosely(data: bytes) -> Any:
    """As Python reads JSON: with NaN, and with halves of a character written as ``\\ud83d``."""
    return json.loads(data.decode(errors="replace"))


def _count(name: str, value: Any, quote: Quoter) -> int | None:
    """A count that is not plainly one; None: not said."""
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is not int or not 0 <= value <= MAX_COUNT:
        raise CompletionError(
            f"usage.{name} is no whole number from 0 on: {quote(repr(value), 60)}"
        )
    return value


def _cached(usage: dict[str, Any], prompt: int | None) -> int | None:
    """Prompt tokens found in a prefix cache. What cannot be such a count is as good as not said:
    no request fails by it."""
    details = usage.get("prompt_tokens_details")
    count = details.get("cached_tokens") if isinstance(details, dict) else None
    return count if type(count) is int and 0 <= count <= (prompt or 0) else None


def _shows_output(choices: list[dict[str, Any]]) -> bool:
    for choice in choices:
        if choice.get("text") or choice.get("token_ids"):
            return True
        delta = choice.get("delta")
        if delta:
            for name in _IN_A_DELTA:
                if delta.get(name):
                    return True
    return False


def _is_silent(choice: dict[str, Any]) -> bool:
    delta = choice.get("delta")
    if delta:  # The first of a chat has the role, and no token.
        return delta.get("content") == "" and "role" not in delta
    return choice.get("text") == ""


def _error_text(event: dict[str, Any], quote: Quoter) -> str | None:
    error = event.get("error") or (event if event.get("object") == "error" else None)
    if not error:
        return None
    message = error.get("message") if isinstance(error, dict) else error
    return quote(str(message or error))
