"""What people write of a request's fields and headers, read and written back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import SecretStr

KEPT = "**********"
"""What stands for a header's value wherever a specification is written down."""
NOT_SHOWN = "..."
"""What stands for it in a command line, for who runs it to give."""


def read_body(text: str) -> dict[str, Any]:
    """``{"top_p": 1}``.

    Raises:
        ValueError: it is no JSON object.
    """
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as error:
        # Neither the text nor the parser's words: it may hold a secret.
        at = f" (at character {error.pos + 1})" if isinstance(error, json.JSONDecodeError) else ""
        raise ValueError(
            f'--extra-body is no JSON{at}: write an object like {{"top_p": 1}}'
        ) from error
    if not isinstance(body, dict):
        raise ValueError('--extra-body must be a JSON object like {"top_p": 1}')
    return body


def body_texts(body: Mapping[str, Any] | str) -> Sequence[str]:
    """The one text that ``read_body`` reads; a text is one already."""
    return (body if isinstance(body, str) else json.dumps(body),)


def read_headers(texts: Sequence[str]) -> dict[str, SecretStr]:
    """``Name: value``, each.

    Raises:
        ValueError: one has no name or no colon.
    """
    return dict(map(_header, texts))


def header_texts(headers: Mapping[str, str]) -> Sequence[str]:
    """Texts that ``read_headers`` reads; a value that is kept nowhere is left to the reader."""
    return [f"{name}: {NOT_SHOWN if v == KEPT else v}" for name, v in headers.items()]


def _header(text: str) -> tuple[str, SecretStr]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        # The text may be a secret whose name was forgotten.
        raise ValueError("--header must be 'Name: value'; one that was given has no name or colon")
    return name.strip(), SecretStr(value.strip())
