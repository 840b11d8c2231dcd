"""Fields that a user adds to every request's body: which may be given, and which are shown."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from slaibench.machine.disclosed import Form, digest, is_digest

OWN = frozenset({"stream", "prompt", "messages"})
"""The load generator's, which cannot even be left out."""
MEASURED = frozenset(
    {
        *("model", "stream_options", "ignore_eos", "n", "best_of", "num_return_sequences", "echo"),
        *("use_beam_search", "max_tokens", "max_completion_tokens", "max_new_tokens"),
        *("max_output_tokens", "min_tokens", "min_new_tokens"),
    }
)
"""Fields that decide which output is measured, or how much: another value than was asked for would
change it behind a recording's back. Null leaves one of ours out."""
NO_LIMIT = (OWN | MEASURED | {"temperature", "seed"}) - {
    *("max_tokens", "max_completion_tokens", "max_new_tokens", "max_output_tokens")
}
"""Fields that cannot be the limit of the output."""
_OF_WORDS = frozenset(
    {
        *("reasoning_effort", "effort", "verbosity", "service_tier", "tool_choice", "truncation"),
        *("guided_decoding_backend", "type", "return_tokens_as_token_ids", "modalities"),
    }
)
"""Fields whose value is one of a few words."""


def check(body: Mapping[str, Any], max_tokens_field: str | None) -> None:
    """Refuse what would change what is measured, and what no JSON has.

    Raises:
        ValueError: with the field's name, and no value: it may be a secret.
    """
    for name, value in body.items():
        if name in OWN:
            raise ValueError(f"extra_body cannot set {name!r}: it is the load generator's own")
        if value is not None and name in MEASURED | {max_tokens_field}:
            raise ValueError(
                f"extra_body cannot set {name!r}, which decides what is measured: null leaves a "
                "field of ours out"
            )
    _check_json(body)


def disclosed(body: Any, name: str = "") -> Any:
    """As records and pages have it.

    Returns:
        Numbers, switches, null and the words of known fields as they are; a digest for any other
        text, so that two bodies that differ in it differ.
    """
    match body:
        case dict():
            return {_name(key): disclosed(inner, key) for key, inner in body.items()}
        case list():
            return [disclosed(inner, name) for inner in body]
        case str():
            return body if _is_shown(body, name) else digest(body)
    return body


def hides(body: Any) -> bool:
    """Whether a body is as a recording has it, with something left out."""
    match body:
        case dict():
            return any(hides(part) for pair in body.items() for part in pair)
        case list():
            return any(map(hides, body))
    return isinstance(body, str) and is_digest(body)


def secrets(body: Any, name: str = "") -> Iterator[str]:
    """Texts in it that no record shows."""
    match body:
        case dict():
            for key, inner in body.items():
                yield from secrets(inner, key)
                if _name(key) != key:
                    yield key
        case list():
            for inner in body:
                yield from secrets(inner, name)
        case str() if not _is_shown(body, name):
            yield body


def _is_shown(text: str, name: str) -> bool:
    short = name in _OF_WORDS and len(text) <= 24 and Form.WORD.shows(text) is not None
    return short or text == "" or is_digest(text)


def _name(text: str) -> str:
    return text if is_digest(text) or Form.WORD.shows(text.strip("_")) else digest(text)


def _check_json(value: Any) -> None:
    """Refuse NaN, halves of a character, and numbers of more than 64 bits."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            _check_json(name)
            _check_json(inner)
    elif isinstance(value, list):
        for inner in value:
            _check_json(inner)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"extra_body holds {value}, which JSON lacks")
    elif isinstance(value, int) and not -(2**63) <= value < 2**64:
        raise ValueError(f"extra_body holds {value:.6g}, which is no number of 64 bits")
    elif isinstance(value, str) and value.encode(errors="replace").decode() != value:
        raise ValueError("extra_body holds half of a character")
