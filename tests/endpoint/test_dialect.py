"""How an endpoint is spoken to, as a value: what is refused, and what is written down."""

from __future__ import annotations

from typing import Any

import pytest

from slaibench.endpoint.dialect import Dialect


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"max_tokens_field": " "}, "not empty"),
        ({"extra_body": {"stream": False}}, "cannot set 'stream'"),
        ({"extra_body": {"prompt": "a"}}, "cannot set 'prompt'"),
        ({"extra_body": {"a": [float("nan")]}}, "holds nan, which JSON lacks"),
        ({"extra_body": {"a": {"b": 2**64}}}, "no number of 64 bits"),
        ({"extra_body": {"a": "\ud83d"}}, "half of a character"),
        ({"greeting": "hello"}, "greeting"),
    ],
)
def test_what_no_request_can_hold_is_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Dialect.model_validate(fields)


def test_the_plain_dialect_has_no_identity() -> None:
    assert Dialect().identity() is None
    assert Dialect().as_openai().identity() is None
    assert Dialect(insecure=True).identity() is None


def test_an_identity_has_a_mark_for_each_headers_value_and_comes_back_without_it() -> None:
    dialect = Dialect.model_validate({"headers": {"A": "secret"}, "extra_body": {"top_p": 1}})
    identity = dialect.identity()
    assert identity is not None
    assert identity["extra_body"] == {"top_p": 1}
    assert len(identity["headers"]["A"]) == 4
    assert "secret" not in str(identity) + repr(dialect) + dialect.model_dump_json()
    back = Dialect.of_identity(identity)
    assert back is not None
    assert back.extra_body == {"top_p": 1}
    with pytest.raises(ValueError, match="kept in no file"):
        back.plain_headers()
